package optimise_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// mixture is a layer of four experts over rows of 6 columns, in some form. Weights come from the two best of a softmax.
type mixture struct {
	*maker
	x, best, chosen string // [rows, 6], [rows, 2], [rows, 2]
	all             string // the softmax, [rows, 4]
}

const expertCount = 4

func newMixture(t *testing.T, opset int64) *mixture {
	m := &mixture{maker: newMaker(t, opset)}
	m.x = m.input("x", "batch", 6)
	m.all = m.node("Softmax", attrs("axis", -1), m.op("MatMul", m.x, m.w(6, expertCount)))
	m.top()
	return m
}

func (m *mixture) top() {
	m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: "top", Op: "TopK", Inputs: []string{m.all, m.ints(2)}, Outputs: []string{"best", "chosen"}})
	m.best, m.chosen = "best", "chosen"
}

// network is a branch of two products.
func (m *mixture) network(x string) string {
	return m.op("Add", m.op("MatMul", m.op("Relu", m.node("Gemm", attrs("transB", 1), x, m.w(9, 6), m.w(9))), m.w(9, 6)), m.w(6))
}

func (m *mixture) scalar(v int64) string {
	t := tensor.New(tensor.I64)
	tensor.Of[int64](t)[0] = v
	return m.weight(t)
}

// masked is the weight of an expert for all rows, [rows, 1].
func (m *mixture) masked(e int) string {
	return m.node("ReduceSum", attrs("keepdims", 1), m.op("Mul", m.best, m.node("Cast", attrs("to", 1), m.op("Equal", m.chosen, m.scalar(int64(e))))), m.ints(-1))
}

// where are the coordinates of what is true in a matrix.
func (m *mixture) where(mask string, axes ...int) []string {
	at := m.node("Transpose", attrs("perm", []int64{1, 0}), m.op("NonZero", mask))
	name := fmt.Sprintf("s%d", len(m.g.Nodes))
	m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: name, Op: "Split", Inputs: []string{at, m.ints(1, 1)}, Outputs: []string{name + "a", name + "b"}, Attrs: attrs("axis", 1)})
	var out []string
	for _, a := range axes {
		out = append(out, m.op("Squeeze", []string{name + "a", name + "b"}[a], m.ints(1)))
	}
	return out
}

// slot is the weight that stands at row and slot, [n, 1].
func (m *mixture) slot(row, slot string) string {
	flat := m.node("Flatten", attrs("axis", 2), m.op("Unsqueeze", m.best, m.ints(2)))
	return m.op("Gather", flat, m.op("Add", slot, m.op("Mul", row, m.ints(2))))
}

func (m *mixture) zeros() string { return m.op("ConstantOfShape", m.op("Shape", m.x)) }

// putBack writes rows with what was there before, as PyTorch's y[row] += part.
func (m *mixture) putBack(y, row, part string) string {
	return m.op("ScatterND", y, m.op("Unsqueeze", row, m.ints(-1)), m.op("Add", m.op("Gather", y, row), part))
}

// addBack adds rows as PyTorch's index_add does.
func (m *mixture) addBack(y, row, part string) string {
	first := m.op("Slice", y, m.ints(0, 0), m.ints(1, 1<<62), m.ints(0, 1))
	wide := m.op("Expand", part, m.op("Shape", first))
	at := m.op("Expand", m.op("Unsqueeze", row, m.ints(1)), m.op("Shape", wide))
	return m.op("Add", y, m.node("ScatterElements", attrs("axis", 0), m.op("ConstantOfShape", m.op("Shape", y)), at, wide))
}

// each folds over the experts.
func (m *mixture) each(y string, add func(y string, e int) string) {
	for e := range expertCount {
		y = add(y, e)
	}
	m.output(y)
}

// mixtures are the forms that are recognised, the weights of rows apart from one another or not.
func mixtures() map[string]func(m *mixture) {
	stack := func(m *mixture, gates string) string {
		var parts []string
		for range expertCount {
			parts = append(parts, m.op("Unsqueeze", m.network(m.x), m.ints(-2)))
		}
		return m.op("Mul", m.op("Unsqueeze", gates, m.ints(-1)), m.node("Concat", attrs("axis", 1), parts...))
	}
	return map[string]func(m *mixture){
		"a sum from zeros": func(m *mixture) {
			m.each(m.zeros(), func(y string, e int) string { return m.op("Add", y, m.op("Mul", m.masked(e), m.network(m.x))) })
		},
		"a sum beside another": func(m *mixture) {
			m.each(m.op("Tanh", m.x), func(y string, e int) string { return m.op("Add", m.op("Mul", m.network(m.x), m.masked(e)), y) })
		},
		"columns of one value": func(m *mixture) {
			m.each(m.zeros(), func(y string, e int) string {
				gate := m.op("Slice", m.all, m.ints(int64(e)), m.ints(int64(e+1)), m.ints(1))
				return m.op("Add", y, m.op("Mul", gate, m.network(m.x)))
			})
		},
		"side by side": func(m *mixture) {
			m.output(m.node("ReduceSum", attrs("keepdims", 0), stack(m, m.all), m.ints(-2)))
		},
		"rows written back": func(m *mixture) {
			m.each(m.zeros(), func(y string, e int) string {
				at := m.where(m.op("Equal", m.chosen, m.scalar(int64(e))), 0, 1)
				return m.putBack(y, at[0], m.op("Mul", m.slot(at[0], at[1]), m.network(m.op("Gather", m.x, at[0]))))
			})
		},
		"rows added": func(m *mixture) {
			hot := m.node("Transpose", attrs("perm", []int64{2, 1, 0}), m.op("OneHot", m.chosen, m.scalar(expertCount), m.ints(0, 1)))
			m.each(m.zeros(), func(y string, e int) string {
				at := m.where(m.node("Cast", attrs("to", 9), m.op("Gather", hot, m.scalar(int64(e)))), 1, 0)
				part := m.op("Reshape", m.node("Gather", attrs("axis", 1), m.op("Unsqueeze", m.x, m.ints(0)), at[0]), m.ints(-1, 6))
				return m.addBack(y, at[0], m.op("Mul", m.network(part), m.slot(at[0], at[1])))
			})
		},
		"rows of a threshold": func(m *mixture) {
			m.each(m.zeros(), func(y string, e int) string {
				column := m.op("Squeeze", m.op("Slice", m.all, m.ints(int64(e)), m.ints(int64(e+1)), m.ints(1)), m.ints(1))
				at := m.op("Squeeze", m.node("Transpose", attrs("perm", []int64{1, 0}), m.op("NonZero", m.op("Greater", column, m.number(0.25)))), m.ints(1))
				return m.putBack(y, at, m.op("Mul", m.op("Unsqueeze", m.op("Gather", column, at), m.ints(-1)), m.network(m.op("Gather", m.x, at))))
			})
		},
		"rows without weights": func(m *mixture) {
			number := m.node("ArgMax", attrs("axis", -1, "keepdims", 0), m.all)
			m.each(m.zeros(), func(y string, e int) string {
				at := m.op("Squeeze", m.node("Transpose", attrs("perm", []int64{1, 0}), m.op("NonZero", m.op("Equal", number, m.scalar(int64(e))))), m.ints(1))
				return m.op("ScatterND", y, m.op("Unsqueeze", at, m.ints(-1)), m.network(m.op("Gather", m.x, at)))
			})
		},
	}
}

// Every form becomes one layer of four experts, of which nothing is left over, and has the same values.
func TestMixturesOfExpertsAreRecognised(t *testing.T) {
	for name, build := range mixtures() {
		for _, opset := range []int64{13, 17} {
			t.Run(fmt.Sprintf("%s/opset=%d", name, opset), func(t *testing.T) {
				m := newMixture(t, opset)
				m.in["x"] = m.random(12, 6)
				build(m)
				if done := m.optimised(t, false); done.Experts != expertCount {
					t.Errorf("%s: %v", done, m.ops())
				}
				if !slices.Contains(m.ops(), "Experts") || slices.Contains(m.ops(), "Gemm") {
					t.Errorf("left over: %v", m.ops())
				}
			})
		}
	}
}

// What only looks like a layer of experts stays as it is.
func TestOtherSumsAreNoMixtures(t *testing.T) {
	sum := func(m *mixture, part func(e int) string) {
		m.each(m.zeros(), func(y string, e int) string { return m.op("Add", y, part(e)) })
	}
	for name, build := range map[string]func(m *mixture){
		"networks of different rows": func(m *mixture) {
			other := m.input("other", "batch", 6)
			sum(m, func(e int) string { return m.op("Mul", m.masked(e), m.network([]string{m.x, other}[e%2])) })
		},
		"weights by column": func(m *mixture) {
			sum(m, func(e int) string {
				return m.op("Mul", m.op("Sigmoid", m.op("MatMul", m.x, m.w(6, 6))), m.network(m.x))
			})
		},
		"a network that another output needs": func(m *mixture) {
			sum(m, func(e int) string {
				f := m.network(m.x)
				m.output(f)
				return m.op("Mul", m.masked(e), f)
			})
		},
		"networks without matrices": func(m *mixture) {
			sum(m, func(e int) string { return m.op("Mul", m.masked(e), m.op("Tanh", m.x)) })
		},
		"rows that mix": func(m *mixture) {
			sum(m, func(e int) string {
				return m.op("Mul", m.masked(e), m.node("Softmax", attrs("axis", 0), m.op("MatMul", m.x, m.w(6, 6))))
			})
		},
		"rows replaced twice": func(m *mixture) {
			m.each(m.zeros(), func(y string, e int) string {
				at := m.where(m.op("Equal", m.chosen, m.scalar(int64(e))), 0)[0]
				return m.op("ScatterND", y, m.op("Unsqueeze", at, m.ints(-1)), m.network(m.op("Gather", m.x, at)))
			})
		},
		"rows put elsewhere": func(m *mixture) {
			m.each(m.zeros(), func(y string, e int) string {
				at := m.where(m.op("Equal", m.chosen, m.scalar(int64(e))), 0, 1)
				return m.putBack(y, at[1], m.op("Mul", m.slot(at[0], at[1]), m.network(m.op("Gather", m.x, at[0]))))
			})
		},
		"one expert": func(m *mixture) {
			m.output(m.op("Add", m.x, m.op("Mul", m.masked(0), m.network(m.x))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMixture(t, 17)
			m.in["x"] = m.random(3, 6)
			build(m)
			if done := m.optimised(t, false); done.Experts != 0 || slices.Contains(m.ops(), "Experts") {
				t.Errorf("recognised: %s", done)
			}
		})
	}
}

// Rows may choose no expert, or all of them: a batch of one row, and an empty one.
func TestMixturesOfFewRows(t *testing.T) {
	for name, build := range mixtures() {
		for _, rows := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s/rows=%d", name, rows), func(t *testing.T) {
				m := newMixture(t, 17)
				m.in["x"] = m.random(rows, 6)
				build(m)
				if done := m.optimised(t, false); done.Experts != expertCount {
					t.Errorf("%s", done)
				}
			})
		}
	}
}
