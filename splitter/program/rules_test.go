package program

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// cut makes a value of the shape that is cut along dimension dim: a product with a matrix that is cut by columns, turned so that the columns
// lie there.
func (m *maker) cut(name string, dim int, shape ...int) string {
	perm, from := []int64{}, []int{}
	for d, n := range shape {
		if d != dim {
			from = append(from, n)
		}
		switch {
		case d < dim:
			perm = append(perm, int64(d))
		case d == dim:
			perm = append(perm, int64(len(shape)-1))
		default:
			perm = append(perm, int64(d-1))
		}
	}
	x := m.input(name+"_x", m.random(append(slices.Clone(from), 5)...))
	y := m.node("MatMul", nil, name+"_made", x, m.w(name+"_w", 5, shape[dim]))
	if dim == len(shape)-1 {
		return y
	}
	return m.node("Transpose", map[string]graph.Attr{"perm": intsAttr(perm...)}, name, y)
}

// ruleCase is an operator behind a value that is cut along a dimension. through says whether the cut goes on through the operator, the node "op".
type ruleCase struct {
	name    string
	through bool
	build   func(m *maker)
}

func attrs(pairs ...any) map[string]graph.Attr {
	out := map[string]graph.Attr{}
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case int:
			out[pairs[i].(string)] = intAttr(int64(v))
		case []int64:
			out[pairs[i].(string)] = intsAttr(v...)
		case string:
			out[pairs[i].(string)] = graph.Attr{Kind: graph.AttrString, Str: v}
		}
	}
	return out
}

// behind is a case of one operator with further constant inputs.
func behind(name string, through bool, dim int, shape []int, op string, a map[string]graph.Attr, more ...func(m *maker) string) ruleCase {
	return ruleCase{name, through, func(m *maker) {
		in := []string{m.cut("v", dim, shape...)}
		for _, f := range more {
			in = append(in, f(m))
		}
		m.output(m.node(op, a, "op", in...))
	}}
}

func constants(shape ...int) func(m *maker) string {
	return func(m *maker) string { return m.w(fmt.Sprintf("c%d", len(m.g.Weights)), shape...) }
}

func numbers(values ...int64) func(m *maker) string {
	return func(m *maker) string { return m.ints(fmt.Sprintf("c%d", len(m.g.Weights)), values...) }
}

func ruleCases() []ruleCase {
	var out []ruleCase
	for _, op := range []string{"Relu", "Tanh", "Sigmoid", "Erf", "Neg", "Abs", "Exp", "Softplus", "Identity", "Elu", "LeakyRelu", "Floor", "HardSwish", "Sign", "Cos"} {
		out = append(out, behind(op, true, 1, []int{3, 14, 2}, op, nil))
	}
	for _, op := range []string{"Add", "Mul", "Sub", "Div", "Max", "Min"} {
		out = append(out, behind(op+" along", true, 1, []int{3, 14, 2}, op, nil, constants(14, 1)),
			behind(op+" across", true, 1, []int{3, 14, 2}, op, nil, constants(1, 1, 2)), behind(op+" scalar", true, 2, []int{3, 2, 14}, op, nil, constants()))
	}
	out = append(out, movingCases()...)
	return append(out, reducingCases()...)
}

// movingCases are operators that move elements, or look along dimensions that stay whole.
func movingCases() []ruleCase {
	return []ruleCase{
		behind("PRelu", true, 1, []int{3, 14, 2}, "PRelu", nil, constants(14, 1)),
		behind("transpose", true, 1, []int{3, 14, 2}, "Transpose", attrs("perm", []int64{1, 2, 0})),
		behind("reshape to heads", true, 2, []int{3, 2, 28}, "Reshape", nil, numbers(3, 2, 14, 2)),
		behind("reshape with rest", true, 2, []int{3, 2, 28}, "Reshape", nil, numbers(0, 0, -1, 4)),
		behind("reshape joins behind", true, 1, []int{3, 14, 2}, "Reshape", nil, numbers(3, 28)),
		behind("reshape joins before and leaves", false, 1, []int{3, 14, 2}, "Reshape", nil, numbers(42, 2)),
		ruleCase{"reshape joins before and splits again", true, func(m *maker) {
			joined := m.node("Reshape", nil, "op", m.cut("v", 1, 3, 14, 2), m.ints("join", 42, 2))
			m.output(m.node("Reshape", nil, "again", m.node("Relu", nil, "relu", joined), m.ints("part", 3, 14, 2)))
		}},
		behind("reshape across", false, 1, []int{3, 14, 5}, "Reshape", nil, numbers(10, 21)),
		behind("flatten", true, 1, []int{3, 14, 2}, "Flatten", attrs("axis", 1)),
		behind("unsqueeze", true, 1, []int{3, 14, 2}, "Unsqueeze", nil, numbers(0, 4)),
		behind("squeeze", true, 1, []int{3, 14, 1}, "Squeeze", nil, numbers(2)),
		behind("expand", true, 1, []int{3, 14, 1}, "Expand", nil, numbers(3, 14, 5)),
		behind("expand more", true, 1, []int{3, 14, 1}, "Expand", nil, numbers(2, 1, 14, 5)),
		behind("slice elsewhere", true, 1, []int{3, 14, 4}, "Slice", nil, numbers(1), numbers(3), numbers(2)),
		behind("slice here", false, 1, []int{3, 14, 4}, "Slice", nil, numbers(1), numbers(3), numbers(1)),
		behind("pad elsewhere", true, 1, []int{3, 14, 4}, "Pad", nil, numbers(0, 0, 1, 0, 0, 2)),
		behind("pad here", false, 1, []int{3, 14, 4}, "Pad", nil, numbers(0, 1, 0, 0, 0, 0)),
		behind("softmax elsewhere", true, 1, []int{3, 14, 4}, "Softmax", attrs("axis", -1)),
		behind("softmax here", false, 1, []int{3, 14, 4}, "Softmax", attrs("axis", 1)),
		behind("log softmax elsewhere", true, 1, []int{3, 14, 4}, "LogSoftmax", attrs("axis", 0)),
		behind("layer norm elsewhere", true, 1, []int{3, 14, 4}, "LayerNormalization", attrs("axis", -1), constants(4), constants(4)),
		behind("layer norm here", false, 2, []int{3, 4, 14}, "LayerNormalization", attrs("axis", -1), constants(14), constants(14)),
		behind("batch norm", true, 1, []int{3, 14, 4}, "BatchNormalization", nil, constants(14), constants(14), constants(14), positive(14)),
		behind("instance norm", true, 1, []int{3, 14, 4}, "InstanceNormalization", nil, constants(14), constants(14)),
	}
}

// reducingCases are operators that sum, pool, multiply or join.
func reducingCases() []ruleCase {
	return []ruleCase{
		behind("reduce sum elsewhere", true, 1, []int{3, 14, 4}, "ReduceSum", attrs("keepdims", 0), numbers(2)),
		behind("reduce sum here", true, 1, []int{3, 14, 4}, "ReduceSum", attrs("keepdims", 1), numbers(1)),
		behind("reduce sum of all", true, 1, []int{3, 14, 4}, "ReduceSum", attrs("keepdims", 0)),
		behind("reduce max here", true, 1, []int{3, 14, 4}, "ReduceMax", attrs("axes", []int64{1})),
		behind("reduce min here", true, 1, []int{3, 14, 4}, "ReduceMin", attrs("axes", []int64{1, 2}, "keepdims", 0)),
		behind("reduce mean elsewhere", true, 1, []int{3, 14, 4}, "ReduceMean", attrs("axes", []int64{-1})),
		behind("reduce mean here", false, 1, []int{3, 14, 4}, "ReduceMean", attrs("axes", []int64{1})),
		behind("arg max elsewhere", true, 1, []int{3, 14, 4}, "ArgMax", attrs("axis", 2)),
		behind("arg max here", false, 1, []int{3, 14, 4}, "ArgMax", attrs("axis", 1)),
		behind("split elsewhere", true, 1, []int{3, 14, 4}, "Split", attrs("axis", 2), numbers(4)),
		behind("conv", true, 1, []int{2, 14, 6}, "Conv", attrs("pads", []int64{1, 1}), constants(4, 14, 3), constants(4)),
		behind("conv of two dimensions", true, 1, []int{2, 14, 5, 6}, "Conv", attrs("strides", []int64{2, 1}, "dilations", []int64{1, 2}), constants(4, 14, 2, 2), constants(4)),
		behind("conv depthwise", true, 1, []int{2, 14, 6}, "Conv", attrs("group", 14), constants(28, 1, 3), constants(28)),
		behind("conv in groups", true, 1, []int{2, 28, 6}, "Conv", attrs("group", 7), constants(14, 4, 3)),
		behind("conv transpose", true, 1, []int{2, 14, 6}, "ConvTranspose", nil, constants(14, 4, 3), constants(4)),
		behind("max pool", true, 1, []int{2, 14, 6}, "MaxPool", attrs("kernel_shape", []int64{2})),
		behind("average pool", true, 1, []int{2, 14, 6, 4}, "AveragePool", attrs("kernel_shape", []int64{2, 2})),
		behind("global average pool", true, 1, []int{2, 14, 6}, "GlobalAveragePool", nil),
		behind("cumulative sum elsewhere", true, 1, []int{2, 14, 6}, "CumSum", nil, numbers(2)),
		behind("gather elsewhere", true, 1, []int{3, 14, 4}, "Gather", attrs("axis", 2), numbers(3, 0, 0)),
		behind("gather here", false, 1, []int{3, 14, 4}, "Gather", attrs("axis", 1), numbers(3, 0, 0)),
		behind("einsum passes", true, 1, []int{3, 14, 4}, "Einsum", attrs("equation", "bij,jk->bik"), constants(4, 5)),
		behind("einsum sums", true, 1, []int{3, 14, 4}, "Einsum", attrs("equation", "bij,ik->bjk"), constants(14, 5)),
		behind("matmul passes rows", true, 1, []int{3, 14, 4}, "MatMul", nil, constants(4, 5)),
		behind("matmul sums", true, 2, []int{3, 4, 14}, "MatMul", nil, constants(14, 5)),
		behind("matmul in batches", true, 0, []int{14, 3, 4}, "MatMul", nil, constants(14, 4, 5)),
		behind("matmul vector", true, 1, []int{3, 14}, "MatMul", nil, constants(14)),
		ruleCase{"concat elsewhere", true, func(m *maker) {
			m.output(m.node("Concat", attrs("axis", 2), "op", m.cut("v", 1, 3, 14, 2), m.cut("u", 1, 3, 14, 5)))
		}},
		ruleCase{"concat here and split again", true, func(m *maker) {
			joined := m.node("Concat", attrs("axis", 1), "joined", m.cut("v", 1, 3, 14, 2), m.cut("u", 1, 3, 14, 2))
			m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: "op", Op: "Split", Inputs: []string{joined}, Outputs: []string{"op", "other"}, Attrs: attrs("axis", 1)})
			m.output(m.node("Sub", nil, "difference", "op", "other"))
		}},
		ruleCase{"three projections in one matrix", true, func(m *maker) { packed(m) }},
		ruleCase{"whole and cut at once", true, func(m *maker) {
			x := m.input("x", m.random(3, 14))
			v := m.node("MatMul", nil, "v_made", x, m.w("w", 14, 14))
			m.output(m.node("Add", nil, "op", v, x))
		}},
		ruleCase{"where", true, func(m *maker) {
			v := m.cut("v", 1, 3, 14, 2)
			m.output(m.node("Where", nil, "op", m.node("Greater", nil, "cond", v, m.w("limit", 14, 1)), v, m.w("otherwise", 2)))
		}},
		ruleCase{"cast", true, func(m *maker) {
			m.output(m.node("Cast", attrs("to", 11), "op", m.cut("v", 1, 3, 14, 2)))
		}},
		ruleCase{"lstm batch", false, func(m *maker) {
			x := m.cut("v", 2, 4, 3, 14)
			m.output(m.node("LSTM", attrs("hidden_size", 5), "op", x, m.w("lw", 1, 20, 14), m.w("lr", 1, 20, 5), m.w("lb", 1, 40)))
		}},
	}
}

func positive(n int) func(m *maker) string {
	return func(m *maker) string {
		t := tensor.New(tensor.F32, n)
		for i := range tensor.Of[float32](t) {
			tensor.Of[float32](t)[i] = 0.5 + m.rng.Float32()
		}
		return m.weight(fmt.Sprintf("c%d", len(m.g.Weights)), t)
	}
}

// packed is attention whose three projections are one matrix, as GPT's exports have it.
func packed(m *maker) {
	const batch, steps, heads, size = 2, 3, 7, 4
	x := m.input("x", m.random(batch, steps, heads*size))
	all := m.node("Gemm", nil, "qkv", m.node("Reshape", nil, "rows", x, m.ints("flat", -1, heads*size)), m.w("wqkv", heads*size, 3*heads*size), m.w("bqkv", 3*heads*size))
	back := m.node("Reshape", nil, "back", all, m.ints("unflat", batch, steps, 3*heads*size))
	m.ints("sizes", heads*size, heads*size, heads*size)
	m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: "op", Op: "Split", Inputs: []string{back, "sizes"}, Outputs: []string{"q", "k", "v"}, Attrs: attrs("axis", 2)})
	m.ints("split", batch, steps, heads, size)
	head := func(name string, perm ...int64) string {
		return m.node("Transpose", map[string]graph.Attr{"perm": intsAttr(perm...)}, name+"t", m.node("Reshape", nil, name+"r", name, "split"))
	}
	scores := m.node("Softmax", attrs("axis", -1), "soft", m.node("MatMul", nil, "qk", head("q", 0, 2, 1, 3), head("k", 0, 2, 3, 1)))
	context := m.node("MatMul", nil, "context", scores, head("v", 0, 2, 1, 3))
	joined := m.node("Reshape", nil, "joined", m.node("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 2, 1, 3)}, "ct", context), m.ints("join", batch, steps, heads*size))
	m.output(m.node("MatMul", nil, "o", joined, m.w("wo", heads*size, heads*size)))
}

// Every rule: whatever region there is, at any number of shards, has the values of the uncut model; and the cut goes as far as the maths allows.
func TestEveryRule(t *testing.T) {
	for _, c := range ruleCases() {
		t.Run(c.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			m := newMaker(rand.New(rand.NewPCG(seed, 0)), 17)
			c.build(m)
			checkRegions(t, m)
			g, _ := prepare(t, m)
			through := false
			for _, r := range g.Regions() {
				made, op := false, false
				for _, i := range r.Nodes {
					made = made || g.Nodes[i].Name == "v_made" || g.Nodes[i].Name == "qkv"
					op = op || g.Nodes[i].Name == "op"
				}
				through = through || made && op
			}
			if through != c.through {
				t.Errorf("the cut goes through: %v, wanted %v", through, c.through)
			}
		})
	}
}

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
