package optimise_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/optimise"
)

// passCase is a graph, and the operators that are left of it.
type passCase struct {
	name  string
	exact bool
	build func(m *maker)
	want  string
}

func runCases(t *testing.T, opset int64, cases []passCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMaker(t, opset)
			c.build(m)
			m.optimised(t, c.exact)
			if got := strings.Join(m.ops(), " "); got != c.want {
				t.Errorf("operators %q, wanted %q", got, c.want)
			}
		})
	}
}

func TestNodesWithoutEffectGo(t *testing.T) {
	x := func(m *maker) string { return m.op("Neg", m.input("x", "batch", 4, 5)) }
	end := func(m *maker, v string) { m.output(m.op("Relu", v)) }
	runCases(t, 17, []passCase{
		{"identity", true, func(m *maker) { end(m, m.op("Identity", x(m))) }, "Neg Relu"},
		{"dropout", true, func(m *maker) { end(m, m.op("Dropout", x(m), m.number(0.5))) }, "Neg Relu"},
		{"transpose in order", true, func(m *maker) { end(m, m.node("Transpose", attrs("perm", []int64{0, 1, 2}), x(m))) }, "Neg Relu"},
		{"two transposes", true, func(m *maker) {
			end(m, m.node("Transpose", attrs("perm", []int64{1, 2, 0}), m.node("Transpose", attrs("perm", []int64{2, 0, 1}), x(m))))
		}, "Neg Relu"},
		{"two transposes that are one", true, func(m *maker) {
			end(m, m.node("Transpose", attrs("perm", []int64{1, 2, 0}), m.node("Transpose", attrs("perm", []int64{1, 0, 2}), x(m))))
		}, "Neg Transpose Relu"},
		{"two reshapes", true, func(m *maker) {
			end(m, m.op("Reshape", m.op("Reshape", x(m), m.ints(0, 20)), m.ints(-1, 5, 4)))
		}, "Neg Reshape Relu"},
		{"a reshape that copies a dimension of the one before", true, func(m *maker) {
			end(m, m.op("Reshape", m.op("Reshape", x(m), m.ints(-1, 2, 10)), m.ints(0, 20)))
		}, "Neg Reshape Reshape Relu"},
		{"concat of one", true, func(m *maker) { end(m, m.node("Concat", attrs("axis", 1), x(m))) }, "Neg Relu"},
		{"slice of all", true, func(m *maker) { end(m, m.op("Slice", x(m), m.ints(0), m.ints(1<<62), m.ints(1))) }, "Neg Relu"},
		{"slice backwards", true, func(m *maker) {
			end(m, m.op("Slice", x(m), m.ints(-1), m.ints(-1<<62), m.ints(1), m.ints(-1)))
		}, "Neg Slice Relu"},
		{"pad by nothing", true, func(m *maker) { end(m, m.op("Pad", x(m), m.ints(0, 0, 0, 0, 0, 0))) }, "Neg Relu"},
		{"times one", true, func(m *maker) { end(m, m.op("Div", m.op("Mul", m.number(1), x(m)), m.number(1))) }, "Neg Relu"},
		{"one divided", true, func(m *maker) { end(m, m.op("Div", m.number(1), x(m))) }, "Neg Div Relu"},
		{"one of higher rank", true, func(m *maker) {
			end(m, m.op("Mul", x(m), m.positive(1, 1, 1, 1)))
		}, "Neg Mul Relu"},
		{"the output keeps its name", true, func(m *maker) { m.output(m.op("Identity", x(m))) }, "Neg Identity"},
	})
}

func TestRepeatedNodesMerge(t *testing.T) {
	runCases(t, 17, []passCase{
		{"twice", true, func(m *maker) {
			x := m.input("x", "batch", 4)
			m.output(m.op("Add", m.op("Tanh", m.op("Neg", x)), m.op("Tanh", m.op("Neg", x))))
		}, "Neg Tanh Add"},
		{"equal constants", true, func(m *maker) {
			x := m.input("x", "batch", 4)
			m.output(m.op("Add", m.op("Reshape", x, m.ints(-1, 2)), m.op("Reshape", x, m.ints(-1, 2))))
		}, "Reshape Add"},
		{"other attributes", true, func(m *maker) {
			x := m.input("x", "batch", 4)
			m.output(m.op("Add", m.node("LeakyRelu", attrs("alpha", 0.1), x), m.node("LeakyRelu", attrs("alpha", 0.2), x)))
		}, "LeakyRelu LeakyRelu Add"},
		{"outputs stay two", true, func(m *maker) {
			x := m.input("x", "batch", 4)
			m.output(m.op("Neg", x))
			m.output(m.op("Neg", x))
		}, "Neg Neg"},
	})
	t.Run("random numbers are no repetition", func(t *testing.T) {
		m := newMaker(t, 17)
		draw := func() string { return m.node("RandomNormal", attrs("shape", []int64{2})) }
		m.output(m.op("Sub", draw(), draw()))
		if _, err := optimise.Run(m.g, memory{}); err != nil || !slices.Equal(m.ops(), []string{"RandomNormal", "RandomNormal", "Sub"}) {
			t.Errorf("operators %v, error %v", m.ops(), err)
		}
	})
}

func TestComputedShapesBecomeConstants(t *testing.T) {
	size := func(m *maker, x string, i int64) string {
		return m.op("Gather", m.op("Shape", x), m.ints(i))
	}
	runCases(t, 17, []passCase{
		{"reshape to heads", true, func(m *maker) {
			x := m.input("x", "batch", "steps", 12)
			m.output(m.op("Reshape", x, m.node("Concat", attrs("axis", 0), size(m, x, 0), size(m, x, 1), m.ints(3, 4))))
		}, "Reshape"},
		{"reshape to a product", true, func(m *maker) {
			x := m.input("x", "batch", "steps", 12)
			m.output(m.op("Reshape", x, m.node("Concat", attrs("axis", 0), m.op("Mul", size(m, x, 0), size(m, x, 1)), m.ints(12))))
		}, "Reshape"},
		{"two sizes that nothing tells", true, func(m *maker) {
			x, y := m.input("x", "batch", "steps", 12), m.input("y", "batch", "other", 12)
			m.output(m.op("Reshape", x, m.node("Concat", attrs("axis", 0), size(m, y, 1), m.op("Mul", size(m, y, 1), m.ints(12)))))
			m.output(m.op("Neg", y))
		}, "Shape Gather Mul Concat Reshape Neg"},
		{"expand", true, func(m *maker) {
			x := m.op("Unsqueeze", m.input("x", "batch", 4), m.ints(1))
			m.output(m.op("Expand", x, m.node("Concat", attrs("axis", 0), size(m, x, 0), m.ints(5, 4))))
		}, "Unsqueeze Expand"},
		{"slice to the end", true, func(m *maker) {
			x := m.input("x", "batch", "steps", 4)
			m.output(m.op("Slice", x, m.ints(1), size(m, x, 1), m.ints(1)))
		}, "Slice"},
		{"slice of all", true, func(m *maker) {
			x := m.input("x", "batch", "steps", 4)
			m.output(m.op("Neg", m.op("Slice", x, m.ints(0), size(m, x, 1), m.ints(1))))
		}, "Neg"},
	})
}

func norm(m *maker, x string, channels int) string {
	return m.op("BatchNormalization", x, m.positive(channels), m.w(channels), m.w(channels), m.positive(channels))
}

func TestScalesAndBiasesAreFolded(t *testing.T) {
	conv := func(m *maker, a map[string]any, shape ...int) string {
		var pairs []any
		for k, v := range a {
			pairs = append(pairs, k, v)
		}
		return m.node("Conv", attrs(pairs...), m.input("x", "batch", 4, 6, 5), m.w(shape...))
	}
	rows := func(m *maker) string { return m.input("x", "batch", 6) }
	runCases(t, 17, []passCase{
		{"conv and norm", false, func(m *maker) { m.output(norm(m, conv(m, nil, 8, 4, 3, 3), 8)) }, "Conv"},
		{"conv with groups, norm, scale and shift", false, func(m *maker) {
			m.output(m.op("Add", m.op("Mul", norm(m, conv(m, map[string]any{"group": 2}, 8, 2, 3, 3), 8), m.w(8, 1, 1)), m.w(1, 8, 1, 1)))
		}, "Conv"},
		{"transposed conv with groups and norm", false, func(m *maker) {
			x := m.input("x", "batch", 4, 6, 5)
			m.output(norm(m, m.node("ConvTranspose", attrs("group", 2), x, m.w(4, 3, 3, 3), m.w(6)), 6))
		}, "ConvTranspose"},
		{"conv, subtracted from and divided", false, func(m *maker) {
			m.output(m.op("Div", m.op("Sub", m.w(8, 1, 1), conv(m, nil, 8, 4, 1, 1)), m.positive(8, 1, 1)))
		}, "Conv"},
		{"conv and a bias as it stands", true, func(m *maker) { m.output(m.op("Add", conv(m, nil, 8, 4, 3, 3), m.w(8, 1, 1))) }, "Conv"},
		{"along the columns, not the channels", true, func(m *maker) { m.output(m.op("Add", conv(m, nil, 3, 4, 4, 3), m.w(3))) }, "Conv Add"},
		{"stretching", true, func(m *maker) { m.output(m.op("Add", conv(m, nil, 1, 4, 3, 3), m.w(8, 1, 1))) }, "Conv Add"},
		{"the product is read elsewhere", true, func(m *maker) {
			c := conv(m, nil, 8, 4, 3, 3)
			m.output(m.op("Add", norm(m, c, 8), c))
		}, "Conv BatchNormalization Add"},
		{"the weight is read elsewhere", true, func(m *maker) {
			w := m.w(8, 4, 3, 3)
			m.output(norm(m, m.op("Conv", m.input("x", "batch", 4, 6, 5), w), 8))
			m.output(m.op("Conv", m.input("z", 1, 4, 3, 3), w))
		}, "Conv BatchNormalization Conv"},
		{"gemm, scale and shift", false, func(m *maker) {
			y := m.node("Gemm", attrs("transB", 1, "alpha", 0.5, "beta", 2.0), rows(m), m.w(9, 6), m.w(1, 9))
			m.output(m.op("Add", m.op("Mul", y, m.w(9)), m.number(0.25)))
		}, "Gemm"},
		{"gemm and norm", false, func(m *maker) { m.output(norm(m, m.op("Gemm", rows(m), m.w(6, 9), m.w(9)), 9)) }, "Gemm"},
		{"product and bias", true, func(m *maker) { m.output(m.op("Add", m.w(1, 9), m.op("MatMul", rows(m), m.w(6, 9)))) }, "Gemm"},
		{"product of three dimensions", true, func(m *maker) {
			m.output(m.op("Add", m.op("MatMul", m.input("x", "batch", 2, 6), m.w(6, 9)), m.w(9)))
		}, "MatMul Add"},
		{"infinite numbers stay where they are", true, func(m *maker) {
			m.output(m.op("Div", m.op("MatMul", rows(m), m.w(6, 9)), m.number(0)))
		}, "MatMul Div"},
	})
}

func TestAQuantisedGraphKeepsItsArithmetic(t *testing.T) {
	product := func(m *maker) string {
		return m.op("Mul", m.op("Add", m.op("MatMul", m.op("Identity", m.input("x", "batch", 4)), m.w(4, 6)), m.w(6)), m.w(6))
	}
	runCases(t, 17, []passCase{
		{"without", false, func(m *maker) { m.output(m.op("Relu", product(m))) }, "Gemm Relu"},
		{"activations", true, func(m *maker) {
			scale, zero := m.number(0.05), m.weight(tensor.New(tensor.U8))
			m.output(m.op("DequantizeLinear", m.op("QuantizeLinear", product(m), scale, zero), scale, zero))
		}, "MatMul Add Mul QuantizeLinear DequantizeLinear"},
		{"weights", false, func(m *maker) {
			scale, zero := m.number(0.05), m.weight(tensor.New(tensor.U8))
			quantised := tensor.New(tensor.U8, 6)
			m.output(m.op("Add", product(m), m.op("DequantizeLinear", m.weight(quantised), scale, zero)))
		}, "Gemm DequantizeLinear Add"},
	})
}
