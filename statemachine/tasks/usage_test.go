package tasks_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// results is a Map run's file of children that succeeded, as a ResultWriter writes it.
func results(t *testing.T, kind string, list ...price.Usage) []byte {
	t.Helper()
	var children []map[string]any
	for i, u := range list {
		output, err := json.Marshal(statemachine.BlockDone{Block: i, Usage: u})
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, map[string]any{"ExecutionArn": "arn:aws:states:us-east-1:123456789012:" + kind + ":m/blocks:" + fmt.Sprint(i), "Input": "{}",
			"Output": string(output), "StartDate": "2026-11-29T01:00:00.000Z", "StopDate": "2026-11-29T01:00:01.250Z", "Status": "SUCCEEDED"})
	}
	data, err := json.Marshal(children)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestASummaryAddsUpWhatItsFunctionsTook(t *testing.T) {
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	job := b.job(dataset.CSV, example(t, "diabetes-xgboost"), dataset.CSV, 200)
	first, _, err := b.run(job, statemachine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Used == nil || first.Used.Lambda.Requests != 2 || first.Used.Lambda.GBSeconds <= 0 { // prepare, and finish itself
		t.Fatalf("found %+v", first.Used)
	}
	prefix := bucket + "/" + job.Store.Prefix + "/results/"
	b.store.objects[prefix+"one/SUCCEEDED_0.json"] = results(t, "express", price.Usage{Requests: 4, GBSeconds: 2, BilledMilli: 1000}, price.Usage{Requests: 5, GBSeconds: 1, BilledMilli: 500})
	b.store.objects[prefix+"one/SUCCEEDED_1.json"] = results(t, "express", price.Usage{Requests: 1})
	b.store.objects[prefix+"two/SUCCEEDED_0.json"] = results(t, "execution", price.Usage{Requests: 3, GBSeconds: 0.5})
	b.store.objects[prefix+"one/FAILED_0.json"], b.store.objects[prefix+"one/manifest.json"] = []byte("[]"), []byte("{}")
	s, err := tasks.Summarize(t.Context(), b.store, job)
	if err != nil || s.Used == nil || s.Used.Lambda.Requests != 2+13 {
		t.Fatalf("found %+v, %v", s, err)
	}
	// Three EXPRESS children of 1.25 s, each 13 steps with 64 MB.
	if u := s.Used; u.Lambda.GBSeconds < 3.5 || u.Lambda.GBSeconds > 3.5+2*first.Used.Lambda.GBSeconds+0.1 || math.Abs(u.ExpressGBSeconds-3*1.3/16) > 1e-9 {
		t.Errorf("found %+v", u)
	}
	b.store.objects[prefix+"one/SUCCEEDED_1.json"] = []byte(`[{"Output":"x"`)
	s, err = tasks.Summarize(t.Context(), b.store, job)
	if err != nil || s.Used != nil || !strings.Contains(s.UsedError, "SUCCEEDED_1.json") || s.Done != s.Blocks {
		t.Errorf("of results that cannot be read: found %+v, %v", s, err)
	}
}
