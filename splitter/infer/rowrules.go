package infer

import "slices"

// rowRules are the operators that are known to keep rows apart, and when.
func rowRules() map[string]rowRule {
	out := map[string]rowRule{}
	for _, t := range []struct {
		rule rowRule
		ops  []string
	}{
		{rowsBroadcast, []string{"Abs", "Reciprocal", "Sqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Tanh", "Asinh",
			"Acosh", "Atanh", "Erf", "Sign", "Sigmoid", "HardSigmoid", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Gelu", "Mish", "HardSwish", "Softplus",
			"Softsign", "ThresholdedRelu", "Shrink", "Swish", "BitwiseNot", "Floor", "Ceil", "Round", "Neg", "Not", "IsNaN", "IsInf", "Clip", "Cast", "CastLike",
			"Add", "Sub", "Mul", "Div", "Mod", "PRelu", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Min", "Max", "Sum", "Mean", "Pow", "And", "Or",
			"Xor", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Where", "Identity", "Dropout"}},
		{rowsSoftmax, []string{"Softmax", "LogSoftmax", "Hardmax"}},
		{rowsNotAlong(-1), []string{"LpNormalization", "TopK"}},
		{rowsLayerNorm, []string{"LayerNormalization", "RMSNormalization"}},
		{rowsFirst, []string{"InstanceNormalization", "GroupNormalization", "BatchNormalization", "LRN", "Conv", "ConvTranspose", "ConvInteger", "GlobalAveragePool",
			"GlobalMaxPool", "GlobalLpPool", "AveragePool", "LpPool", "DepthToSpace", "SpaceToDepth"}},
		{rowsMaxPool, []string{"MaxPool"}},
		{rowsMatMul, []string{"MatMul", "MatMulInteger"}},
		{rowsGemm, []string{"Gemm"}},
		{rowsEinsum, []string{"Einsum"}},
		{rowsReduce, []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
			"ReduceSumSquare", "ArgMax", "ArgMin"}},
		{rowsView, []string{"Reshape", "Flatten", "Squeeze", "Unsqueeze"}},
		{rowsTranspose, []string{"Transpose"}},
		{rowsConcat, []string{"Concat"}},
		{rowsNotAlong(0), []string{"Split"}},
		{rowsSlice, []string{"Slice"}},
		{rowsExpand, []string{"Expand", "ConstantOfShape", "Tile"}},
		{rowsPad, []string{"Pad"}},
		{rowsResize, []string{"Resize", "Upsample"}},
		{rowsGather, []string{"Gather"}},
		{rowsGatherElements, []string{"GatherElements"}},
		{rowsOneHot, []string{"OneHot"}},
		{rowsRecurrent, []string{"RNN", "GRU", "LSTM"}},
		{rowsQuantize, []string{"QuantizeLinear", "DequantizeLinear"}},
	} {
		for _, op := range t.ops {
			out[key("", op)] = t.rule
		}
	}
	for _, op := range []string{"Normalizer", "Scaler", "Imputer", "LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor", "TreeEnsemble",
		"TreeEnsembleClassifier", "TreeEnsembleRegressor"} {
		out[key("ai.onnx.ml", op)] = rowsTable
	}
	for _, op := range []string{"Binarizer", "OneHotEncoder", "LabelEncoder", "CategoryMapper"} {
		out[key("ai.onnx.ml", op)] = rowsFirst // element by element
	}
	out[key("ai.onnx.ml", "FeatureVectorizer")] = rowsTables
	out[key("ai.onnx.ml", "ArrayFeatureExtractor")] = rowsExtract
	for _, op := range []string{"TreeEnsemble", "TreeLeaf", "TreeMargin", "XGBoostObjective"} {
		out[key("shardwise", op)] = rowsFirst
	}
	out[key("shardwise", "Experts")] = rowsExperts
	out[key("com.microsoft", "MatMulNBits")] = rowsNotAlong(-1)
	return out
}

func one(st state) []state { return []state{st} }

// rowsBroadcast: the rows of all inputs stand in the same place, counted from the end, and what is without rows has 1 there.
func rowsBroadcast(c *rowCall) []state {
	out := c.output(0)
	if out.Rank() < 0 || c.opset > 0 && c.opset < 7 && len(c.node.Inputs) > 1 && c.node.Domain == "" {
		return nil
	}
	place, where := -1, span{}
	for i := range c.node.Inputs {
		st, rank := c.state(i), c.value(i).Rank()
		if st.kind != along {
			continue
		}
		at := rank - 1 - st.dim
		if place >= 0 && (at != place || !where.equal(st.span)) {
			return nil
		}
		place, where = at, st.span
	}
	for i := range c.node.Inputs {
		if c.state(i).kind != along && !c.shared(i, place) {
			return nil
		}
	}
	return one(rowsAt(out.Rank()-1-place, where))
}

// shared reports whether an input is the same for all rows when the rows stand at a place counted from the end.
func (c *rowCall) shared(i, place int) bool {
	if c.node.Inputs[i] == "" {
		return true
	}
	v := c.value(i)
	at := v.Rank() - 1 - place
	return c.state(i).kind == free && v.Rank() >= 0 && (at < 0 || v.Dims[at].Is(1))
}

func rowsSoftmax(c *rowCall) []state {
	st, rank := c.state(0), c.value(0).Rank()
	def := int64(-1)
	if c.opset < 13 {
		def = 1
	}
	a, err := axis(c.node.Int("axis", def), rank)
	if err != nil || a == st.dim || c.opset < 13 && a < st.dim {
		return one(mix("%s normalises over rows", label(c.node)))
	}
	return one(st)
}

// rowsNotAlong: the operator works along an axis, which must not be that of the rows; its other inputs are the same for all.
func rowsNotAlong(def int64) rowRule {
	return func(c *rowCall) []state {
		st := c.state(0)
		if a, err := axis(c.node.Int("axis", def), c.value(0).Rank()); err != nil || a == st.dim || st.kind != along || !c.free(1, len(c.node.Inputs)) {
			return one(mix("%s works along the rows", label(c.node)))
		}
		return one(st)
	}
}

func rowsLayerNorm(c *rowCall) []state {
	st := c.state(0)
	a, err := axis(c.node.Int("axis", -1), c.value(0).Rank())
	if err != nil || st.kind != along || st.dim >= a {
		return one(mix("%s normalises over rows", label(c.node)))
	}
	for i := 1; i < len(c.node.Inputs); i++ {
		if !c.shared(i, c.value(0).Rank()-1-st.dim) {
			return nil
		}
	}
	return one(st)
}

// rowsFirst: dimension 0 of the first input counts independent items, and so does that of every output.
func rowsFirst(c *rowCall) []state {
	if st := c.state(0); st.kind == along && st.dim == 0 && c.free(1, len(c.node.Inputs)) {
		return one(st)
	}
	return nil
}

// rowsMaxPool: the indices count through the whole batch.
func rowsMaxPool(c *rowCall) []state {
	if st := rowsFirst(c); st != nil {
		return []state{st[0], mix("%s numbers the elements of all rows", label(c.node))}
	}
	return nil
}

// rowsTable: [rows, columns], with one result for each row.
func rowsTable(c *rowCall) []state {
	if c.value(0).Rank() != 2 {
		return one(mix("%s takes all rows for one", label(c.node)))
	}
	return rowsFirst(c)
}

// rowsTables: the rows of several tables side by side.
func rowsTables(c *rowCall) []state {
	for i := range c.node.Inputs {
		if st, first := c.state(i), c.state(0); c.value(i).Rank() != 2 || st.kind != along || st.dim != 0 || !st.span.equal(first.span) {
			return one(mix("%s takes tables whose rows are not the same", label(c.node)))
		}
	}
	return one(c.state(0))
}

func rowsExtract(c *rowCall) []state {
	x, index := c.state(0), c.state(1)
	switch {
	case x.kind == along && index.kind == free && x.dim < c.value(0).Rank()-1:
		return one(x)
	case x.kind == free && index.kind == along && c.value(0).Rank() == 1: // the result is [1, all indices]
		if Product(c.value(1).Dims[:index.dim]).Is(1) {
			inner := index.span.inner.Mul(Product(c.value(1).Dims[index.dim+1:]))
			return one(rowsAt(1, span{index.span.outer, inner}))
		}
	}
	return nil
}

func rowsTranspose(c *rowCall) []state {
	st := c.state(0)
	rank := c.value(0).Rank()
	a, ok := c.node.Attrs["perm"]
	if !ok || len(a.Ints) == 0 {
		return one(rowsAt(rank-1-st.dim, st.span))
	}
	if i := slices.Index(a.Ints, int64(st.dim)); i >= 0 {
		return one(rowsAt(i, st.span))
	}
	return nil
}

func rowsConcat(c *rowCall) []state {
	st := c.state(0)
	for i := range c.node.Inputs {
		if o := c.state(i); o.kind != along || o.dim != st.dim || !o.span.equal(st.span) {
			return nil
		}
	}
	if a, err := axis(c.node.Int("axis", 0), c.value(0).Rank()); err != nil || a == st.dim {
		return one(mix("%s puts rows beside others", label(c.node)))
	}
	return one(st)
}

// rowsView: elements keep their order, so that a row's stay together where as many elements stand before.
func rowsView(c *rowCall) []state {
	st, x, out := c.state(0), c.value(0), c.output(0)
	if st.kind != along || len(c.node.Inputs) > 1 && c.state(1).kind == along {
		return nil
	}
	before := Product(x.Dims[:st.dim]).Mul(st.span.outer)
	for i, d := range out.Dims {
		outer, ok := before.Exact(Product(out.Dims[:i]))
		if !ok || !c.has(d) {
			continue
		}
		if inner, ok := d.Exact(outer.Mul(c.symbol)); ok {
			return one(rowsAt(i, span{outer, inner}))
		}
	}
	return one(mix("%s does not keep the rows apart", label(c.node)))
}

// rowsExpand: what is the same for all rows is repeated for each, or rows stay rows.
func rowsExpand(c *rowCall) []state {
	out := c.output(0)
	at := slices.IndexFunc(out.Dims, c.has)
	if at < 0 {
		return nil
	}
	st, x := c.state(0), c.value(0)
	if c.node.Op == "ConstantOfShape" || st.kind == free {
		if c.node.Op == "ConstantOfShape" && x.Elems == nil || c.node.Op != "ConstantOfShape" && (c.value(1).Elems == nil || !c.shared(0, out.Rank()-1-at)) {
			return nil
		}
		inner, ok := out.Dims[at].Exact(c.symbol)
		if !ok {
			return nil
		}
		return one(rowsAt(at, span{Const(1), inner}))
	}
	if st.kind != along || c.value(1).Elems == nil || out.Rank()-at != x.Rank()-st.dim || !out.Dims[at].Equal(x.Dims[st.dim]) {
		return nil
	}
	return one(rowsAt(at, st.span))
}
