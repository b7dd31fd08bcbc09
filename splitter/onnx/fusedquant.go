package onnx

import (
	"maps"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// fuseDynamicProduct is DynamicQuantizeMatMul: A is quantised by what stands in it, and the product of integers scaled back.
func fuseDynamicProduct(f *fusion) bool {
	if !f.only(3) || f.dtype != tensor.F32 {
		return false
	}
	q := &graph.Node{Name: f.fresh("quantised"), Op: "DynamicQuantizeLinear", Inputs: []string{f.in(0)}, Attrs: map[string]graph.Attr{},
		Outputs: []string{f.fresh("a"), f.fresh("scale"), f.fresh("zero")}}
	f.nodes = append(f.nodes, q)
	return f.integerProduct(q.Outputs[0], f.in(1), q.Outputs[2], f.in(3), q.Outputs[1], f.in(2), f.in(4))
}

// fuseIntegerProduct is MatMulIntegerToFloat: the product of integers, scaled.
func fuseIntegerProduct(f *fusion) bool {
	f.dtype = f.c.net.values[f.in(2)].DType
	return f.only(4) && f.dtype == tensor.F32 && f.integerProduct(f.in(0), f.in(1), f.in(4), f.in(5), f.in(2), f.in(3), f.in(6))
}

func (f *fusion) integerProduct(a, b, zeroA, zeroB, scaleA, scaleB, bias string) bool {
	y := f.cast(f.op("MatMulInteger", nil, a, b, zeroA, zeroB), tensor.F32)
	f.result(0, f.add(f.op("Mul", nil, y, f.op("Mul", nil, scaleA, scaleB)), bias))
	return true
}

// dequantised is the float value of three inputs: integers, scale and zero point, which may be absent.
func (f *fusion) dequantised(i int, attrs map[string]graph.Attr) string {
	return f.op("DequantizeLinear", attrs, f.in(i), f.in(i+1), f.in(i+2))
}

// quantised makes output 0 of a float value with the scale and zero point of two inputs. Without the zero point it is U8's 0.
func (f *fusion) quantised(y string, i int) {
	f.result(0, f.op("QuantizeLinear", nil, y, f.in(i), f.in(i+1)))
}

// fuseQuantPair is QLinearAdd and QLinearMul.
func fuseQuantPair(f *fusion) bool {
	if !f.only(2) || !f.has(3) || !f.has(4) || !f.has(6) || !f.has(7) {
		return false
	}
	f.quantised(f.op(f.n.Op[len("QLinear"):], nil, f.dequantised(0, nil), f.dequantised(3, nil)), 6)
	return true
}

// fuseQuantUnary is an operator between dequantising and quantising.
func fuseQuantUnary(f *fusion) bool {
	allowed := map[string][]string{"QLinearSigmoid": {}, "QLinearLeakyRelu": {"alpha"}, "QLinearGlobalAveragePool": {"channels_last"},
		"QLinearAveragePool": {"auto_pad", "ceil_mode", "channels_last", "count_include_pad", "kernel_shape", "pads", "strides"}}[f.n.Op]
	if !f.only(2, allowed...) || !f.has(3) || !f.has(4) || f.n.Int("channels_last", 0) != 0 ||
		f.n.Int("ceil_mode", 0) != 0 && f.n.Int("count_include_pad", 0) != 0 { // what counts behind the end differs from AveragePool
		return false
	}
	attrs := maps.Clone(f.n.Attrs)
	delete(attrs, "channels_last")
	f.quantised(f.op(f.n.Op[len("QLinear"):], attrs, f.dequantised(0, nil)), 3)
	return true
}

// fuseQuantConcat is QLinearConcat: the output's scale and zero point, then three inputs for each part.
func fuseQuantConcat(f *fusion) bool {
	if !f.only(5, "axis") || len(f.n.Inputs)%3 != 2 {
		return false
	}
	var parts []string
	for i := 2; i < len(f.n.Inputs); i += 3 {
		parts = append(parts, f.dequantised(i, nil))
	}
	f.quantised(f.op("Concat", map[string]graph.Attr{"axis": f.n.Attrs["axis"]}, parts...), 0)
	return true
}

// fuseQuantGemm is QGemm: alpha times the product of the values that the integers stand for, plus a bias of I32 in units of both
// scales. Without the output's scale it is a float.
func fuseQuantGemm(f *fusion) bool {
	if !f.only(2, "alpha", "transA", "transB") || !f.has(3) || !f.has(4) || f.has(7) != f.has(8) {
		return false
	}
	f.dtype = tensor.F32
	attrs := maps.Clone(f.n.Attrs)
	columns := map[string]graph.Attr{}
	if f.rank(f.in(4)) != 0 {
		if f.opset < 13 {
			return false
		}
		columns["axis"] = intAttr(1)
		if f.n.Int("transB", 0) != 0 {
			columns["axis"] = intAttr(0)
		}
	}
	y := f.op("Gemm", attrs, f.dequantised(0, nil), f.dequantised(3, columns))
	if f.has(6) {
		units := f.op("Mul", nil, f.in(1), f.in(4))
		if alpha := f.n.Float("alpha", 1); alpha != 1 {
			units = f.op("Mul", nil, units, f.number(float64(alpha)))
		}
		y = f.add(y, f.op("Mul", nil, f.cast(f.in(6), tensor.F32), units))
	}
	if f.has(7) {
		f.quantised(y, 7)
	} else {
		f.result(0, y)
	}
	return true
}
