package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/simulator"
)

// question asks for the first rows of the diabetes example in the Open Inference Protocol.
func question(t *testing.T, rows int) (payload []byte, want string) {
	t.Helper()
	read := func(file string) []string {
		data, err := os.ReadFile(filepath.Join(examples, "diabetes-xgboost", file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(data), "\n")[1 : rows+1]
	}
	var values, predictions []string
	for _, line := range read("input.csv") {
		for _, v := range strings.Split(line, ",") {
			if v == "" {
				v = "null"
			}
			values = append(values, v)
		}
	}
	for _, line := range read("expected.csv") {
		predictions = append(predictions, strings.Split(line, ",")[0])
	}
	payload = fmt.Appendf(nil, `{"inputs":[{"name":"features","shape":[%d,10],"datatype":"FP64","data":[%s]}],"outputs":[{"name":"prediction"}],"parameters":{"deadline_ms":20000}}`,
		rows, strings.Join(values, ","))
	return payload, `"data":[` + strings.Join(predictions, ",") + `]`
}

// ask invokes the coordinator.
func (w *world) ask(t *testing.T, payload []byte) coordinator.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := w.client.Invoke(ctx, coordinator.Target{Function: w.model.Deployment.Coordinator.Name, Qualifier: manifest.LiveAlias}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAShardKilledOnceDuringARequestGivesTheRightAnswer(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	victim := rand.New(rand.NewPCG(seed, 0)).IntN(4)
	killed := filepath.Join(t.TempDir(), "killed")
	w := start(t, model(t, "diabetes-xgboost", "model.ubj", 4), func(f []simulator.Function) {
		f[1+victim].Env[envKill] = killed
	})
	payload, want := question(t, 40)
	r := w.ask(t, payload)
	if r.FunctionError != "" || !bytes.Contains(r.Body, []byte(want)) {
		t.Errorf("shard %d was killed once, and the answer is %s %s", victim, r.FunctionError, r.Body)
	}
	if _, err := os.Stat(killed); err != nil {
		t.Errorf("shard %d was not killed: %v", victim, err)
	}
}

func TestAShardKilledEveryTimeGivesATypedErrorThatNamesIt(t *testing.T) {
	w := start(t, model(t, "diabetes-xgboost", "model.ubj", 4), func(f []simulator.Function) {
		f[1+2].Env[envKill] = "always"
	})
	payload, _ := question(t, 3)
	r := w.ask(t, payload)
	if r.FunctionError == "" {
		t.Fatalf("an answer without shard 2: %s", r.Body)
	}
	err := shard.ParseFunctionError(r.Body)
	if err.Kind != shard.Crashed || err.Shard != 2 || err.Of != 4 || !strings.Contains(err.Error(), "diabetes-xgboost-shard-002") {
		t.Errorf("the error does not tell that shard 2/4 crashed: %v (kind %v)", err, err.Kind)
	}
}

func TestShardsKilledUnderLoadNeverGiveAWrongAnswer(t *testing.T) {
	folder := t.TempDir()
	w := start(t, model(t, "diabetes-xgboost", "model.ubj", 3), func(f []simulator.Function) {
		for i := 1; i < len(f); i++ {
			f[i].Env[envKill] = filepath.Join(folder, fmt.Sprint(i))
		}
	})
	payload, want := question(t, 20)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if r := w.ask(t, payload); r.FunctionError != "" || !bytes.Contains(r.Body, []byte(want)) {
				t.Errorf("wrong answer: %s %s", r.FunctionError, r.Body)
			}
		})
	}
	all.Wait()
	if left, err := os.ReadDir(folder); err != nil || len(left) != 3 {
		t.Errorf("%d of 3 shards were killed (%v)", len(left), err)
	}
}
