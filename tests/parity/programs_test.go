package parity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/plan"
)

// ownOperators are the networks of which some programs ONNX Runtime can not open, with the operator of the domain shardwise that they have. An
// EmbeddingBag is a Loop in the export, which holds a shard up, and experts are many operators; for the engine onnxruntime those stay, and their programs are
// tested in place of these. Tree ensembles and their objectives, which no network has, are of the domain shardwise always.
func ownOperators() map[string]string {
	out := map[string]string{"torch-dlrm": "EmbeddingBag", "torch-mixtral": "Experts"}
	for _, form := range []string{"masked", "picked", "soft", "stacked", "switch", "threshold", "ties"} {
		out["torch-experts-"+form] = "Experts"
	}
	return out
}

// kinds are the plans of which the programs are tested: the chosen one of every network, and of the six main ones every kind that there is.
func kinds(name string) []string {
	if slices.Contains([]string{"torch-mlp", "torch-encoder", "torch-decoder", "torch-resnet", "torch-lstm", "torch-dlrm"}, name) {
		return []string{"", plan.Tensor, plan.Pipeline, plan.Mixed, plan.TablesByRows}
	}
	return []string{""}
}

// leastPrograms are how many programs the cases have at least.
const leastPrograms = 450

// call is one request to a shard: its program, what it got and the partial tensors that it gave.
type call struct {
	name, program string
	in, out       tensor.Named
	plain         bool
}

// recorder keeps what passes between a coordinator and its shards.
type recorder struct {
	coordinator.Invoker
	dir string
	m   *manifest.Manifest

	mu    sync.Mutex // guards what follows
	calls []call
	errs  []error
}

// Invoke implements coordinator.Invoker.
func (r *recorder) Invoke(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
	reply, err := r.Invoker.Invoke(ctx, t, payload)
	if err != nil || reply.FunctionError != "" {
		return reply, err
	}
	c, err := r.record(payload, slices.Clone(reply.Body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls, r.errs = append(r.calls, c), append(r.errs, err)
	return reply, nil
}

func (r *recorder) record(payload, body []byte) (c call, err error) {
	q, err := wire.DecodeRequest(payload)
	if err != nil {
		return c, err
	}
	if q.Ref != nil {
		return c, errors.New("a request by reference is not recorded here")
	}
	if c.in, _, err = tensor.ParseFrame(q.Body, tensor.Limits{}); err != nil {
		return c, err
	}
	if c.out, _, err = wire.DecodeFrame(q.Reply, body); err != nil {
		return c, err
	}
	for _, p := range r.m.Shards[q.Shard].Programs {
		if p.Step == q.Step {
			c.program = filepath.Join(r.dir, p.Graph)
		}
	}
	c.name = fmt.Sprintf("%s/shard=%d/%s/row=%d", filepath.Base(c.program), q.Shard, q.Step, q.Row)
	return c, nil
}

// record predicts and gives every call of the shards.
func record(t *testing.T, c testCase, dir, kind string) []call {
	t.Helper()
	m, _, err := manifest.Read(filepath.Join(dir, manifest.FileName))
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Invoker: shardtest.New(t, dir), dir: dir, m: m}
	co, err := coordinator.Open(dir, coordinator.Options{Invoker: r})
	if err != nil {
		t.Fatal(err)
	}
	answer(t, co, c.arrays(t, c.Inputs), nil, m.Modes[0])
	if err := errors.Join(append(r.errs, co.Close())...); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for i := range r.calls {
		asked[r.calls[i].program] = true
		r.calls[i].name = fmt.Sprintf("%s/plan=%s/shards=%d/%s", c.Name, cmp.Or(kind, "chosen"), len(m.Shards), r.calls[i].name)
		r.calls[i].plain = slices.ContainsFunc([]string{"-qdq", "-channels", "-integer", "-dynamic"}, func(s string) bool { return strings.HasSuffix(c.Name, s) })
	}
	for i, s := range m.Shards {
		for _, p := range s.Programs {
			if !asked[filepath.Join(dir, p.Graph)] {
				t.Errorf("%s: shard %d was never asked for %s", c.Name, i, p.Step)
			}
		}
	}
	return r.calls
}

// splitFor splits for an engine and names the native one in the manifest, which runs what is made for ONNX Runtime as well. dir is "" when there is
// no plan of the kind.
func splitFor(t *testing.T, c testCase, o layout.Options) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "model")
	m, err := splitter.Split(t.Context(), c.model(), dir, o, nil)
	var refusal *layout.RefusalError
	if o.Plan != "" && errors.As(err, &refusal) {
		return ""
	}
	if err != nil {
		t.Fatalf("split %s with %+v: %v", c.Name, o, err)
	}
	for i := range m.Shards {
		for k := range m.Shards[i].Programs {
			m.Shards[i].Programs[k].Engine = native.Name
		}
	}
	for i := range m.Local.Programs {
		m.Local.Programs[i].Engine = native.Name
	}
	text, err := manifest.Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifest.FileName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// own is an operator of the domain shardwise in a program, "" when it has none.
func own(t *testing.T, program string) string {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		if n.Domain == "shardwise" {
			return n.Op
		}
	}
	return ""
}

// callsOf are the calls of a plan, none when there is no such one. A plan whose programs have an operator of our own is entered among the excepted, and
// made again for ONNX Runtime.
func callsOf(t *testing.T, c testCase, o layout.Options, excepted map[string]string) []call {
	t.Helper()
	dir := splitFor(t, c, o)
	if dir == "" {
		return nil
	}
	list := record(t, c, dir, o.Plan)
	op := ""
	for _, x := range list {
		op = cmp.Or(op, own(t, x.program))
	}
	if op == "" {
		return list
	}
	excepted[c.Name] = op
	o.Engine = onnxruntime.Name
	if dir = splitFor(t, c, o); dir == "" {
		return nil
	}
	return record(t, c, dir, o.Plan)
}

// TestProgramsRunInONNXRuntime opens the program of every shard in ONNX Runtime, straight from its file: for the inputs that the coordinator sent, it
// yields the partial tensors that our engine sent back, within 1e-5 of the largest value of each.
func TestProgramsRunInONNXRuntime(t *testing.T) {
	var calls []call
	excepted := map[string]string{}
	for _, c := range readCases(t, "network", leastNetworks) {
		if strings.HasPrefix(c.Name, "moe-") { // experts in their file's own form are one operator, which no part of has a form in ONNX Runtime
			continue
		}
		for _, n := range counts(t, c, maxShards(t, c), 2, 4) {
			for _, kind := range kinds(c.Name) {
				calls = append(calls, callsOf(t, c, layout.Options{Shards: n, Plan: kind}, excepted)...)
			}
		}
	}
	if len(calls) < leastPrograms {
		t.Errorf("only %d programs", len(calls))
	}
	if want := ownOperators(); !maps.Equal(excepted, want) {
		t.Errorf("networks with operators of our own: %v, wanted %v", excepted, want)
	}
	results := inRuntime(t, calls)
	for i, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			if results[i].Error != "" {
				t.Fatalf("ONNX Runtime refuses %s: %s", c.program, results[i].Error)
			}
			for name, ours := range c.out {
				theirs, err := readArray(results[i].Outputs[name])
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				check(t, name, ours, theirs, reordered)
			}
		})
	}
}

// result is what run_programs.py says of a call.
type result struct {
	Outputs map[string]string
	Error   string
}

// inRuntime runs the calls in ONNX Runtime, all in one process.
func inRuntime(t *testing.T, calls []call) []result {
	t.Helper()
	type job struct {
		Program string `json:"program"`
		Inputs  string `json:"inputs"`
		Outputs string `json:"outputs"`
		Plain   bool   `json:"plain"`
	}
	dir := t.TempDir()
	jobs := make([]job, len(calls))
	for i, c := range calls {
		jobs[i] = job{c.program, filepath.Join(dir, fmt.Sprint(i, ".safetensors")), filepath.Join(dir, fmt.Sprint(i)), c.plain}
		frame, err := tensor.AppendFrame(nil, c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(jobs[i].Inputs, frame, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "jobs.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), interpreter(t), filepath.Join("..", "reference", "run_programs.py"), list)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run_programs.py: %v\n%s", err, complaints.String())
	}
	var results []result
	if err := json.Unmarshal(out, &results); err != nil || len(results) != len(calls) {
		t.Fatalf("run_programs.py said %d results for %d programs: %v", len(results), len(calls), err)
	}
	return results
}

// interpreter is the Python with onnx and onnxruntime that tests/reference/run.sh made.
func interpreter(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SHARDWISE_VENVS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "shardwise", "venvs")
	}
	path := filepath.Join(dir, "onnx", "bin", "python")
	if _, err := os.Stat(path); err != nil {
		how := path + " is not there; tests/reference/run.sh makes it, SHARDWISE_VENVS names its folder"
		if os.Getenv("SHARDWISE_REQUIRE_PARITY") == "1" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return path
}
