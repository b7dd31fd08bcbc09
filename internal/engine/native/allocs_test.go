package native

import (
	"fmt"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// builder puts a graph together node by node; every value's name is new.
type builder struct{ g *graph.Graph }

func newBuilder(d tensor.DType, dims ...int) *builder {
	return &builder{&graph.Graph{Name: "built", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{},
		Inputs: []graph.Value{value("x", d, dims...)}}}
}

func (b *builder) node(op string, a map[string]graph.Attr, in ...string) string {
	out := fmt.Sprint("v", len(b.g.Nodes))
	b.g.Nodes = append(b.g.Nodes, &graph.Node{Name: out, Op: op, Attrs: a, Inputs: in, Outputs: []string{out}})
	return out
}

// weight is a constant of small positive numbers.
func (b *builder) weight(shape ...int) string {
	w := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](w) {
		tensor.Of[float32](w)[i] = float32(i%7+1) / 50
	}
	return b.constant(w)
}

func (b *builder) constant(t *tensor.Tensor) string {
	name := fmt.Sprint("w", len(b.g.Weights))
	b.g.Weights[name] = weight(t)
	return name
}

func (b *builder) ints(values ...int64) string { return b.constant(il(values, len(values))) }

func (b *builder) finish(out string) *graph.Graph {
	b.g.Outputs = []graph.Value{value(out, tensor.F32)}
	b.g.Outputs[0].Ranked = false
	return b.g
}

// mlp, encoder and resnet are what exporters write of such networks, of n layers each.
func mlp(n int) (*graph.Graph, tensor.Named) {
	b, x := newBuilder(tensor.F32, -1, 18), "x"
	for range n {
		x = b.node("Relu", nil, b.node("Gemm", attrs("transB", num(1)), x, b.weight(18, 18), b.weight(18)))
	}
	return b.finish(b.node("Softmax", nil, x)), tensor.Named{"x": tensor.New(tensor.F32, 3, 18)}
}

func encoder(n int) (*graph.Graph, tensor.Named) {
	const width, heads = 16, 2
	b := newBuilder(tensor.I64, -1, 6)
	x := b.node("Gather", nil, b.weight(10, width), "x")
	norm := func(x string) string {
		d := b.node("Sub", nil, x, b.node("ReduceMean", attrs("axes", list(-1)), x))
		v := b.node("ReduceMean", attrs("axes", list(-1)), b.node("Pow", nil, d, b.constant(f32t(2))))
		d = b.node("Div", nil, d, b.node("Sqrt", nil, b.node("Add", nil, v, b.constant(f32t(1e-5)))))
		return b.node("Add", nil, b.node("Mul", nil, d, b.weight(width)), b.weight(width))
	}
	linear := func(x string, from, to int) string {
		return b.node("Add", nil, b.weight(to), b.node("MatMul", nil, x, b.weight(from, to)))
	}
	for range n {
		qkv := b.node("Reshape", nil, linear(x, width, 3*width), b.ints(0, 0, 3, heads, width/heads))
		qkv = b.node("Transpose", attrs("perm", list(2, 0, 3, 1, 4)), qkv)
		part := func(i int64) string { return b.node("Gather", attrs("axis", num(0)), qkv, b.constant(il([]int64{i}))) }
		scores := b.node("MatMul", nil, part(0), b.node("Transpose", attrs("perm", list(0, 1, 3, 2)), part(1)))
		scores = b.node("Softmax", attrs("axis", num(-1)), b.node("Div", nil, scores, b.constant(f32t(2.8))))
		mixed := b.node("Transpose", attrs("perm", list(0, 2, 1, 3)), b.node("MatMul", nil, scores, part(2)))
		mixed = linear(b.node("Reshape", nil, mixed, b.ints(0, 0, width)), width, width)
		x = norm(b.node("Add", nil, x, mixed))
		up := linear(x, width, 2*width)
		gelu := b.node("Mul", nil, b.node("Mul", nil, up, b.node("Add", nil, b.node("Erf", nil, b.node("Div", nil, up, b.constant(f32t(1.41)))), b.constant(f32t(1)))), b.constant(f32t(0.5)))
		down := b.node("Add", nil, x, linear(gelu, 2*width, width))
		x = b.node("LayerNormalization", nil, down, b.weight(width), b.weight(width))
	}
	return b.finish(x), tensor.Named{"x": il(make([]int64, 12), 2, 6)}
}

func resnet(n int) (*graph.Graph, tensor.Named) {
	b := newBuilder(tensor.F32, -1, 3, 12, 12)
	conv := func(x string, from, to int) string {
		return b.node("Conv", attrs("pads", list(1, 1, 1, 1)), x, b.weight(to, from, 3, 3), b.weight(to))
	}
	x := b.node("MaxPool", attrs("kernel_shape", list(3, 3), "strides", list(2, 2), "pads", list(1, 1, 1, 1)), b.node("Relu", nil, conv("x", 3, 4)))
	for range n {
		y := conv(b.node("Relu", nil, conv(x, 4, 4)), 4, 4)
		y = b.node("BatchNormalization", nil, y, b.weight(4), b.weight(4), b.weight(4), b.weight(4))
		y = b.node("AveragePool", attrs("kernel_shape", list(3, 3), "pads", list(1, 1, 1, 1)), y)
		x = b.node("Relu", nil, b.node("Add", nil, x, y))
	}
	flat := b.node("Flatten", nil, b.node("GlobalAveragePool", nil, x))
	return b.finish(b.node("Gemm", nil, flat, b.weight(4, 5))), tensor.Named{"x": tensor.New(tensor.F32, 2, 3, 12, 12)}
}

func f32t(v float32) *tensor.Tensor { return of(tensor.F32, []float32{v}) }

// A warm run of a network allocates the same whatever its depth: nothing for an operator, beyond the outputs.
func TestNetworksAllocateNothingPerOperator(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector drops what is pooled")
	}
	for name, build := range map[string]func(n int) (*graph.Graph, tensor.Named){"mlp": mlp, "encoder": encoder, "resnet": resnet} {
		count := func(n int) (allocations float64, nodes int) {
			g, in := build(n)
			p := compile(t, g, nil)
			run := func() {
				if _, err := p.Run(t.Context(), in, nil); err != nil {
					t.Fatal(err)
				}
			}
			run()
			return testing.AllocsPerRun(20, run), len(g.Nodes)
		}
		few, short := count(2)
		many, long := count(30)
		t.Logf("%s: %v allocations a run with %d nodes, %v with %d", name, few, short, many, long)
		if many > few+1 {
			t.Errorf("%s: %v allocations a run with %d nodes, %v with %d", name, few, short, many, long)
		}
	}
}
