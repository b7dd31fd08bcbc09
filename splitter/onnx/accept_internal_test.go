package onnx

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// The table of operands says of every operator and type what its kernel does.
func TestOperandsAreThoseThatTheKernelsTake(t *testing.T) {
	attrs := map[string]graph.Attr{"axis": {Kind: graph.AttrInt}, "to": {Kind: graph.AttrInt, Int: onnx.TypeNumber(tensor.I64)}}
	arity := map[string]int{"Add": 2, "Sub": 2, "Mul": 2, "Div": 2, "Pow": 2, "PRelu": 2, "Min": 2, "Max": 2, "Sum": 2, "Greater": 2, "Less": 2,
		"Equal": 2, "And": 2, "Or": 2, "Gemm": 3, "MatMul": 2, "Clip": 3, "Concat": 2, "Where": 3, "BatchNormalization": 5}
	ops := append([]string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ArgMax", "ArgMin", "Transpose", "Cast", "Identity",
		"Reshape", "Flatten", "Squeeze", "Shape"}, sameAsInput()...)
	for op := range arity {
		ops = append(ops, op)
	}
	slices.Sort(ops)
	types := append(fixedTypes(), tensor.String)
	for _, op := range slices.Compact(ops) {
		for _, d := range types {
			if op == "BatchNormalization" && d == tensor.String {
				continue // its parameters cannot be strings
			}
			n := &graph.Node{Name: op, Op: op, Outputs: []string{"out"}}
			switch op {
			case "Concat", "ArgMax", "ArgMin", "Softmax", "LogSoftmax", "Flatten":
				n.Attrs = map[string]graph.Attr{"axis": attrs["axis"]}
			case "Cast":
				n.Attrs = map[string]graph.Attr{"to": attrs["to"]}
			}
			g := &graph.Graph{Name: "one", Opsets: map[string]int64{"": 20}, Nodes: []*graph.Node{n},
				Outputs: []graph.Value{{Name: "out"}}, Weights: map[string]*graph.Weight{}}
			in := tensor.Named{}
			add := func(x *tensor.Tensor) {
				name := fmt.Sprintf("in%d", len(n.Inputs))
				n.Inputs, in[name] = append(n.Inputs, name), x
				g.Inputs = append(g.Inputs, graph.Value{Name: name, DType: x.DType()})
			}
			for k := range max(1, arity[op]) {
				switch {
				case op == "Where" && k > 0:
					add(tensor.New(tensor.F32, 1, 1))
				case op == "BatchNormalization" && k > 0:
					add(zeros(t, d, 1))
				default:
					add(zeros(t, d, 1, 1))
				}
			}
			if op == "Reshape" {
				add(tensor.New(tensor.I64, 1))
			}
			p, err := native.New().Compile(g, nil)
			if err != nil {
				t.Fatalf("%s of %s: %v", op, d, err)
			}
			_, err = p.Run(t.Context(), in, nil)
			o, checked := operandsOf(n)
			if says := !checked || slices.Contains(o.types, d); says != (err == nil) {
				t.Errorf("%s of %s: the table says %v, the kernel %v", op, d, says, err)
			}
		}
	}
}

func zeros(t *testing.T, d tensor.DType, shape ...int) *tensor.Tensor {
	if d != tensor.String {
		return tensor.New(d, shape...)
	}
	s, err := tensor.FromStrings(shape, []string{"0"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
