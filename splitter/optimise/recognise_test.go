package optimise_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
)

// mean is a ReduceMean in the form of the graph's version.
func (m *maker) mean(x string, axes ...int64) string {
	if m.g.Opsets[""] >= 18 {
		return m.op("ReduceMean", x, m.ints(axes...))
	}
	return m.node("ReduceMean", attrs("axes", axes), x)
}

// normalised is d / sqrt(mean(d²) + epsilon) over the axes.
func (m *maker) normalised(x string, axes ...int64) string {
	d := m.op("Sub", x, m.mean(x, axes...))
	return m.op("Div", d, m.op("Sqrt", m.op("Add", m.mean(m.op("Pow", d, m.number(2)), axes...), m.number(1e-5))))
}

func TestLayerNormalizationIsRecognised(t *testing.T) {
	x := func(m *maker) string { return m.input("x", "batch", "steps", 4, 6) }
	for _, opset := range []int64{11, 13, 14, 17, 18, 20} {
		t.Run(fmt.Sprintf("opset=%d", opset), func(t *testing.T) {
			runCases(t, opset, []passCase{
				{"scale and bias", false, func(m *maker) { m.output(m.op("Add", m.op("Mul", m.normalised(x(m), -1), m.w(6)), m.w(6))) }, "LayerNormalization"},
				{"scale in front", false, func(m *maker) { m.output(m.op("Add", m.w(6), m.op("Mul", m.w(6), m.normalised(x(m), 3)))) }, "LayerNormalization"},
				{"scale alone", false, func(m *maker) { m.output(m.op("Mul", m.normalised(x(m), -1), m.w(6))) }, "LayerNormalization"},
				{"neither", false, func(m *maker) { m.output(m.op("Neg", m.normalised(x(m), -1))) }, "LayerNormalization Neg"},
				{"two axes", false, func(m *maker) { m.output(m.op("Add", m.op("Mul", m.normalised(x(m), -2, -1), m.w(4, 6)), m.w(4, 6))) }, "LayerNormalization"},
				{"bias elsewhere", false, func(m *maker) { m.output(m.op("Add", m.op("Mul", m.normalised(x(m), -1), m.w(6)), m.w(4, 6))) }, "LayerNormalization Add"},
				{"reciprocal", false, func(m *maker) {
					v := x(m)
					d := m.op("Sub", v, m.mean(v, -1))
					r := m.op("Reciprocal", m.op("Sqrt", m.op("Add", m.number(1e-5), m.mean(m.op("Mul", d, d), -1))))
					m.output(m.op("Add", m.op("Mul", m.op("Mul", d, r), m.w(6)), m.w(6)))
				}, "LayerNormalization"},
				{"axis that is not the last", true, func(m *maker) { m.output(m.normalised(x(m), 2)) }, "ReduceMean Sub Pow ReduceMean Add Sqrt Div"},
			})
		})
	}
	t.Run("of another mean", func(t *testing.T) {
		m := newMaker(t, 17)
		v := x(m)
		d := m.op("Sub", v, m.mean(m.op("Neg", v), -1))
		m.output(m.op("Div", d, m.op("Sqrt", m.op("Add", m.mean(m.op("Mul", d, d), -1), m.number(1e-5)))))
		if done := m.optimised(t, false); done.LayerNorms != 0 { // the deviations from it have a root of their mean squares
			t.Errorf("recognised: %s", done)
		}
	})
}

// The forms in which exporters write Gelu.
func geluCases() map[string]func(m *maker, x string) string {
	erf := func(m *maker, x string) string {
		return m.op("Add", m.op("Erf", m.op("Div", x, m.number(1.4142135623730951))), m.number(1))
	}
	tanh := func(m *maker, x string) string {
		cube := m.op("Mul", m.op("Pow", x, m.number(3)), m.number(0.044715))
		return m.op("Add", m.number(1), m.op("Tanh", m.op("Mul", m.number(0.7978845608), m.op("Add", x, cube))))
	}
	return map[string]func(m *maker, x string) string{
		"torch":       func(m *maker, x string) string { return m.op("Mul", m.op("Mul", x, erf(m, x)), m.number(0.5)) },
		"half first":  func(m *maker, x string) string { return m.op("Mul", m.op("Mul", m.number(0.5), x), erf(m, x)) },
		"curve first": func(m *maker, x string) string { return m.op("Mul", x, m.op("Mul", erf(m, x), m.number(0.5))) },
		"divided":     func(m *maker, x string) string { return m.op("Div", m.op("Mul", x, erf(m, x)), m.number(2)) },
		"tanh":        func(m *maker, x string) string { return m.op("Mul", m.op("Mul", m.number(0.5), x), tanh(m, x)) },
		"tanh torch":  func(m *maker, x string) string { return m.op("Mul", m.op("Mul", tanh(m, x), x), m.number(0.5)) },
		"tanh of products": func(m *maker, x string) string {
			square := m.op("Mul", x, m.op("Mul", m.number(0.044715), x))
			v := m.op("Mul", m.op("Mul", x, m.number(0.7978845608)), m.op("Add", m.number(1), square))
			return m.op("Mul", m.op("Mul", x, m.number(0.5)), m.op("Add", m.op("Tanh", v), m.number(1)))
		},
	}
}

func TestGeluIsRecognised(t *testing.T) {
	for name, gelu := range geluCases() {
		for _, opset := range []int64{11, 14, 17, 20} {
			for _, inside := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/opset=%d/inside=%t", name, opset, inside), func(t *testing.T) {
					m := newMaker(t, opset)
					x, want := m.input("x", "batch", 40), "Gelu"
					if inside { // x is a product itself, and so is what reads the result
						x, want = m.op("Mul", x, m.input("z", "batch", 40)), "Mul Gelu Mul"
					}
					y := gelu(m, x)
					if inside {
						y = m.op("Mul", y, m.input("u", "batch", 40))
					}
					m.output(y)
					m.optimised(t, false)
					if got := strings.Join(m.ops(), " "); got != want || m.g.Opsets[""] != 20 {
						t.Errorf("operators %q of version %d, wanted %q", got, m.g.Opsets[""], want)
					}
				})
			}
		}
	}
}

func TestWhatIsNoGeluStays(t *testing.T) {
	for name, build := range map[string]func(m *maker, x string) string{
		"another constant": func(m *maker, x string) string {
			return m.op("Mul", m.op("Mul", x, m.op("Add", m.op("Erf", m.op("Div", x, m.number(1.5))), m.number(1))), m.number(0.5))
		},
		"another x": func(m *maker, x string) string {
			return m.op("Mul", m.op("Mul", m.op("Neg", x), m.op("Add", m.op("Erf", m.op("Div", x, m.number(1.4142135))), m.number(1))), m.number(0.5))
		},
		"another factor": func(m *maker, x string) string {
			return m.op("Mul", m.op("Mul", x, m.op("Add", m.op("Erf", m.op("Div", x, m.number(1.4142135))), m.number(1))), m.number(0.25))
		},
		"another cube": func(m *maker, x string) string {
			cube := m.op("Mul", m.op("Pow", x, m.number(2)), m.number(0.044715))
			return m.op("Mul", m.op("Mul", m.number(0.5), x), m.op("Add", m.number(1), m.op("Tanh", m.op("Mul", m.number(0.7978845608), m.op("Add", x, cube)))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker(t, 17)
			m.output(build(m, m.input("x", "batch", 7)))
			if done := m.optimised(t, true); done.Gelus != 0 || m.g.Opsets[""] != 17 {
				t.Errorf("%s", done)
			}
		})
	}
}

// Every operator whose meaning changed between the versions computes the same after the graph was raised, or keeps the graph where it is.
func TestRaisedGraphsComputeTheSame(t *testing.T) {
	const raised, stays = 20, 11
	for name, c := range map[string]struct {
		version int64
		build   func(m *maker, x string) string
	}{
		"softmax of the last axis": {raised, func(m *maker, x string) string { return m.node("Softmax", attrs("axis", 2), x) }},
		"softmax of several axes":  {stays, func(m *maker, x string) string { return m.op("Softmax", x) }},
		"log softmax":              {raised, func(m *maker, x string) string { return m.node("LogSoftmax", attrs("axis", -1), x) }},
		"hardmax":                  {stays, func(m *maker, x string) string { return m.node("Hardmax", attrs("axis", 1), x) }},
		"sum": {raised, func(m *maker, x string) string {
			return m.node("ReduceSum", attrs("axes", []int64{1}, "keepdims", 0), x)
		}},
		"sum of all":  {raised, func(m *maker, x string) string { return m.op("ReduceSum", x) }},
		"max":         {raised, func(m *maker, x string) string { return m.node("ReduceMax", attrs("axes", []int64{-1}), x) }},
		"log of sums": {raised, func(m *maker, x string) string { return m.node("ReduceLogSumExp", attrs("axes", []int64{0, 2}), x) }},
		"squeezed": {raised, func(m *maker, x string) string {
			return m.node("Squeeze", attrs("axes", []int64{1}), m.node("Unsqueeze", attrs("axes", []int64{1}), m.op("Neg", x)))
		}},
		"split": {raised, func(m *maker, x string) string {
			m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: "s", Op: "Split", Inputs: []string{x}, Outputs: []string{"s0", "s1"}, Attrs: attrs("axis", 2, "split", []int64{1, 3})})
			return m.op("Mul", "s0", "s1")
		}},
		"split evenly": {raised, func(m *maker, x string) string {
			m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: "s", Op: "Split", Inputs: []string{x}, Outputs: []string{"s0", "s1"}, Attrs: attrs("axis", 2)})
			return m.op("Sub", "s0", "s1")
		}},
		"dropout with its mask": {stays, func(m *maker, x string) string {
			m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: "d", Op: "Dropout", Inputs: []string{m.op("Neg", x)}, Outputs: []string{"d", "mask"}, Attrs: attrs("ratio", 0.5)})
			m.output("mask")
			return "d"
		}},
		"batch normalization": {raised, func(m *maker, x string) string { return norm(m, m.op("Neg", x), 5) }},
		"average pool":        {raised, func(m *maker, x string) string { return m.node("AveragePool", attrs("kernel_shape", []int64{2}), x) }},
		"average pool with a remainder": {stays, func(m *maker, x string) string {
			return m.node("AveragePool", attrs("kernel_shape", []int64{3}, "strides", []int64{2}, "ceil_mode", 1), x)
		}},
		"pad":     {raised, func(m *maker, x string) string { return m.op("Pad", x, m.ints(0, 0, 1, 0, 0, 2)) }},
		"clip":    {raised, func(m *maker, x string) string { return m.op("Clip", x, m.number(-1), m.number(1)) }},
		"arg max": {raised, func(m *maker, x string) string { return m.node("ArgMax", attrs("axis", 1), x) }},
		"resize": {raised, func(m *maker, x string) string {
			return m.node("Resize", attrs("mode", "linear"), x, m.w(0), m.weight(scales(1, 1, 2)))
		}},
		"region of interest": {raised, func(m *maker, x string) string {
			image := m.node("Unsqueeze", attrs("axes", []int64{0}), x)
			return m.node("RoiAlign", attrs("output_height", 2, "output_width", 2), image, m.weight(box(0, 0, 3, 3)), m.ints(0))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker(t, 11)
			m.output(geluCases()["torch"](m, m.input("g", "batch", 7)))
			m.output(c.build(m, m.input("x", "batch", 5, 4)))
			m.optimised(t, false)
			if m.g.Opsets[""] != c.version {
				t.Errorf("version %d, wanted %d", m.g.Opsets[""], c.version)
			}
		})
	}
}

// The nodes of bodies are raised with the others.
func TestBodiesAreRaised(t *testing.T) {
	branch := func(name string) *graph.Graph {
		return &graph.Graph{Name: name, Weights: map[string]*graph.Weight{}, Outputs: []graph.Value{{Name: name}},
			Nodes: []*graph.Node{{Name: name, Op: "ReduceSum", Inputs: []string{"x"}, Outputs: []string{name}, Attrs: attrs("axes", []int64{1})}}}
	}
	m := newMaker(t, 11)
	m.output(geluCases()["torch"](m, m.input("g", "batch", 7)))
	x := m.input("x", "batch", 4)
	m.output(m.node("If", map[string]graph.Attr{"then_branch": {Kind: graph.AttrGraph, Graph: branch("yes")}, "else_branch": {Kind: graph.AttrGraph, Graph: branch("no")}},
		m.op("Less", m.node("ReduceMax", attrs("keepdims", 0), x), m.number(100))))
	m.optimised(t, false)
	if m.g.Opsets[""] != 20 {
		t.Errorf("version %d", m.g.Opsets[""])
	}
	for b := range m.g.All() {
		for _, n := range b.Nodes {
			if _, old := n.Attrs["axes"]; old {
				t.Errorf("node %s has the form of version 11", n.Name)
			}
		}
	}
}
