package statemachine_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/statemachine"
)

type model struct {
	m           *manifest.Manifest
	fingerprint string
	d           *manifest.Deployment
}

func split(t *testing.T, file string, shards int) model {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), filepath.Join("..", "examples", file), dir, layout.Options{Shards: shards}, nil); err != nil {
		t.Fatal(err)
	}
	m, fingerprint, err := manifest.Read(filepath.Join(dir, manifest.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return model{m, fingerprint, manifest.DefaultDeployment(m)}
}

// rewrite says that the golden files are to be written anew; their changes are to be read.
var rewrite = os.Getenv("SHARDWISE_UPDATE") == "1"

func TestDefinitionsAreTheGoldenOnes(t *testing.T) {
	trees, mlp := split(t, "diabetes-xgboost/model.ubj", 3), split(t, "digits-mlp/model.onnx", 2)
	reserved := trees
	d := *trees.d
	d.Shards = append([]manifest.Function(nil), d.Shards...)
	d.Shards[1].ReservedConcurrency = 20
	reserved.d = &d
	for _, c := range []struct {
		name string
		model
		o statemachine.Options
	}{
		{"trees-express", trees, statemachine.Options{}},
		{"trees-standard-tolerant", reserved, statemachine.Options{Children: statemachine.ChildrenStandard, TolerateShare: 5, TolerateCount: 3, Outputs: []string{"margin"}}},
		{"mlp-stages", mlp, statemachine.Options{Account: 500}},
		{"mlp-coordinator", mlp, statemachine.Options{Via: statemachine.ViaCoordinator}},
	} {
		t.Run(c.name, func(t *testing.T) {
			machine, _, err := statemachine.Definition(c.m, c.fingerprint, c.d, c.o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := machine.Encode()
			if err != nil {
				t.Fatal(err)
			}
			// Fingerprints change with every detail of a model's files; the definitions' form does not depend on them.
			text = bytes.ReplaceAll(text, []byte(c.fingerprint), []byte(strings.Repeat("0", 64)))
			text = bytes.ReplaceAll(text, []byte(manifest.Alias(c.fingerprint)), []byte("m-000000000000"))
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, text, "", "  "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			path := filepath.Join("testdata", c.name+".asl.json")
			if rewrite {
				if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, pretty.Bytes()) {
				t.Errorf("%s differs; run with SHARDWISE_UPDATE=1 and read the difference. Found\n%s", path, pretty.Bytes())
			}
		})
	}
}

func TestConcurrencyIsBoundByWhatTheFunctionsAndTheAccountHave(t *testing.T) {
	x := split(t, "diabetes-xgboost/model.ubj", 4)
	for _, c := range []struct {
		name     string
		reserved int
		o        statemachine.Options
		want     int
	}{
		{"the account", 0, statemachine.Options{}, 250},
		{"a larger account", 0, statemachine.Options{Account: 100_000}, 10_000},
		{"a reserved shard", 7, statemachine.Options{}, 7},
		{"the caller", 0, statemachine.Options{Concurrency: 3}, 3},
		{"the coordinator waits too", 0, statemachine.Options{Via: statemachine.ViaCoordinator}, 200},
		{"a tiny account", 0, statemachine.Options{Account: 2}, 1},
	} {
		d := *x.d
		d.Shards = append([]manifest.Function(nil), d.Shards...)
		d.Shards[2].ReservedConcurrency = c.reserved
		_, e, err := statemachine.Definition(x.m, x.fingerprint, &d, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if e.Concurrency != c.want {
			t.Errorf("%s: wanted %d, found %d", c.name, c.want, e.Concurrency)
		}
	}
}

func TestChildrenAreExpressWhereABlockFitsInFiveMinutes(t *testing.T) {
	x := split(t, "diabetes-xgboost/model.ubj", 2)
	slow := *x.d
	slow.Shards = append([]manifest.Function(nil), slow.Shards...)
	slow.Shards[1].TimeoutSeconds = 400
	for _, c := range []struct {
		d        *manifest.Deployment
		children string
		want     string
	}{
		{x.d, "", "EXPRESS"}, {x.d, "standard", "STANDARD"}, {&slow, "auto", "STANDARD"},
	} {
		_, e, err := statemachine.Definition(x.m, x.fingerprint, c.d, statemachine.Options{Children: c.children})
		if err != nil || e.Children != c.want {
			t.Errorf("%q: wanted %s, found %v, %v", c.children, c.want, e, err)
		}
	}
	if _, _, err := statemachine.Definition(x.m, x.fingerprint, &slow, statemachine.Options{Children: "express"}); err == nil || !strings.Contains(err.Error(), "timeouts") {
		t.Errorf("found %v", err)
	}
}

func TestQuotasAreRefusedWithARemedyBeforeAnythingStarts(t *testing.T) {
	x := split(t, "diabetes-xgboost/model.ubj", 2)
	wide := *x.m
	wide.Shards, wide.Steps = nil, nil
	d := *x.d
	d.Shards = nil
	for i := range 900 {
		wide.Shards = append(wide.Shards, x.m.Shards[0])
		d.Shards = append(d.Shards, x.d.Shards[0])
		_ = i
	}
	for _, s := range x.m.Steps {
		if s.Stage != nil {
			stage := *s.Stage
			stage.Shards = nil
			for i := range 900 {
				stage.Shards = append(stage.Shards, i)
			}
			s.Stage = &stage
		}
		wide.Steps = append(wide.Steps, s)
	}
	_, _, err := statemachine.Definition(&wide, x.fingerprint, &d, statemachine.Options{Children: "standard"})
	for _, says := range []string{"Step Functions takes 1048576", "carries 262144", "keeps 25000", "--memory", "--via coordinator"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("wanted %q, found %v", says, err)
		}
	}
	if _, e, err := statemachine.Definition(&wide, x.fingerprint, &d, statemachine.Options{Via: "coordinator"}); err != nil || e.Widest != 0 {
		t.Errorf("by the coordinator: %+v, %v", e, err)
	}
}

func TestPlansWithRoutesNeedTheCoordinator(t *testing.T) {
	x := split(t, "digits-mlp/model.onnx", 2)
	for i := range x.m.Steps {
		if s := x.m.Steps[i].Stage; s != nil {
			s.Routes = []manifest.Route{{}}
		}
	}
	if _, _, err := statemachine.Definition(x.m, x.fingerprint, x.d, statemachine.Options{}); err == nil || !strings.Contains(err.Error(), "--via coordinator") {
		t.Errorf("found %v", err)
	}
	if _, _, err := statemachine.Definition(x.m, x.fingerprint, x.d, statemachine.Options{Via: statemachine.ViaCoordinator}); err != nil {
		t.Error(err)
	}
}

func TestEveryFaultOfTheOptionsIsToldAtOnce(t *testing.T) {
	x := split(t, "diabetes-xgboost/model.ubj", 2)
	_, _, err := statemachine.Definition(x.m, x.fingerprint, x.d, statemachine.Options{Children: "many", Via: "post", Mode: "rough", Outputs: []string{"x"}, TolerateShare: 101})
	for _, says := range []string{`"many"`, `"post"`, `"rough"`, `"x"`, "101"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("wanted %s, found %v", says, err)
		}
	}
}

// What the definitions repeat is what the coordinator repeats: the names of errors are the same list.
func TestWhatIsRepeatedIsWhatTheErrorKindsCallRetryable(t *testing.T) {
	x := split(t, "diabetes-xgboost/model.ubj", 2)
	machine, _, err := statemachine.Definition(x.m, x.fingerprint, x.d, statemachine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repeated := map[string]bool{}
	for _, r := range machine.States["finish"].Retry {
		if r.JitterStrategy != "FULL" {
			t.Errorf("jitter %q", r.JitterStrategy)
		}
		for _, name := range r.ErrorEquals {
			repeated[name] = true
		}
	}
	for _, k := range shard.Kinds() {
		if repeated[k.Type()] != k.Retryable() {
			t.Errorf("%s: repeated %v, retryable %v", k, repeated[k.Type()], k.Retryable())
		}
	}
	for _, name := range []string{"Runtime.ExitError", "Sandbox.Timedout"} {
		e := shard.ParseFunctionError([]byte(`{"errorType":"` + name + `","errorMessage":"x"}`))
		if repeated[name] != e.Kind.Retryable() {
			t.Errorf("%s: the definition and the coordinator disagree", name)
		}
	}
}

func TestTransitionsPerMillionRows(t *testing.T) {
	x := split(t, "diabetes-xgboost/model.ubj", 4)
	_, e, err := statemachine.Definition(x.m, x.fingerprint, x.d, statemachine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// rows, one Parallel with four branches, aggregate; prepare, blocks, finish.
	if got := e.TransitionsPerMillion(10_000); e.Transitions != 7 || got != 100*7+3 {
		t.Errorf("found %d a block, %d a million", e.Transitions, got)
	}
}
