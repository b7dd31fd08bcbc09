package sharding

func convRules() map[string]ruler {
	m := map[string]ruler{"Conv": conv, "ConvTranspose": convTranspose}
	for _, op := range []string{
		"AveragePool", "MaxPool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "Resize", "Upsample", "InstanceNormalization", "DepthToSpace",
	} {
		m[op] = channelwise
	}
	return m
}

// conv is y [n, o, s...] of x [n, c, s...] and w [o, c, k...]: cut by output channels it passes, by input channels it
// sums, and the bias counts once. In groups, channels are [g, c/g] and [g, o/g], and only g is cut: whole groups.
func conv(n *node) *rule {
	if len(n.in) < 2 || len(n.in[0].Dims) < 3 || len(n.in[1].Dims) != len(n.in[0].Dims) {
		return nil
	}
	b := newBuilder(n)
	batch := b.factor(n.inDim(0, 0), pass)
	b.tie(0, 0, batch)
	b.yield(0, 0, batch)
	if g := int(n.Int("group", 1)); g > 1 {
		return b.groups(g, 1, 0, n.inDim(1, 0))
	}
	in, out := b.factor(n.inDim(0, 1), sum), b.factor(n.inDim(1, 0), pass)
	b.tie(0, 1, in)
	b.tie(1, 1, in)
	b.tie(1, 0, out)
	b.yield(0, 1, out)
	b.bias(out)
	return b.rule()
}

// convTranspose is conv with w [c, o, k...].
func convTranspose(n *node) *rule {
	if len(n.in) < 2 || len(n.in[0].Dims) < 3 || len(n.in[1].Dims) != len(n.in[0].Dims) || n.Int("group", 1) != 1 {
		return nil
	}
	b := newBuilder(n)
	batch := b.factor(n.inDim(0, 0), pass)
	in, out := b.factor(n.inDim(0, 1), sum), b.factor(n.inDim(1, 1), pass)
	b.tie(0, 0, batch)
	b.yield(0, 0, batch)
	b.tie(0, 1, in)
	b.tie(1, 0, in)
	b.tie(1, 1, out)
	b.yield(0, 1, out)
	b.bias(out)
	return b.rule()
}

// bias ties input 2, when present, to the output channels.
func (b *builder) bias(out int) {
	if b.n.has(2) {
		b.tie(2, 0, out)
		b.r.once = 2
	}
}

// groups writes a convolution in g groups: input channels [g, ci], the weight's first dimension [g, co].
func (b *builder) groups(g, xDim, wDim int, outputs size) *rule {
	inside, ok := outputs.over(number(g))
	if !ok {
		return nil
	}
	group, co := b.factor(number(g), pass), b.factor(inside, fixed)
	ci := b.factor(b.n.inDim(1, 1), fixed)
	b.tie(0, xDim, group)
	b.tie(0, xDim, ci)
	b.tie(1, wDim, group)
	b.tie(1, wDim, co)
	b.yield(0, 1, group)
	b.yield(0, 1, co)
	if b.n.has(2) {
		b.tie(2, 0, group)
		b.tie(2, 0, co)
	}
	return b.rule()
}

// channelwise operators treat every row and channel alike, and look at whole images; further inputs are whole.
func channelwise(n *node) *rule {
	if len(n.in) == 0 || len(n.in[0].Dims) < 3 || len(n.out[0].Dims) != len(n.in[0].Dims) {
		return nil
	}
	channels := !n.inDim(0, 1).isOne() && n.inDim(0, 1).equal(n.outDim(0, 1))
	if (n.Op == "Resize" || n.Op == "Upsample") && (!n.inDim(0, 0).equal(n.outDim(0, 0)) || n.Text("coordinate_transformation_mode", "") == "tf_crop_and_resize") {
		return nil
	}
	b := newBuilder(n)
	for d := range 2 {
		if d == 1 && !channels {
			break
		}
		f := b.factor(n.inDim(0, d), pass)
		b.tie(0, d, f)
		for o := range n.out {
			if n.Outputs[o] != "" {
				b.yield(o, d, f)
			}
		}
		if d == 1 && n.Op == "InstanceNormalization" {
			b.tie(1, 0, f)
			b.tie(2, 0, f)
		}
	}
	if n.Op == "Resize" && n.has(3) && len(n.in[3].Dims) > 0 {
		b.r.factors[len(b.r.factors)-1].kind = fixed // sizes name the channels, too
	}
	return b.rule()
}
