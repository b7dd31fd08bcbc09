package sharding

// elementwiseRules: every dimension of the result is a factor; an operand's dimension of size 1 that is broadcast has none.
func elementwiseRules() map[string]ruler {
	m := map[string]ruler{}
	for _, op := range []string{
		"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Dropout", "Elu", "Erf", "Exp",
		"Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu",
		"Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu",
	} {
		m[op] = unary
	}
	for _, op := range []string{
		"Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean",
		"Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor",
	} {
		m[op] = broadcast
	}
	return m
}

// unary is an operator of one tensor. Further inputs (bounds, ratios) are scalars, which every shard has whole.
func unary(n *node) *rule {
	if len(n.in) == 0 || len(n.in[0].Dims) != len(n.out[0].Dims) {
		return nil
	}
	b := newBuilder(n)
	for d := range n.out[0].Dims {
		f := b.factor(n.inDim(0, d), pass)
		b.tie(0, d, f)
		for o := range n.out {
			if n.Outputs[o] != "" && len(n.out[o].Dims) == len(n.in[0].Dims) {
				b.yield(o, d, f)
			}
		}
	}
	return b.rule()
}

// broadcast is an operator whose operands are aligned at their last dimensions.
func broadcast(n *node) *rule {
	if n.opset < 7 && len(n.Attrs) > 0 {
		return nil // the broadcasting of old versions is another one
	}
	b := newBuilder(n)
	rank := len(n.out[0].Dims)
	for d := range rank {
		f := b.factor(n.outDim(0, d), pass)
		b.yield(0, d, f)
		for i := range n.in {
			at := d - (rank - len(n.in[i].Dims))
			if n.has(i) && at >= 0 && sameDim(n.inDim(i, at), n.outDim(0, d)) {
				b.tie(i, at, f)
			} else if n.has(i) && at >= 0 && !n.inDim(i, at).isOne() {
				b.r.factors[f].kind = fixed // the sizes are not known to be equal
			}
		}
	}
	return b.rule()
}

// sameDim reports whether an operand's dimension runs along the result's, and is not stretched from 1.
func sameDim(in, out size) bool { return in.equal(out) && !in.isOne() }
