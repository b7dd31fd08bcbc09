package optest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Attr makes an attribute of an int, a float32 or float64, a string, a slice of int, int64, float32, float64 or string, or a
// *graph.Weight; a graph.Attr is itself. It panics on anything else.
func Attr(v any) graph.Attr {
	switch v := v.(type) {
	case graph.Attr:
		return v
	case int:
		return graph.Attr{Kind: graph.AttrInt, Int: int64(v)}
	case float32:
		return graph.Attr{Kind: graph.AttrFloat, Float: v}
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
	case []int64:
		return graph.Attr{Kind: graph.AttrInts, Ints: v}
	case []float32:
		return graph.Attr{Kind: graph.AttrFloats, Floats: v}
	case []float64:
		a := graph.Attr{Kind: graph.AttrFloats}
		for _, x := range v {
			a.Floats = append(a.Floats, float32(x))
		}
		return a
	case *graph.Weight:
		return graph.Attr{Kind: graph.AttrTensor, Tensor: v}
	}
	panic(fmt.Sprintf("optest: an attribute of %T", v))
}

// Attrs are attributes by name: a name and a value by turns.
func Attrs(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// Of is a tensor of the values. It panics when they do not suit the shape.
func Of[T tensor.Element](d tensor.DType, values []T, shape ...int) *tensor.Tensor {
	x, err := tensor.FromSlice(d, values, shape...)
	if err != nil {
		panic(err)
	}
	return x
}

// F32 is Of for the dtype F32.
func F32(values []float32, shape ...int) *tensor.Tensor { return Of(tensor.F32, values, shape...) }

// I64 is Of for the dtype I64.
func I64(values []int64, shape ...int) *tensor.Tensor { return Of(tensor.I64, values, shape...) }

// Words is a String tensor. It panics when the words do not suit the shape.
func Words(values []string, shape ...int) *tensor.Tensor {
	x, err := tensor.FromStrings(shape, values)
	if err != nil {
		panic(err)
	}
	return x
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
