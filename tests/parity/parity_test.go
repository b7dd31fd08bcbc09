package parity

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// Fewer cases than these mean that the generator lost some: a test over no case must not pass.
const (
	leastXGBoost = 290
	leastONNX    = 45
)

// TestXGBoostEqualsTheLibrary splits every XGBoost model at 1, 2, 3, 8 and 64 shards: margins and leaf indices have the
// library's own bits in exact mode, predictions lie within a relative 1e-6, sum mode keeps the manifest's promise.
func TestXGBoostEqualsTheLibrary(t *testing.T) {
	for _, c := range readCases(t, "xgboost", leastXGBoost) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			inputs, want := c.arrays(t, c.Inputs), c.arrays(t, c.Outputs)
			for _, n := range counts(t, c, c.Trees, 1, 2, 3, 8, 64) {
				t.Run(fmt.Sprintf("shards=%d", n), func(t *testing.T) {
					dir, m := split(t, c, n)
					co := inProcess(t, dir)
					exact := answer(t, co, inputs, []string{"prediction", "margin", "leaf"}, "exact")
					check(t, "exact margin", exact["margin"], want["margin"], sameBits)
					check(t, "leaf", exact["leaf"], want["leaf"], sameBits)
					check(t, "exact prediction", exact["prediction"], want["prediction"], transformed)
					sum := answer(t, co, inputs, []string{"margin", "leaf"}, "sum")
					check(t, "sum margin", sum["margin"], want["margin"], promised(t, m, "margin", want["margin"]))
					check(t, "sum leaf", sum["leaf"], want["leaf"], sameBits)
				})
			}
		})
	}
}

// TestONNXEqualsTheRuntime splits every ONNX model at 1, 2, 3 and 8 shards: outputs lie within 1e-5 of the largest value
// of ONNX Runtime's own output, labels are the same.
func TestONNXEqualsTheRuntime(t *testing.T) {
	for _, c := range readCases(t, "onnx", leastONNX) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			inputs, want := c.arrays(t, c.Inputs), c.arrays(t, c.Outputs)
			for _, n := range counts(t, c, maxShards(t, c), 1, 2, 3, 8) {
				t.Run(fmt.Sprintf("shards=%d", n), func(t *testing.T) {
					dir, m := split(t, c, n)
					got := answer(t, inProcess(t, dir), inputs, want.Names(), m.Modes[0])
					for name := range want {
						check(t, name, got[name], want[name], reordered)
					}
				})
			}
		})
	}
}

// counts gives the shard counts to use: the wished ones that fit, and the largest possible one in place of those that
// do not, which must be refused with a message that names it.
func counts(t *testing.T, c testCase, largest int, wished ...int) []int {
	t.Helper()
	var out []int
	for _, n := range wished {
		if n <= largest {
			out = append(out, n)
			continue
		}
		_, err := splitter.Split(t.Context(), c.model(), filepath.Join(t.TempDir(), "refused"), layout.Options{Shards: n}, nil)
		var refusal *layout.RefusalError
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), strconv.Itoa(largest)) {
			t.Fatalf("%s into %d shards: got %v, want a refusal that names %d", c.Name, n, err, largest)
		}
		if !slices.Contains(out, largest) {
			out = append(out, largest)
		}
	}
	return out
}

func maxShards(t *testing.T, c testCase) int {
	t.Helper()
	model, err := splitter.Open(c.model())
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	return model.Info().MaxShards
}

func split(t *testing.T, c testCase, shards int) (string, *manifest.Manifest) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	m, err := splitter.Split(t.Context(), c.model(), dir, layout.Options{Shards: shards}, nil)
	if err != nil {
		t.Fatalf("split %s into %d shards: %v", c.Name, shards, err)
	}
	if len(m.Shards) != shards {
		t.Fatalf("split %s into %d shards gave %d", c.Name, shards, len(m.Shards))
	}
	return dir, m
}

// inProcess opens a coordinator over shards in this process.
func inProcess(t *testing.T, dir string) *coordinator.Coordinator {
	t.Helper()
	co, err := coordinator.Open(dir, coordinator.Options{Invoker: shardtest.New(t, dir)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := co.Close(); err != nil {
			t.Errorf("close the coordinator: %v", err)
		}
	})
	return co
}

func answer(t *testing.T, co *coordinator.Coordinator, in tensor.Named, outputs []string, mode string) tensor.Named {
	t.Helper()
	result, err := co.Run(t.Context(), coordinator.Request{Inputs: in, Outputs: outputs, Mode: mode})
	if err != nil {
		t.Fatalf("predict in %s mode: %v", mode, err)
	}
	return result.Outputs
}

func check(t *testing.T, what string, got, want *tensor.Tensor, tol tolerance) {
	t.Helper()
	if err := compare(got, want, tol); err != nil {
		t.Errorf("%s %v", what, err)
	}
}

// widest is how far sum mode may promise to stay from the library, as a part of the largest margin: a rule wider than
// this would let wrong numbers pass. The worst case of 300 float32 additions is 2e-5 of the sum of their sizes.
const widest = 1e-4

// promised is the manifest's rule for an output in sum mode. It must be an absolute tolerance, and no wide one.
func promised(t *testing.T, m *manifest.Manifest, output string, want *tensor.Tensor) tolerance {
	t.Helper()
	largest := 1.0
	for _, v := range floats(want) {
		largest = max(largest, math.Abs(v))
	}
	for _, o := range m.Signature.Outputs {
		if o.Name != output {
			continue
		}
		r := o.Rules["sum"]
		if r.Exact || r.Rel != 0 || r.Scale != 0 || r.Abs <= 0 || r.Abs > widest*largest {
			t.Fatalf("output %s has the rule %+v for sum mode, with margins up to %g; an absolute tolerance of at most %g was wanted", output, r, largest, widest*largest)
		}
		return tolerance{abs: r.Abs}
	}
	t.Fatalf("the model has no output %s", output)
	return tolerance{}
}
