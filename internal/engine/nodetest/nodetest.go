// Package nodetest runs single operators of a family in tests: one node, its inputs by position, its outputs.
//
// It calls kernels as the engine does, but checks no dtypes and converts no half types; that is the engine's own part.
// Only tests import it.
package nodetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Node is one application of an operator. Constants says that the inputs are known when the node is compiled.
type Node struct {
	Op        string
	Opset     int64
	Attrs     map[string]graph.Attr
	In        []*tensor.Tensor // nil for an absent one
	Outputs   int              // 0 means 1
	Constants bool
}

type weights map[string]*tensor.Tensor

// Weight implements engine.Weights.
func (w weights) Weight(name string) (*tensor.Tensor, error) {
	if t, ok := w[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("no weight %q", name)
}

// Run compiles the node with its definition in the table and runs it. Buffers of New are filled with ones bits first, so
// that an element that a kernel forgets shows.
func (n Node) Run(table engine.Table) ([]*tensor.Tensor, error) {
	node := &graph.Node{Name: "n", Op: n.Op, Attrs: n.Attrs}
	w := weights{}
	for i, t := range n.In {
		name := ""
		if t != nil {
			name = fmt.Sprint("in", i)
			w[name] = t
		}
		node.Inputs = append(node.Inputs, name)
	}
	for i := range max(n.Outputs, 1) {
		node.Outputs = append(node.Outputs, fmt.Sprint("out", i))
	}
	for _, d := range table[engine.Key{Op: n.Op}] {
		if n.Opset < d.Since || d.Until != 0 && n.Opset > d.Until {
			continue
		}
		k, err := d.Build(&engine.Site{Node: node, Opset: n.Opset, Weights: w, Const: func(i int) *graph.Weight {
			if !n.Constants || node.Inputs[i] == "" {
				return nil
			}
			return &graph.Weight{}
		}})
		if err != nil {
			return nil, err
		}
		c := &engine.Call{Ctx: context.Background(), In: n.In, Out: make([]*tensor.Tensor, len(node.Outputs)),
			Want: slices.Repeat([]bool{true}, len(node.Outputs)), Alloc: dirty}
		return c.Out, k.Run(c)
	}
	return nil, fmt.Errorf("%s has no version %d", n.Op, n.Opset)
}

func dirty(d tensor.DType, shape tensor.Shape) *tensor.Tensor {
	t := tensor.New(d, shape...)
	for i := range t.Bytes() {
		t.Bytes()[i] = 0xff
	}
	return t
}

// Of is a tensor of the values. It panics when they do not fit the shape.
func Of[T tensor.Element](d tensor.DType, values []T, shape ...int) *tensor.Tensor {
	t, err := tensor.FromSlice(d, values, shape...)
	if err != nil {
		panic(err)
	}
	return t
}

// F32 is a tensor of float32 values.
func F32(values []float32, shape ...int) *tensor.Tensor { return Of(tensor.F32, values, shape...) }

// I64 is a tensor of int64 values.
func I64(values []int64, shape ...int) *tensor.Tensor { return Of(tensor.I64, values, shape...) }

// Words is a String tensor.
func Words(values []string, shape ...int) *tensor.Tensor {
	t, err := tensor.FromStrings(shape, values)
	if err != nil {
		panic(err)
	}
	return t
}

// Attrs are attributes by name, of int, float32, string and []int64.
func Attrs(pairs ...any) map[string]graph.Attr {
	m := map[string]graph.Attr{}
	for i := 0; i < len(pairs); i += 2 {
		a := graph.Attr{}
		switch v := pairs[i+1].(type) {
		case int:
			a = graph.Attr{Kind: graph.AttrInt, Int: int64(v)}
		case float32:
			a = graph.Attr{Kind: graph.AttrFloat, Float: v}
		case string:
			a = graph.Attr{Kind: graph.AttrString, Str: v}
		case []int64:
			a = graph.Attr{Kind: graph.AttrInts, Ints: v}
		default:
			panic(fmt.Sprintf("nodetest: an attribute of %T", v))
		}
		m[pairs[i].(string)] = a
	}
	return m
}

// Case is a node and its first output, or with Want nil an error.
type Case struct {
	Node
	Want *tensor.Tensor
}

// Check runs the cases, each with its inputs known at once and only when it runs. Values must be equal bit by bit, but
// any NaN is as good as another.
func Check(t *testing.T, table engine.Table, cases []Case) {
	t.Helper()
	for i, c := range cases {
		for _, c.Constants = range []bool{false, true} {
			out, err := c.Run(table)
			if c.Want == nil {
				if err == nil {
					t.Errorf("case %d, %s: no error, output %v", i, c.Op, out[0])
				}
				continue
			}
			if err != nil {
				t.Errorf("case %d, %s: %v", i, c.Op, err)
				continue
			}
			if why := differ(out[0], c.Want); why != "" {
				t.Errorf("case %d, %s: %s", i, c.Op, why)
			}
		}
	}
}

func differ(got, want *tensor.Tensor) string {
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return fmt.Sprintf("%v, wanted %v", got, want)
	}
	switch got.DType() {
	case tensor.F32:
		g, w := tensor.Of[float32](got), tensor.Of[float32](want)
		for i := range g {
			if math.Float32bits(g[i]) != math.Float32bits(w[i]) && (g[i] == g[i] || w[i] == w[i]) {
				return fmt.Sprintf("%v, wanted %v", g, w)
			}
		}
		return ""
	case tensor.String:
		for i := range got.Len() {
			if got.StringAt(i) != want.StringAt(i) {
				return fmt.Sprintf("element %d is %q, wanted %q", i, got.StringAt(i), want.StringAt(i))
			}
		}
		return ""
	}
	if !slices.Equal(got.Bytes(), want.Bytes()) {
		return fmt.Sprintf("bytes %v, wanted %v", got.Bytes(), want.Bytes())
	}
	return ""
}
