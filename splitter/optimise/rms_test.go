package optimise_test

import (
	"fmt"
	"testing"
)

// sum is a ReduceSum in the form of the graph's version.
func (m *maker) sum(op, x string, axes ...int64) string {
	if m.g.Opsets[""] >= 18 || op == "ReduceSum" && m.g.Opsets[""] >= 13 {
		return m.op(op, x, m.ints(axes...))
	}
	return m.node(op, attrs("axes", axes), x)
}

// meanSquares are the forms in which the mean of x² over the last axis, of 6, is written.
func meanSquares() map[string]func(m *maker, x string) string {
	return map[string]func(m *maker, x string) string{
		"mean of a power":   func(m *maker, x string) string { return m.mean(m.op("Pow", x, m.number(2)), -1) },
		"mean of a product": func(m *maker, x string) string { return m.mean(m.op("Mul", x, x), 3) },
		"sum of a product by 6": func(m *maker, x string) string {
			return m.op("Div", m.sum("ReduceSum", m.op("Mul", x, x), -1), m.number(6))
		},
		"sum of squares times a sixth": func(m *maker, x string) string {
			return m.op("Mul", m.number(1./6), m.sum("ReduceSumSquare", x, -1))
		},
	}
}

// overRoots are the forms of x / sqrt(v).
func overRoots() map[string]func(m *maker, x, v string) string {
	return map[string]func(m *maker, x, v string) string{
		"by the root":         func(m *maker, x, v string) string { return m.op("Div", x, m.op("Sqrt", v)) },
		"by the power":        func(m *maker, x, v string) string { return m.op("Div", x, m.op("Pow", v, m.number(0.5))) },
		"times reciprocal":    func(m *maker, x, v string) string { return m.op("Mul", x, m.op("Reciprocal", m.op("Sqrt", v))) },
		"times 1 by the root": func(m *maker, x, v string) string { return m.op("Mul", m.op("Div", m.number(1), m.op("Sqrt", v)), x) },
		"times the power":     func(m *maker, x, v string) string { return m.op("Mul", x, m.op("Pow", v, m.number(-0.5))) },
	}
}

func TestRMSNormalizationIsRecognised(t *testing.T) {
	for _, opset := range []int64{11, 13, 17, 20, 21} {
		for square, mean := range meanSquares() {
			for root, over := range overRoots() {
				t.Run(fmt.Sprintf("opset=%d/%s/%s", opset, square, root), func(t *testing.T) {
					plain := func(m *maker) string {
						x := m.input("x", "batch", "steps", 4, 6)
						return over(m, x, m.op("Add", mean(m, x), m.number(1e-5)))
					}
					runCases(t, opset, []passCase{
						{"scale", false, func(m *maker) { m.output(m.op("Mul", plain(m), m.w(6))) }, "RMSNormalization"},
						{"scale in front and bias", false, func(m *maker) { m.output(m.op("Add", m.op("Mul", m.w(6), plain(m)), m.w(6))) }, "RMSNormalization Add"},
						{"scaled before", false, func(m *maker) {
							x := m.input("x", "batch", "steps", 4, 6)
							m.output(over(m, m.op("Mul", m.w(6), x), m.op("Add", m.number(1e-5), mean(m, x))))
						}, "RMSNormalization"},
						{"no scale", false, func(m *maker) { m.output(m.op("Neg", plain(m))) }, "RMSNormalization Neg"},
						{"scale along another dimension", false, func(m *maker) { m.output(m.op("Mul", plain(m), m.w(4, 1))) }, "RMSNormalization Mul"},
					})
				})
			}
		}
	}
}

func TestWhatIsNoRMSNormalizationStays(t *testing.T) {
	for name, build := range map[string]func(m *maker, x string) string{
		"of another value": func(m *maker, x string) string {
			return m.op("Div", m.op("Neg", x), m.op("Sqrt", m.op("Add", m.mean(m.op("Mul", x, x), -1), m.number(1e-5))))
		},
		"of a sum": func(m *maker, x string) string {
			return m.op("Div", x, m.op("Sqrt", m.op("Add", m.sum("ReduceSumSquare", x, -1), m.number(1e-5))))
		},
		"by another number": func(m *maker, x string) string {
			return m.op("Div", x, m.op("Sqrt", m.op("Add", m.op("Div", m.sum("ReduceSumSquare", x, -1), m.number(5)), m.number(1e-5))))
		},
		"of cubes": func(m *maker, x string) string {
			cube := m.op("Abs", m.op("Pow", x, m.number(3)))
			return m.op("Div", x, m.op("Sqrt", m.op("Add", m.mean(cube, -1), m.number(1e-5))))
		},
		"over the first axis": func(m *maker, x string) string {
			return m.op("Div", x, m.op("Sqrt", m.op("Add", m.mean(m.op("Mul", x, x), 1), m.number(1e-5))))
		},
		"over the root of its number": func(m *maker, x string) string {
			return m.op("Div", m.op("Sqrt", m.op("Add", m.mean(m.op("Mul", x, x), -1), m.number(1e-5))), x)
		},
		"in a graph that cannot be raised": func(m *maker, x string) string {
			m.output(m.node("Hardmax", attrs("axis", 1), m.input("z", "batch", 3, 2)))
			return m.op("Div", x, m.op("Sqrt", m.op("Add", m.mean(m.op("Mul", x, x), -1), m.number(1e-5))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker(t, 12)
			m.output(build(m, m.input("x", "batch", 4, 6)))
			if done := m.optimised(t, true); done.RMSNorms != 0 || m.g.Opsets[""] != 12 {
				t.Errorf("recognised: %s", done)
			}
		})
	}
}

// What changed its meaning between the versions 20 and 23 keeps the graph where it is.
func TestGraphsThatChangeTheirMeaningAreNotRaisedForRMSNormalization(t *testing.T) {
	const stays, raised = 20, 23
	for name, c := range map[string]struct {
		version int64
		build   func(m *maker, x string) string
	}{
		"groups": {stays, func(m *maker, x string) string {
			return m.node("GroupNormalization", attrs("num_groups", 2), x, m.w(2), m.w(2))
		}},
		"windows rounded up": {stays, func(m *maker, x string) string {
			return m.node("MaxPool", attrs("kernel_shape", []int64{3}, "strides", []int64{2}, "ceil_mode", 1), x)
		}},
		"windows": {raised, func(m *maker, x string) string { return m.node("MaxPool", attrs("kernel_shape", []int64{2}), x) }},
		"means":   {raised, func(m *maker, x string) string { return m.node("AveragePool", attrs("kernel_shape", []int64{2}), x) }},
		"a cast and its shape": {raised, func(m *maker, x string) string {
			return m.node("Cast", attrs("to", 1), m.op("Reshape", m.op("Transpose", x), m.ints(-1)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker(t, 20)
			v := m.input("v", "batch", 6)
			m.output(m.op("Div", v, m.op("Sqrt", m.op("Add", m.mean(m.op("Mul", v, v), -1), m.number(1e-5)))))
			m.output(c.build(m, m.input("x", "batch", 4, 5)))
			m.optimised(t, false)
			if m.g.Opsets[""] != c.version {
				t.Errorf("version %d, wanted %d", m.g.Opsets[""], c.version)
			}
		})
	}
}
