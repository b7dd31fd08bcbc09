// Package optest runs one operator of a family in that family's tests, without an engine around it.
//
// It is no engine: it converts no halves and checks no dtypes, so that a test sees what the kernel itself does. Only tests
// import it.
package optest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Case is one run of an operator, of ai.onnx when Domain is "". A nil input is absent. Outputs is the number of outputs, 1
// when it is 0. Constants says that the inputs are known when the node is compiled.
type Case struct {
	Domain    string
	Op        string
	Opset     int64
	Attrs     map[string]any // as Attr takes them
	In        []*tensor.Tensor
	Outputs   int
	Constants bool
}

type weights map[string]*tensor.Tensor

// Weight implements engine.Weights. It fails for a name that no input of the case has.
func (w weights) Weight(name string) (*tensor.Tensor, error) {
	if t, ok := w[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("no weight %q", name)
}

// Run builds the operator that the table has for the version and runs it once. The tensors that the kernel asks for hold
// ones bits first, so that a kernel that counts on zeros, or forgets an element, is found out.
func Run(t testing.TB, table engine.Table, c Case) ([]*tensor.Tensor, error) {
	t.Helper()
	n := &graph.Node{Name: "n", Domain: c.Domain, Op: c.Op, Attrs: map[string]graph.Attr{}}
	for name, v := range c.Attrs {
		n.Attrs[name] = Attr(v)
	}
	known := weights{}
	for i, x := range c.In {
		name := ""
		if x != nil {
			name = fmt.Sprint("in", i)
			known[name] = x
		}
		n.Inputs = append(n.Inputs, name)
	}
	for i := range max(c.Outputs, 1) {
		n.Outputs = append(n.Outputs, fmt.Sprint("out", i))
	}
	site := &engine.Site{Node: n, Opset: c.Opset, Weights: known, Const: func(i int) *graph.Weight {
		if !c.Constants || n.Inputs[i] == "" {
			return nil
		}
		return &graph.Weight{}
	}}
	for _, op := range table[engine.Key{Domain: c.Domain, Op: c.Op}] {
		if c.Opset < op.Since || op.Until != 0 && c.Opset > op.Until {
			continue
		}
		k, err := op.Build(site)
		if err != nil {
			return nil, err
		}
		call := &engine.Call{Ctx: t.Context(), In: c.In, Want: slices.Repeat([]bool{true}, len(n.Outputs)),
			Out: make([]*tensor.Tensor, len(n.Outputs)), Alloc: dirty}
		return call.Out, k.Run(call)
	}
	t.Fatalf("the table has no %s of version %d", c.Op, c.Opset)
	return nil, nil
}

func dirty(d tensor.DType, shape tensor.Shape) *tensor.Tensor {
	x := tensor.New(d, shape...)
	for i := range x.Bytes() {
		x.Bytes()[i] = 0xff
	}
	return x
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
