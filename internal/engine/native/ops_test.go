package native

import (
	"fmt"
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// opCase is one node: its inputs by position, and the output or a part of the error.
type opCase struct {
	name   string
	op     string
	domain string
	opset  int64
	attrs  map[string]graph.Attr
	in     []*tensor.Tensor
	want   *tensor.Tensor
	fails  bool
}

// make a tensor of a slice.
func of[T tensor.Element](d tensor.DType, values []T, shape ...int) *tensor.Tensor {
	t, err := tensor.FromSlice(d, values, shape...)
	if err != nil {
		panic(err)
	}
	return t
}

func fl(values []float32, shape ...int) *tensor.Tensor { return of(tensor.F32, values, shape...) }
func il(values []int64, shape ...int) *tensor.Tensor   { return of(tensor.I64, values, shape...) }
func num(i int64) graph.Attr                           { return graph.Attr{Kind: graph.AttrInt, Int: i} }
func real(f float32) graph.Attr                        { return graph.Attr{Kind: graph.AttrFloat, Float: f} }
func list(v ...int64) graph.Attr                       { return graph.Attr{Kind: graph.AttrInts, Ints: v} }
func word(s string) graph.Attr                         { return graph.Attr{Kind: graph.AttrString, Str: s} }
func attrs(kv ...any) map[string]graph.Attr {
	m := map[string]graph.Attr{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1].(graph.Attr)
	}
	return m
}

func (c opCase) run(t *testing.T) (*tensor.Tensor, error) {
	t.Helper()
	if c.opset == 0 {
		c.opset = 17
	}
	n := &graph.Node{Name: "n", Op: c.op, Domain: c.domain, Outputs: []string{"out"}, Attrs: c.attrs}
	g := &graph.Graph{Name: "one", Opsets: map[string]int64{"": c.opset, "ai.onnx.ml": 3}, Nodes: []*graph.Node{n},
		Outputs: []graph.Value{{Name: "out"}}, Weights: map[string]*graph.Weight{}}
	in := tensor.Named{}
	for i, x := range c.in {
		if x == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		name := fmt.Sprintf("in%d", i)
		n.Inputs = append(n.Inputs, name)
		g.Inputs = append(g.Inputs, graph.Value{Name: name, DType: x.DType()})
		in[name] = x
	}
	p, err := New().Compile(g, nil)
	if err != nil {
		return nil, err
	}
	out, err := p.Run(t.Context(), in, nil)
	return out["out"], err
}

func check(t *testing.T, cases []opCase) {
	t.Helper()
	for _, c := range cases {
		name := fmt.Sprintf("%s-%d %s", c.op, c.opset, c.name)
		got, err := c.run(t)
		if c.fails {
			if err == nil {
				t.Errorf("%s: %v, wanted an error", name, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d, err := tensor.Diff(got, c.want, tensor.Tolerance{Rel: 1e-6, Abs: 1e-7})
		if err != nil || d.Beyond > 0 {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

func TestMatrixProductsByHand(t *testing.T) {
	a, b := fl([]float32{1, 2, 3, 4, 5, 6}, 2, 3), fl([]float32{1, 0, 2, -1, 0, 3}, 3, 2)
	check(t, []opCase{
		{op: "MatMul", in: []*tensor.Tensor{a, b}, want: fl([]float32{5, 7, 14, 13}, 2, 2)},
		{op: "MatMul", name: "vector right", in: []*tensor.Tensor{a, fl([]float32{1, 1, 1}, 3)}, want: fl([]float32{6, 15}, 2)},
		{op: "MatMul", name: "vector left", in: []*tensor.Tensor{fl([]float32{1, 1}, 2), a}, want: fl([]float32{5, 7, 9}, 3)},
		{op: "MatMul", name: "dot", in: []*tensor.Tensor{fl([]float32{1, 2}, 2), fl([]float32{3, 4}, 2)}, want: fl([]float32{11})},
		{op: "MatMul", name: "batched", in: []*tensor.Tensor{fl([]float32{1, 2, 3, 4}, 2, 1, 2), fl([]float32{1, 1, 2, 3}, 2, 2, 1)}, want: fl([]float32{3, 18}, 2, 1, 1)},
		{op: "MatMul", name: "broadcast", in: []*tensor.Tensor{fl([]float32{1, 2}, 1, 2), fl([]float32{1, 1, 2, 3}, 2, 2, 1)}, want: fl([]float32{3, 8}, 2, 1, 1)},
		{op: "MatMul", name: "shapes", in: []*tensor.Tensor{a, a}, fails: true},
		{op: "MatMul", name: "types", in: []*tensor.Tensor{a, tensor.New(tensor.F64, 3, 2)}, fails: true},
		{op: "Gemm", name: "transA", attrs: attrs("transA", num(1), "alpha", real(2)), in: []*tensor.Tensor{a, fl([]float32{1, 1}, 2, 1)}, want: fl([]float32{10, 14, 18}, 3, 1)},
		{op: "Gemm", name: "transB and C by rows", attrs: attrs("transB", num(1), "beta", real(3)),
			in: []*tensor.Tensor{a, fl([]float32{1, 1, 1, 2, 0, 0}, 2, 3), fl([]float32{1, 2}, 2, 1)}, want: fl([]float32{9, 5, 21, 14}, 2, 2)},
		{op: "Gemm", name: "scalar C", in: []*tensor.Tensor{a, b, fl([]float32{10})}, want: fl([]float32{15, 17, 24, 23}, 2, 2)},
		{op: "Gemm", name: "full C", in: []*tensor.Tensor{a, b, fl([]float32{1, 2, 3, 4}, 2, 2)}, want: fl([]float32{6, 9, 17, 17}, 2, 2)},
		{op: "Gemm", name: "C too wide", in: []*tensor.Tensor{a, b, fl([]float32{1, 2, 3}, 3)}, fails: true},
		{op: "Gemm", name: "C was not optional", opset: 9, in: []*tensor.Tensor{a, b}, fails: true},
	})
}

func TestElementwiseByHand(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := fl([]float32{-2, -0.5, 0, 1}, 4)
	check(t, []opCase{
		{op: "Add", name: "column and row", in: []*tensor.Tensor{fl([]float32{1, 2}, 2, 1), fl([]float32{10, 20, 30}, 3)}, want: fl([]float32{11, 21, 31, 12, 22, 32}, 2, 3)},
		{op: "Sub", name: "middle", in: []*tensor.Tensor{fl([]float32{1, 2, 3, 4}, 2, 1, 2), fl([]float32{1, 2}, 2, 1)}, want: fl([]float32{0, 1, -1, 0, 2, 3, 1, 2}, 2, 2, 2)},
		{op: "Mul", name: "integers", in: []*tensor.Tensor{il([]int64{3, -4}, 2), il([]int64{5})}, want: il([]int64{15, -20}, 2)},
		{op: "Div", in: []*tensor.Tensor{fl([]float32{1, -1, 0}, 3), fl([]float32{0, 0, 0}, 3)}, want: fl([]float32{inf, -inf, nan}, 3)},
		{op: "Pow", in: []*tensor.Tensor{x, fl([]float32{2})}, want: fl([]float32{4, 0.25, 0, 1}, 4)},
		{op: "Max", name: "NaN wins", in: []*tensor.Tensor{fl([]float32{1, nan}, 2), fl([]float32{2, 3}, 2), fl([]float32{0})}, want: fl([]float32{2, nan}, 2)},
		{op: "Add", name: "no broadcast", in: []*tensor.Tensor{fl([]float32{1, 2}, 2), fl([]float32{1, 2, 3}, 3)}, fails: true},
		{op: "Add", name: "types", in: []*tensor.Tensor{x, tensor.New(tensor.F64, 4)}, fails: true},
		{op: "Relu", in: []*tensor.Tensor{fl([]float32{-1, 2, nan, -inf}, 4)}, want: fl([]float32{0, 2, nan, 0}, 4)},
		{op: "Sigmoid", name: "extremes", in: []*tensor.Tensor{fl([]float32{-1000, 0, 1000}, 3)}, want: fl([]float32{0, 0.5, 1}, 3)},
		{op: "Softplus", name: "extremes", in: []*tensor.Tensor{fl([]float32{-1000, 0, 1000}, 3)}, want: fl([]float32{0, 0.6931472, 1000}, 3)},
		{op: "LeakyRelu", attrs: attrs("alpha", real(0.1)), in: []*tensor.Tensor{x}, want: fl([]float32{-0.2, -0.05, 0, 1}, 4)},
		{op: "Elu", in: []*tensor.Tensor{x}, want: fl([]float32{-0.8646647, -0.39346933, 0, 1}, 4)},
		{op: "HardSigmoid", in: []*tensor.Tensor{x}, want: fl([]float32{0.1, 0.4, 0.5, 0.7}, 4)},
		{op: "Gelu", opset: 20, in: []*tensor.Tensor{x}, want: fl([]float32{-0.04550026, -0.15426877, 0, 0.8413447}, 4)},
		{op: "Gelu", opset: 20, attrs: attrs("approximate", word("no")), in: []*tensor.Tensor{x}, fails: true},
		{op: "Clip", opset: 6, attrs: attrs("min", real(-1), "max", real(0.5)), in: []*tensor.Tensor{x}, want: fl([]float32{-1, -0.5, 0, 0.5}, 4)},
		{op: "Clip", opset: 13, in: []*tensor.Tensor{x, nil, fl([]float32{0.5})}, want: fl([]float32{-2, -0.5, 0, 0.5}, 4)},
		{op: "Clip", opset: 13, name: "min above max", in: []*tensor.Tensor{x, fl([]float32{3}), fl([]float32{2})}, want: fl([]float32{2, 2, 2, 2}, 4)},
		{op: "PRelu", in: []*tensor.Tensor{fl([]float32{-1, -2, 3, -4}, 2, 2), fl([]float32{2, 3}, 2)}, want: fl([]float32{-2, -6, 3, -12}, 2, 2)},
		{op: "BatchNormalization", in: []*tensor.Tensor{fl([]float32{1, 2, 3, 4}, 2, 2), fl([]float32{1, 2}, 2), fl([]float32{0, 1}, 2), fl([]float32{1, 1}, 2), fl([]float32{4, 1}, 2)},
			attrs: attrs("epsilon", real(0)), want: fl([]float32{0, 3, 1, 7}, 2, 2)},
		{op: "Where", in: []*tensor.Tensor{of(tensor.Bool, []bool{true, false}, 2, 1), fl([]float32{1, 2}, 2), fl([]float32{9})}, want: fl([]float32{1, 2, 9, 9}, 2, 2)},
		{op: "Greater", in: []*tensor.Tensor{x, fl([]float32{-0.5})}, want: of(tensor.Bool, []bool{false, false, true, true}, 4)},
		{op: "Not", in: []*tensor.Tensor{of(tensor.Bool, []bool{true, false}, 2)}, want: of(tensor.Bool, []bool{false, true}, 2)},
		{op: "Exp", name: "integers", in: []*tensor.Tensor{il([]int64{1}, 1)}, fails: true},
	})
}
