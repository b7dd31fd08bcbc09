package sharding

func reduceRules() map[string]ruler {
	m := map[string]ruler{}
	for op, k := range map[string]kind{
		"ReduceSum": sum, "ReduceSumSquare": sum, "ReduceL1": sum, "ReduceMax": greatest, "ReduceMin": least,
		"ReduceMean": fixed, "ReduceProd": fixed, "ReduceL2": fixed, "ReduceLogSum": fixed, "ReduceLogSumExp": fixed,
	} {
		m[op] = reduction(k)
	}
	for _, op := range []string{"ArgMax", "ArgMin"} {
		m[op] = argument
	}
	for _, op := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
		m[op] = softmax
	}
	for _, op := range []string{"CumSum", "TopK", "LpNormalization"} {
		m[op] = along
	}
	return m
}

// reduction drops the reduced dimensions, which are factors of the given kind; the others pass.
func reduction(k kind) ruler {
	return func(n *node) *rule {
		rank := len(n.in[0].Dims)
		axes, ok := n.axes(rank)
		if !ok {
			return nil
		}
		if len(axes) == 0 && n.Int("noop_with_empty_axes", 0) != 0 {
			return unary(n)
		}
		reduced := make([]bool, rank)
		for _, a := range axes {
			reduced[a] = true
		}
		keep := n.Int("keepdims", 1) != 0
		b := newBuilder(n)
		at := 0
		for d := range rank {
			if reduced[d] || len(axes) == 0 {
				b.tie(0, d, b.factor(n.inDim(0, d), k))
				if keep {
					at++
				}
				continue
			}
			f := b.factor(n.inDim(0, d), pass)
			b.tie(0, d, f)
			b.yield(0, at, f)
			at++
		}
		if at != len(n.out[0].Dims) {
			return nil
		}
		return b.rule()
	}
}

// axes are the axes of an operator, from its attribute or its constant second input, made non-negative.
func (n *node) axes(rank int) ([]int, bool) {
	var list []int64
	if a, ok := n.Attrs["axes"]; ok {
		list = a.Ints
	} else if n.has(1) {
		if list = n.ints(1); list == nil {
			return nil, false
		}
	}
	var out []int
	for _, a := range list {
		if a < 0 {
			a += int64(rank)
		}
		if a < 0 || a >= int64(rank) {
			return nil, false
		}
		out = append(out, int(a))
	}
	return out, true
}

// axis is the attribute axis made non-negative.
func (n *node) axis(def int64, rank int) (int, bool) {
	a := n.Int("axis", def)
	if a < 0 {
		a += int64(rank)
	}
	return int(a), a >= 0 && a < int64(rank)
}

// argument looks along one axis for an index, which only the whole axis tells.
func argument(n *node) *rule {
	rank := len(n.in[0].Dims)
	axis, ok := n.axis(0, rank)
	if !ok {
		return nil
	}
	return n.apart(func(d int) bool { return d >= axis && d <= axis }, n.Int("keepdims", 1) != 0)
}

// softmax looks along one axis; before version 13 along all from the axis on.
func softmax(n *node) *rule {
	rank := len(n.in[0].Dims)
	if n.opset < 13 {
		axis, ok := n.axis(1, rank)
		if !ok {
			return nil
		}
		return n.apart(func(d int) bool { return d >= axis }, true)
	}
	axis, ok := n.axis(-1, rank)
	if !ok {
		return nil
	}
	return n.apart(func(d int) bool { return d == axis }, true)
}

// along operators look along one axis, whose size may change; other dimensions pass.
func along(n *node) *rule {
	rank := len(n.in[0].Dims)
	var axis int
	ok := false
	if n.Op == "CumSum" {
		if list := n.ints(1); len(list) == 1 {
			if axis = int(list[0]); axis < 0 {
				axis += rank
			}
			ok = axis >= 0 && axis < rank
		}
	} else {
		axis, ok = n.axis(-1, rank)
	}
	if !ok {
		return nil
	}
	return n.apart(func(d int) bool { return d == axis }, true)
}

// apart is the rule of an operator that passes all dimensions but the held ones; keep tells whether those stand in the result.
func (n *node) apart(held func(d int) bool, keep bool) *rule {
	b := newBuilder(n)
	at := 0
	for d := range n.in[0].Dims {
		if held(d) {
			b.tie(0, d, b.factor(n.inDim(0, d), fixed))
			if keep {
				at++
			}
			continue
		}
		f := b.factor(n.inDim(0, d), pass)
		b.tie(0, d, f)
		for o := range n.out {
			if n.Outputs[o] != "" && at < len(n.out[o].Dims) {
				b.yield(o, at, f)
			}
		}
		at++
	}
	return b.rule()
}
