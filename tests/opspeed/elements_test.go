package opspeed

import (
	"math/rand/v2"

	"github.com/shardwise/shardwise/internal/tensor"
)

// rows and columns are the size of most inputs.
const rows, columns = 256, 1024

// elementwise are the operators that treat every element alike.
func elementwise() []entry {
	list := unary()
	list = append(list, binary()...)
	flag := truths(rows, columns)
	for _, op := range []string{"And", "Or", "Xor"} {
		list = append(list, entry{op: op, in: []input{flag, flag}})
	}
	matrix, whole := f32(normal, rows, columns), i64(between(-9, 9), rows, columns)
	list = append(list,
		entry{op: "Not", in: []input{flag}},
		entry{op: "BitwiseNot", in: []input{whole}},
		entry{op: "BitShift", attrs: map[string]any{"direction": "LEFT"}, in: []input{
			{dtype: tensor.U32, shape: []int{rows, columns}, fill: below(1000)}, {dtype: tensor.U32, shape: []int{rows, columns}, fill: below(8)}}},
		entry{op: "Where", in: []input{flag, matrix, matrix}},
		entry{op: "Clip", in: []input{matrix, f32(these(-0.5)).weight(), f32(these(0.5)).weight()}},
		entry{op: "Clip", what: "I64", in: []input{whole, i64(these(-5)).weight(), i64(these(5)).weight()}},
		entry{op: "Mod", in: []input{whole, i64(between(1, 9), rows, columns)}},
		entry{op: "Mod", what: "F32", attrs: map[string]any{"fmod": 1}, in: []input{matrix, f32(positive, rows, columns)}},
		entry{op: "IsNaN", in: []input{matrix}}, entry{op: "IsInf", in: []input{matrix}})
	for _, op := range []string{"Max", "Min", "Sum", "Mean"} {
		list = append(list, entry{op: op, in: []input{matrix, matrix, matrix}})
	}
	for _, to := range []struct {
		what   string
		number int
		in     input
	}{{"F32 to I64", 7, matrix}, {"I64 to F32", 1, whole}, {"F32 to F16", 10, matrix}, {"F16 to F32", 1, input{dtype: tensor.F16, shape: []int{rows, columns}, fill: normal}},
		{"F32 to F64", 11, matrix}, {"U8 to F32", 1, u8(below(256), rows, columns)}, {"F32 to BOOL", 9, matrix}} {
		list = append(list, entry{op: "Cast", what: to.what, attrs: map[string]any{"to": to.number}, in: []input{to.in}})
	}
	return append(list, entry{op: "CastLike", in: []input{matrix, i64(normal, 1)}})
}

// unary are the functions of one float.
func unary() []entry {
	var list []entry
	fills := map[string]filling{"Log": positive, "Sqrt": positive, "Acos": inside, "Asin": inside, "Atanh": inside, "Acosh": outside}
	versions := map[string]int64{"Mish": 22, "Swish": 24, "HardSwish": 22}
	for _, op := range []string{"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Floor",
		"Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid",
		"Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu"} {
		fill := fills[op]
		if fill == nil {
			fill = normal
		}
		list = append(list, entry{op: op, opset: versions[op], in: []input{f32(fill, rows, columns)}})
	}
	list = append(list, entry{op: "Gelu", what: "tanh", attrs: map[string]any{"approximate": "tanh"}, in: []input{f32(normal, rows, columns)}},
		entry{op: "Sin", what: "large arguments", in: []input{f32(func(i int, _ *rand.Rand) float64 { return float64(i) * 0.37 }, rows, columns)}},
		entry{op: "Tanh", what: "large arguments", in: []input{f32(func(i int, r *rand.Rand) float64 { return 8 * normal(i, r) }, rows, columns)}},
		entry{op: "Erf", what: "large arguments", in: []input{f32(func(i int, r *rand.Rand) float64 { return 4 * normal(i, r) }, rows, columns)}})
	for _, op := range []string{"Exp", "Log", "Tanh", "Sigmoid", "Erf", "Sqrt"} {
		list = append(list, entry{op: op, what: "F64", in: []input{f64(positive, rows, columns)}})
	}
	for _, op := range []string{"Exp", "Tanh", "Relu"} {
		list = append(list, entry{op: op, what: "F16", loose: 2e-3, in: []input{{dtype: tensor.F16, shape: []int{rows, columns}, fill: normal}}})
	}
	for _, op := range []string{"Abs", "Neg", "Sign", "Relu"} {
		list = append(list, entry{op: op, what: "I32", in: []input{i32(between(-99, 99), rows, columns)}})
	}
	return list
}

// binary are the functions of two numbers: of equal shapes, and with a row that is stretched.
func binary() []entry {
	var list []entry
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"} {
		matrix := f32(positive, rows, columns)
		list = append(list, entry{op: op, in: []input{matrix, matrix}}, entry{op: op, what: "a row for all", in: []input{matrix, f32(positive, columns)}})
		if op != "PRelu" {
			whole := i64(between(1, 9), rows, columns)
			list = append(list, entry{op: op, what: "I64", in: []input{whole, whole}})
		}
	}
	for _, op := range []string{"BitwiseAnd", "BitwiseOr", "BitwiseXor"} {
		whole := i64(below(1000), rows, columns)
		list = append(list, entry{op: op, in: []input{whole, whole}})
	}
	column, half := f32(positive, rows, 1), input{dtype: tensor.F16, shape: []int{rows, columns}, fill: positive}
	return append(list,
		entry{op: "Add", what: "a column for all", in: []input{f32(normal, rows, columns), column}},
		entry{op: "Add", what: "F16", loose: 2e-3, in: []input{half, half}},
		entry{op: "Add", what: "F64", in: []input{f64(normal, rows, columns), f64(normal, rows, columns)}},
		entry{op: "Mul", what: "one number", in: []input{f32(normal, rows, columns), f32(these(3), 1).weight()}},
		entry{op: "Pow", what: "squares", in: []input{f32(normal, rows, columns), f32(these(2)).weight()}},
		entry{op: "Pow", what: "one exponent", in: []input{f32(positive, rows, columns), f32(these(1.7)).weight()}})
}
