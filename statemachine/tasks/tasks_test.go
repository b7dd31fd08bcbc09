package tasks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

func TestEveryRowIsPredictsOwnBitForBit(t *testing.T) {
	for _, c := range []struct {
		model    string
		shards   int
		rows     int
		in, out  dataset.Format
		outputs  []string
		children string
		twice    bool
	}{
		{"diabetes-xgboost/model.ubj", 4, 100, dataset.CSV, dataset.CSV, nil, "", false},
		{"diabetes-xgboost/model.ubj", 3, 1, dataset.CSV, dataset.CSV, nil, "", false},
		{"diabetes-xgboost/model.ubj", 2, 7, dataset.CSV, dataset.JSONLines, []string{"margin", "prediction"}, "standard", true},
		{"digits-xgboost/model.json", 4, 64, dataset.CSV, dataset.CSV, []string{"prediction", "margin"}, "express", true},
		{"digits-xgboost/model.json", 4, 1000, dataset.NPY, dataset.NPY, nil, "", false},
		{"digits-mlp/model.onnx", 4, 50, dataset.CSV, dataset.CSV, nil, "", false},
		{"digits-mlp/model.onnx", 2, 50, dataset.NPY, dataset.NPY, nil, "", true},
		{"digits-mlp/model.onnx", 3, 33, dataset.JSONLines, dataset.JSONLines, nil, "", false},
	} {
		t.Run(fmt.Sprintf("%s shards=%d rows=%d %s to %s", filepath.Dir(c.model), c.shards, c.rows, c.in, c.out), func(t *testing.T) {
			b := newBench(t, c.model, c.shards)
			b.twice = c.twice
			table := example(t, filepath.Dir(c.model))
			switch {
			case c.in == dataset.NPY:
				table = converted(t, b, table, c.in)
			case c.in == dataset.JSONLines:
				table = linesOf(t, table)
			}
			job := b.job(c.in, table, c.out, c.rows)
			s, _, err := b.run(job, statemachine.Options{Outputs: c.outputs, Children: c.children})
			if err != nil {
				t.Fatal(err)
			}
			if s.Done != s.Blocks || s.Predicted != s.Rows || s.Blocks != (int(s.Rows)+c.rows-1)/c.rows || len(s.Failures) > 0 {
				t.Errorf("found %+v", s)
			}
			if want := b.synchronous(table, c.in, c.out, c.outputs); !bytes.Equal(b.store.objects["out/answers"], want) {
				t.Errorf("the output differs: wanted %d bytes\n%.300s\nfound %d\n%.300s", len(want), want, len(b.store.objects["out/answers"]), b.store.objects["out/answers"])
			}
			for key := range b.store.objects {
				if strings.Contains(key, "/blocks/") {
					t.Errorf("%s is left", key)
				}
			}
		})
	}
}

// Stages by rows give each shard its share; the last block has two rows for four shards.
func TestStagesByRowsGivePredictsOwnFile(t *testing.T) {
	for _, model := range []string{"diabetes-xgboost/model.ubj", "digits-mlp/model.onnx"} {
		b := newBenchOf(t, model, layout.Options{Shards: 4, Plan: "rows"})
		table := example(t, filepath.Dir(model))
		rows := bytes.Count(table, []byte("\n")) - 1
		size := (rows - 2) / 4
		s, _, err := b.run(b.job(dataset.CSV, table, dataset.CSV, size), statemachine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Done != s.Blocks || s.Predicted != int64(rows) || s.Blocks < 5 {
			t.Errorf("%s: found %+v", model, s)
		}
		if want := b.synchronous(table, dataset.CSV, dataset.CSV, nil); !bytes.Equal(b.store.objects["out/answers"], want) {
			t.Errorf("%s: the output differs", model)
		}
	}
}

// linesOf makes JSON Lines of CSV.
func linesOf(t *testing.T, table []byte) []byte {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	names := strings.Split(lines[0], ",")
	var out strings.Builder
	for _, line := range lines[1:] {
		out.WriteByte('{')
		for i, f := range strings.Split(line, ",") {
			if f == "" {
				f = "null"
			}
			fmt.Fprintf(&out, "%q:%s", names[i], f)
			if i < len(names)-1 {
				out.WriteByte(',')
			}
		}
		out.WriteString("}\n")
	}
	return []byte(out.String())
}

func TestAPoisonedBlockIsReportedWithFileBlockAndRow(t *testing.T) {
	lines := strings.SplitAfter(string(example(t, "diabetes-xgboost")), "\n")
	for _, c := range []struct{ name, line, says string }{
		{"ragged", "1,2,3\n", "line 62 has 3 fields, wanted 10"},
		{"a word", strings.Replace(lines[61], ",", ",oops", 1), `row 61, column`},
		{"infinite", "inf" + lines[61][strings.IndexByte(lines[61], ','):], "row 60, column 0"},
		{"a quote within a field", strings.Replace(lines[61], ",", `",`, 1), "line 62, column"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "diabetes-xgboost/model.ubj", 2)
			poisoned := slices.Clone(lines)
			poisoned[61] = c.line
			job := b.job(dataset.CSV, []byte(strings.Join(poisoned, "")), dataset.CSV, 50)
			if _, _, err := b.run(job, statemachine.Options{}); err == nil || !strings.Contains(err.Error(), "ExceedToleratedFailureThreshold") {
				t.Fatalf("without tolerance: found %v", err)
			}
			s, _, err := b.run(job, statemachine.Options{TolerateCount: 1})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Failures) != 1 || s.Failures[0].Block != 1 || s.Failures[0].Error != "Shard.BadInput" || !strings.Contains(s.Failures[0].Cause, c.says) ||
				!strings.Contains(s.Failures[0].Cause, "s3://in/table") || !strings.Contains(s.Failures[0].Cause, "block 1") {
				t.Errorf("wanted %q of block 1, found %+v", c.says, s.Failures)
			}
			whole := strings.SplitAfter(string(b.synchronous([]byte(strings.Join(lines, "")), dataset.CSV, dataset.CSV, nil)), "\n")
			if want := strings.Join(slices.Delete(whole, 51, 101), ""); string(b.store.objects["out/answers"]) != want {
				t.Error("the output is not the other blocks'")
			}
		})
	}
}

func TestATableThatCannotBeReadFailsBeforeAnyBlock(t *testing.T) {
	table := string(example(t, "diabetes-xgboost"))
	header, rest, _ := strings.Cut(table, "\n")
	for _, c := range []struct{ name, table, says string }{
		{"empty", "", "empty"},
		{"header only", header + "\n", "no rows"},
		{"a column missing", strings.ReplaceAll(strings.Replace(header, ",", "\x00", 1), "\x00", "")[4:] + "\n" + rest, "column"},
		{"a foreign column", header + ",weather\n" + rest, "weather"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "diabetes-xgboost/model.ubj", 2)
			_, m, err := b.run(b.job(dataset.CSV, []byte(c.table), dataset.CSV, 50), statemachine.Options{TolerateShare: 100})
			if shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "s3://in/table") || m.failed != nil {
				t.Errorf("wanted %q, found %v", c.says, err)
			}
		})
	}
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	job := b.job(dataset.CSV, nil, dataset.CSV, 50)
	job.Input.Key = "elsewhere"
	if _, _, err := b.run(job, statemachine.Options{}); shard.KindOf(err) != shard.NotFound {
		t.Errorf("a table that is not there: found %v", err)
	}
}

func TestALaterExecutionOfTheBatchDoesOnlyWhatIsMissing(t *testing.T) {
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	table := example(t, "diabetes-xgboost")
	job := b.job(dataset.CSV, table, dataset.CSV, 50)
	calls := 0
	b.broken = func(_ int, row float64) error {
		calls++
		if row == 100 || row == 250 {
			return &shard.Error{Op: "infer", Kind: shard.Crashed}
		}
		return nil
	}
	s, _, err := b.run(job, statemachine.Options{TolerateShare: 50, TolerateCount: 2})
	if err != nil || len(s.Failures) != 2 || s.Predicted != s.Rows-100 {
		t.Fatalf("found %+v, %v", s, err)
	}
	calls, b.broken = 0, func(int, float64) error { calls++; return nil }
	if s, _, err = b.run(job, statemachine.Options{}); err != nil || len(s.Failures) != 0 || calls != 4 {
		t.Errorf("wanted 4 calls of shards and no failure, found %d and %+v, %v", calls, s, err)
	}
	if want := b.synchronous(table, dataset.CSV, dataset.CSV, nil); !bytes.Equal(b.store.objects["out/answers"], want) {
		t.Error("the output differs")
	}
}

func TestPartsOfTwoBatchesDoNotMix(t *testing.T) {
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	b.store.objects["out/parts/readme.txt"], b.store.objects["out/parts2/0000009.csv"] = []byte("x"), []byte("x")
	job := b.job(dataset.CSV, example(t, "diabetes-xgboost"), dataset.CSV, 50)
	job.Output.Key = "parts/"
	failing := true
	b.broken = func(_ int, row float64) error {
		if failing && row == 100 {
			return &shard.Error{Op: "infer", Kind: shard.Crashed}
		}
		return nil
	}
	if s, _, err := b.run(job, statemachine.Options{TolerateCount: 1}); err != nil || s.Done != s.Blocks-1 {
		t.Fatalf("found %+v, %v", s, err)
	}
	failing = false
	if s, _, err := b.run(job, statemachine.Options{}); err != nil || s.Done != s.Blocks {
		t.Errorf("the same batch again: found %+v, %v", s, err)
	}
	job.ID, job.Store.Prefix, job.BlockRows = "another", job.Store.Prefix+"-another", 200
	if _, _, err := b.run(job, statemachine.Options{}); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "another batch") {
		t.Errorf("another batch: found %v", err)
	}
}

// Two batches that begin before either has a part do not mix: one is refused at its end, and the parts are the other's alone.
func TestOfTwoBatchesAtOnceOneHasTheOutput(t *testing.T) {
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	jobs := make([]statemachine.Job, 2)
	for i := range jobs {
		jobs[i] = b.job(dataset.CSV, example(t, "diabetes-xgboost"), dataset.CSV, 100*(i+1))
		jobs[i].ID, jobs[i].Store.Prefix, jobs[i].Output.Key = fmt.Sprint("batch-", i), fmt.Sprint("p/", i), "parts/"
	}
	b.broken = func(int, float64) error { // the other batch runs as a whole within the first one's first block
		b.broken = nil
		if s, _, err := b.run(jobs[1], statemachine.Options{}); err != nil || s.Done != s.Blocks {
			t.Errorf("found %+v, %v", s, err)
		}
		return nil
	}
	if _, _, err := b.run(jobs[0], statemachine.Options{}); shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), "0000000.csv has been written by another batch") {
		t.Errorf("found %v", err)
	}
	parts, rows := 0, 0
	for key, data := range b.store.objects {
		if strings.HasPrefix(key, "out/parts/") {
			parts, rows = parts+1, rows+bytes.Count(data, []byte("\n"))-1
		}
	}
	if parts != 3 || rows != 442 {
		t.Errorf("there are %d parts with %d rows", parts, rows)
	}
	if s, _, err := b.run(jobs[1], statemachine.Options{}); err != nil || s.Done != s.Blocks {
		t.Errorf("the same batch again: found %+v, %v", s, err)
	}
}

// What cannot be written is told before a row is read, and by whom it could be mended.
func TestAnOutputThatCannotBeWrittenEndsABatchFirst(t *testing.T) {
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	for _, c := range []struct {
		output, refused string
		kind            shard.Kind
	}{
		{"answers", "answers", shard.NotFound}, {"answers", "answers", shard.Denied}, {"parts/", "parts/0000000.csv", shard.Denied},
		{"answers", "p/one/index.json", shard.Denied},
	} {
		job := b.job(dataset.CSV, example(t, "diabetes-xgboost"), dataset.CSV, 50)
		job.Output.Key = c.output
		b.store.fail = func(op, key string) error {
			if op == "put" && key == c.refused {
				return &shard.Error{Op: "write s3://out/" + key, Kind: c.kind}
			}
			if op != "put" {
				t.Errorf("%s is asked for: %s", key, op)
			}
			return nil
		}
		before := len(b.store.objects)
		_, _, err := b.run(job, statemachine.Options{})
		if shard.KindOf(err) != c.kind || !strings.Contains(err.Error(), "no row was read") || !strings.Contains(err.Error(), "s3:PutObject") {
			t.Errorf("%s: found %v", c.refused, err)
		}
		if len(b.store.objects) != before {
			t.Errorf("%s: there are objects: %d, %d before", c.refused, len(b.store.objects), before)
		}
	}
}

// A batch is complete when its parts and its output are there, and not before.
func TestABatchIsCompleteWithAllItsPartsAndItsOutput(t *testing.T) {
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	for _, output := range []string{"answers", "parts/"} {
		b.store.objects = map[string][]byte{}
		job := b.job(dataset.CSV, example(t, "diabetes-xgboost"), dataset.CSV, 200)
		job.Output.Key = output
		complete := func(want bool, when string) {
			t.Helper()
			if got, err := tasks.Complete(t.Context(), b.store, job); err != nil || got != want {
				t.Errorf("%s, %s: found %v, %v", output, when, got, err)
			}
		}
		complete(false, "before it began")
		if _, _, err := b.run(job, statemachine.Options{}); err != nil {
			t.Fatal(err)
		}
		complete(true, "done")
		for key, data := range maps.Clone(b.store.objects) {
			if strings.HasPrefix(key, "out/") || strings.Contains(key, "/parts/") {
				delete(b.store.objects, key)
				complete(false, "without "+key)
				b.store.objects[key] = data
			}
		}
		b.store.fail = func(_, key string) error { return &shard.Error{Op: "read " + key, Kind: shard.Unavailable} }
		if _, err := tasks.Complete(t.Context(), b.store, job); shard.KindOf(err) != shard.Unavailable {
			t.Errorf("%s: a store that does not answer: found %v", output, err)
		}
		b.store.fail = nil
	}
}

func TestALateDuplicateOfATaskChangesNothing(t *testing.T) {
	b := newBench(t, "diabetes-xgboost/model.ubj", 2)
	job := b.job(dataset.CSV, example(t, "diabetes-xgboost"), dataset.CSV, 100)
	var events [][]byte
	def, _, err := statemachine.Definition(b.manifest, b.fingerprint, b.deployment, statemachine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := def.Encode()
	var parsed object
	var input any
	data, _ := json.Marshal(job)
	if err := errors.Join(json.Unmarshal(text, &parsed), json.Unmarshal(data, &input)); err != nil {
		t.Fatal(err)
	}
	m := &machine{read: func(bucket, key string) ([]byte, error) { return b.store.at("open", bucket, key) },
		invoke: func(function string, payload []byte) ([]byte, error) {
			if strings.Contains(string(payload), `"aggregate"`) {
				events = append(events, payload)
			}
			return b.invoke(function, payload)
		}}
	if _, err := m.run(parsed, input, nil); err != nil {
		t.Fatal(err)
	}
	before := map[string]string{}
	for k, v := range b.store.objects {
		before[k] = string(v)
	}
	for _, e := range events {
		if _, err := b.handler.Handle(t.Context(), e); err != nil {
			t.Errorf("an aggregation that comes again: %v", err)
		}
	}
	for k, v := range b.store.objects {
		if before[k] != string(v) {
			t.Errorf("%s has changed", k)
		}
	}
	if len(events) != 5 {
		t.Errorf("found %d aggregations", len(events))
	}
}
