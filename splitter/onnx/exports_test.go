package onnx_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	onnximport "github.com/shardwise/shardwise/splitter/onnx"
)

// python is the interpreter that has Debian's torch and onnx.
const python = "/usr/bin/python3"

// envRequire turns a missing library from a skipped test into a failed one.
const envRequire = "SHARDWISE_REQUIRE_TOOLS"

// exports are models that PyTorch exports now, with what PyTorch computes.
func exports(t *testing.T) []testCase {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import torch, onnx").CombinedOutput(); err != nil {
		text := fmt.Sprintf("%s has no torch or onnx: %v; apt-get install python3-torch python3-onnx\n%s", python, err, out)
		if os.Getenv(envRequire) == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), python, "testdata/exports.py", dir)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("exports.py: %v\n%s", err, out)
	}
	return casesOf(t, dir)
}

// asExported is what the file itself computes, without any optimisation.
func asExported(t *testing.T, c testCase) tensor.Named {
	t.Helper()
	data, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := native.New().Compile(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(t.Context(), c.inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantedChanges are kinds of rewriting and the operators that are gone, by the beginning of a model's name.
func wantedChanges() map[string]struct{ kind, gone string } {
	return map[string]struct{ kind, gone string }{
		"bag-":          {"embedding_bag", "Loop"},
		"torch-dlrm":    {"embedding_bag", "Loop"},
		"convolutions-": {"batch_normalization", "BatchNormalization"},
		"transformer-":  {"layer_normalization", "Erf"},
		"torch-encoder": {"layer_normalization", "Sqrt"},
		"torch-decoder": {"gelu", "Erf"},
		"tanh-gelu-":    {"gelu", "Pow"},
		"root-mean-":    {"rms_normalization", "Sqrt"},
	}
}

// Real exports are optimised as expected, and compute what they did, whole and in shards. For another engine the Loop of an
// EmbeddingBag stays: no other one has that operator.
func TestExportsComputeTheSameWhenOptimised(t *testing.T) {
	list := exports(t)
	if len(list) < 60 {
		t.Fatalf("%d models", len(list))
	}
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			most := checkChanges(t, c)
			before := asExported(t, c)
			for _, n := range []int{1, 2, 5} {
				if n > most {
					continue
				}
				dir, m := split(t, c.path, n)
				got, whole := open(t, dir, m).run(c.inputs), reference(t, dir, m, c.inputs)
				for name, want := range c.outputs {
					what := fmt.Sprintf("%s in %d shards", name, n)
					compare(t, what, got[name], want, manifest.Rule{Scale: 1e-5})
					compare(t, what+", before", whole[name], before[name], manifest.Rule{Scale: 1e-6})
				}
			}
			if strings.HasPrefix(c.name, "bag-14-sum") {
				checkEngines(t, c)
			}
		})
	}
}

// checkChanges compares what was done to the model with what is wanted, and gives the largest number of shards.
func checkChanges(t *testing.T, c testCase) int {
	t.Helper()
	model, err := onnximport.Open(c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	info := model.Info()
	for prefix, w := range wantedChanges() {
		if strings.HasPrefix(c.name, prefix) && (info.Operators[w.gone] > 0 || !slices.ContainsFunc(info.Optimised, func(x layout.Change) bool { return x.Kind == w.kind })) {
			t.Errorf("changes %v leave %v, wanted %s and no %s", info.Optimised, info.Operators, w.kind, w.gone)
		}
	}
	return info.MaxShards
}

func checkEngines(t *testing.T, c testCase) {
	t.Helper()
	for engine, want := range map[string]string{native.Name: "EmbeddingBag", layout.EngineAuto: "EmbeddingBag", onnxruntime.Name: "Loop"} {
		dir, _, err := trySplit(t, c.path, layout.Options{Shards: 1, Engine: engine})
		if err != nil {
			t.Fatalf("for %s: %v", engine, err)
		}
		if nodes := decode(t, dir, "reference.onnx").Nodes; !slices.ContainsFunc(nodes, func(n *graph.Node) bool { return n.Op == want }) {
			t.Errorf("for %s there is no %s", engine, want)
		}
	}
}
