// Package optest runs one operator of a family in that family's tests, without an engine around it.
//
// It is no engine: it converts no halves and checks no dtypes, so that a test sees what the kernel itself does. Only tests
// import it.
package optest

import (
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Case is one run of an operator, of ai.onnx when Domain is "". A nil input is absent. Outputs is the number of outputs, 1 when it is 0.
type Case struct {
	Domain  string
	Op      string
	Opset   int64
	Attrs   map[string]any // int, float64, string, []int, []float64 or []string
	In      []*tensor.Tensor
	Outputs int
}

// Run builds the operator that the table has for the version and runs it once.
func Run(t testing.TB, table engine.Table, c Case) ([]*tensor.Tensor, error) {
	t.Helper()
	n := &graph.Node{Name: "n", Domain: c.Domain, Op: c.Op, Attrs: map[string]graph.Attr{}}
	for name, v := range c.Attrs {
		n.Attrs[name] = attr(t, v)
	}
	for i, x := range c.In {
		name := ""
		if x != nil {
			name = string(rune('a' + i))
		}
		n.Inputs = append(n.Inputs, name)
	}
	want := make([]bool, max(c.Outputs, 1))
	for i := range want {
		n.Outputs, want[i] = append(n.Outputs, string(rune('A'+i))), true
	}
	site := &engine.Site{Node: n, Opset: c.Opset, Const: func(int) *graph.Weight { return nil }}
	for _, op := range table[engine.Key{Domain: c.Domain, Op: c.Op}] {
		if c.Opset < op.Since || op.Until != 0 && c.Opset > op.Until {
			continue
		}
		k, err := op.Build(site)
		if err != nil {
			return nil, err
		}
		call := &engine.Call{Ctx: t.Context(), In: c.In, Want: want, Out: make([]*tensor.Tensor, len(want)), Alloc: dirty}
		return call.Out, k.Run(call)
	}
	t.Fatalf("the table has no %s of version %d", c.Op, c.Opset)
	return nil, nil
}

// dirty makes tensors that hold ones everywhere, so that a kernel that counts on zeros is found out.
func dirty(d tensor.DType, shape tensor.Shape) *tensor.Tensor {
	x := tensor.New(d, shape...)
	for i := range x.Bytes() {
		x.Bytes()[i] = 1
	}
	return x
}

func attr(t testing.TB, v any) graph.Attr {
	switch v := v.(type) {
	case int:
		return graph.Attr{Kind: graph.AttrInt, Int: int64(v)}
	case float64:
		return graph.Attr{Kind: graph.AttrFloat, Float: float32(v)}
	case string:
		return graph.Attr{Kind: graph.AttrString, Str: v}
	case []string:
		return graph.Attr{Kind: graph.AttrStrings, Strs: v}
	case []int:
		a := graph.Attr{Kind: graph.AttrInts}
		for _, x := range v {
			a.Ints = append(a.Ints, int64(x))
		}
		return a
	case []float64:
		a := graph.Attr{Kind: graph.AttrFloats}
		for _, x := range v {
			a.Floats = append(a.Floats, float32(x))
		}
		return a
	}
	t.Fatalf("an attribute is %T", v)
	return graph.Attr{}
}

// One runs the case and gives its first output, or ends the test.
func One(t testing.TB, table engine.Table, c Case) *tensor.Tensor {
	t.Helper()
	out, err := Run(t, table, c)
	if err != nil {
		t.Fatalf("%s %v: %v", c.Op, c.Attrs, err)
	}
	return out[0]
}

// Same ends the test unless got is want within the tolerance, relative and absolute.
func Same(t testing.TB, what string, got, want *tensor.Tensor, tolerance float64) {
	t.Helper()
	d, err := tensor.Diff(got, want, tensor.Tolerance{Rel: tolerance, Abs: tolerance})
	if err != nil || d.Beyond > 0 {
		t.Fatalf("%s: %v %v", what, d, err)
	}
}

// Of views the values as a tensor, whose shape must suit them.
func Of[T tensor.Element](t testing.TB, d tensor.DType, values []T, shape ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.FromSlice(d, values, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// F32 views the values as a tensor, whose shape must suit them.
func F32(t testing.TB, values []float32, shape ...int) *tensor.Tensor {
	t.Helper()
	return Of(t, tensor.F32, values, shape...)
}

// Seeded is a source of random numbers whose seed stands in the test's log.
func Seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// Random is a tensor of normally distributed numbers of the dtype F32 or F64.
func Random(rng *rand.Rand, d tensor.DType, shape ...int) *tensor.Tensor {
	x := tensor.New(d, shape...)
	if d == tensor.F32 {
		for i := range tensor.Of[float32](x) {
			tensor.Of[float32](x)[i] = float32(rng.NormFloat64())
		}
		return x
	}
	for i := range tensor.Of[float64](x) {
		tensor.Of[float64](x)[i] = rng.NormFloat64()
	}
	return x
}
