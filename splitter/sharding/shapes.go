package sharding

func shapeRules() map[string]ruler {
	m := map[string]ruler{"Transpose": transpose, "Concat": concat, "Split": split, "Slice": slice, "Expand": broadcastTo, "Pad": pad}
	for _, op := range []string{"Reshape", "Flatten", "Unsqueeze"} {
		m[op] = reshape
	}
	m["Squeeze"] = squeeze
	return m
}

// squeeze is reshape where it names its axes. Without them it would also take away a dimension that is cut into parts of 1.
func squeeze(n *node) *rule {
	if _, named := n.Attrs["axes"]; !named && len(n.in) < 2 {
		return nil
	}
	return reshape(n)
}

// transpose moves dimensions.
func transpose(n *node) *rule {
	rank := len(n.in[0].Dims)
	perm := n.Attrs["perm"].Ints
	b := newBuilder(n)
	for d := range rank {
		from := rank - 1 - d
		if len(perm) == rank {
			from = int(perm[d])
		}
		if from < 0 || from >= rank {
			return nil
		}
		f := b.factor(n.inDim(0, from), pass)
		b.tie(0, from, f)
		b.yield(0, d, f)
	}
	return b.rule()
}

// reshape writes both shapes in the finest factors that they share: from the left, the smaller of the two sizes that are
// left is a factor when it divides the other. Where neither divides, everything from there on is one fixed factor.
func reshape(n *node) *rule {
	b := newBuilder(n)
	from, to := n.in[0].Dims, n.out[0].Dims
	i, o := 0, 0
	var left, right size
	left, right = one(), one()
	for {
		for left.isOne() && i < len(from) {
			left = n.inDim(0, i)
			i++
		}
		for right.isOne() && o < len(to) {
			right = n.outDim(0, o)
			o++
		}
		if left.isOne() || right.isOne() {
			return b.rule()
		}
		switch rest, ok := left.over(right); {
		case ok:
			f := b.factor(right, pass)
			b.tie(0, i-1, f)
			b.yield(0, o-1, f)
			left, right = rest, one()
		default:
			rest, ok := right.over(left)
			if !ok {
				return b.restFixed(i-1, o-1)
			}
			f := b.factor(left, pass)
			b.tie(0, i-1, f)
			b.yield(0, o-1, f)
			right, left = rest, one()
		}
	}
}

// restFixed gives what is left of both shapes fixed factors, so that no cut touches those dimensions.
func (b *builder) restFixed(in, out int) *rule {
	b.hold(b.r.in[0], in, b.n.inDim)
	b.hold(b.r.out[0], out, b.n.outDim)
	return b.rule()
}

func (b *builder) hold(dims [][]int, from int, sizeAt func(i, d int) size) {
	for d := from; d < len(dims); d++ {
		for _, f := range dims[d] {
			b.r.factors[f].kind = fixed
		}
		dims[d] = []int{b.factor(sizeAt(0, d), fixed)}
	}
}

// concat passes all dimensions but the axis. Along the axis, parts of one size are a factor of their own in front: [parts, size].
func concat(n *node) *rule {
	rank := len(n.out[0].Dims)
	axis, ok := n.axis(1, rank)
	if !ok || len(n.in) == 0 {
		return nil
	}
	b := newBuilder(n)
	for d := range rank {
		if d == axis {
			continue
		}
		f := b.factor(n.outDim(0, d), pass)
		b.yield(0, d, f)
		for i := range n.in {
			if !n.inDim(i, d).equal(n.outDim(0, d)) {
				b.r.factors[f].kind = fixed
			}
			b.tie(i, d, f)
		}
	}
	part, even := n.inDim(0, axis), true
	for i := range n.in {
		even = even && n.inDim(i, axis).equal(part)
	}
	if even {
		parts, inside := b.factor(number(len(n.in)), fixed), b.factor(part, pass)
		b.yield(0, axis, parts)
		b.yield(0, axis, inside)
		for i := range n.in {
			b.tie(i, axis, inside)
		}
		return b.rule()
	}
	for i := range n.in {
		b.tie(i, axis, b.factor(n.inDim(i, axis), fixed))
	}
	b.yield(0, axis, b.factor(n.outDim(0, axis), fixed))
	return b.rule()
}

// split is the inverse of concat.
func split(n *node) *rule {
	rank := len(n.in[0].Dims)
	axis, ok := n.axis(0, rank)
	if !ok {
		return nil
	}
	part, even := n.outDim(0, axis), true
	for o := range n.out {
		if n.Outputs[o] == "" {
			return nil
		}
		even = even && n.outDim(o, axis).equal(part)
	}
	b := newBuilder(n)
	for d := range rank {
		switch {
		case d != axis:
			f := b.factor(n.inDim(0, d), pass)
			b.tie(0, d, f)
			for o := range n.out {
				b.yield(o, d, f)
			}
		case even:
			parts, inside := b.factor(number(len(n.out)), fixed), b.factor(part, pass)
			b.tie(0, d, parts)
			b.tie(0, d, inside)
			for o := range n.out {
				b.yield(o, d, inside)
			}
		default:
			b.tie(0, d, b.factor(n.inDim(0, d), fixed))
		}
	}
	return b.rule()
}

// slice and pad pass the dimensions whose size stays; what is cut or padded is fixed. A dimension of equal size may have been
// turned around (step -1) or shifted, so only dimensions that no axis names pass.
func slice(n *node) *rule {
	rank := len(n.in[0].Dims)
	var axes []int64
	switch {
	case n.opset < 10:
		a, ok := n.Attrs["axes"]
		if axes = a.Ints; !ok {
			axes = counted(len(n.Attrs["starts"].Ints))
		}
	case n.has(3):
		if axes = n.ints(3); axes == nil {
			return nil
		}
	default:
		if len(n.in[1].Dims) != 1 || n.in[1].Dims[0].Size < 0 {
			return nil
		}
		axes = counted(n.in[1].Dims[0].Size)
	}
	held := make([]bool, rank)
	for _, a := range axes {
		if a < 0 {
			a += int64(rank)
		}
		if a < 0 || a >= int64(rank) {
			return nil
		}
		held[a] = true
	}
	return n.apart(func(d int) bool { return held[d] }, true)
}

func counted(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

// pad passes the dimensions whose size stays, when the amounts are constants.
func pad(n *node) *rule {
	rank := len(n.in[0].Dims)
	pads := n.Attrs["pads"].Ints
	if n.opset >= 11 {
		pads = n.ints(1)
	}
	if len(pads) != 2*rank || n.has(3) {
		return nil
	}
	return n.apart(func(d int) bool { return pads[d] != 0 || pads[d+rank] != 0 }, true)
}

// broadcastTo is Expand: dimensions that are stretched from 1 are not cut.
func broadcastTo(n *node) *rule {
	if n.ints(1) == nil {
		return nil
	}
	b := newBuilder(n)
	rank, rx := len(n.out[0].Dims), len(n.in[0].Dims)
	for d := range rank {
		f := b.factor(n.outDim(0, d), fixed)
		b.yield(0, d, f)
		if at := d - (rank - rx); at >= 0 && sameDim(n.inDim(0, at), n.outDim(0, d)) {
			b.tie(0, at, f)
			b.r.factors[f].kind = pass
		}
	}
	return b.rule()
}
