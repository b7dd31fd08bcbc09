package tasks_test

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
)

// Whatever an event says, the answer is a result or a typed error, and never a panic, which would be of kind Internal.
func FuzzHandle(f *testing.F) {
	b := newBench(f, "diabetes-xgboost/model.ubj", 2)
	job := b.job(dataset.CSV, example(f, "diabetes-xgboost"), dataset.CSV, 100)
	add := func(event map[string]any) {
		event["job"] = job
		data, err := json.Marshal(event)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, []byte(`[{"block":0,"first_row":0,"rows":2,"from":34,"to":90,"head":34,"line":2}]`))
	}
	block := statemachine.Block{Rows: 2, From: 34, To: 120, Head: 34, Line: 2}
	add(map[string]any{"task": "prepare"})
	add(map[string]any{"task": "rows", "block": block})
	add(map[string]any{"task": "rows", "block": statemachine.Block{Rows: -1, From: 9, To: 3}})
	add(map[string]any{"task": "rows", "via": "coordinator", "block": block})
	add(map[string]any{"task": "aggregate", "step": "trees", "block": block, "keys": []string{"a", "b"}, "carry": "c"})
	add(map[string]any{"task": "write", "block": block, "key": "in/table"})
	add(map[string]any{"task": "finish"})
	f.Add([]byte(`{"task":"finish","job":{"id":"x","store":{"bucket":"b","prefix":"p"},"output":{"key":"x/"}}}`), []byte(`null`))
	f.Add([]byte(`{"task":1}`), []byte(`{}`))
	objects := maps.Clone(b.store.objects)
	f.Fuzz(func(t *testing.T, event, index []byte) {
		b.store.objects = maps.Clone(objects)
		b.store.objects[bucket+"/p/one/index.json"] = index
		_, err := b.handler.Handle(t.Context(), event)
		var typed *shard.Error
		if err != nil && (!errors.As(err, &typed) || shard.KindOf(err) == shard.Internal) {
			t.Errorf("kind %v: %v", shard.KindOf(err), err)
		}
	})
}
