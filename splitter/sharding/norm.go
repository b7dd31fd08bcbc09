package sharding

func normRules() map[string]ruler {
	return map[string]ruler{
		"BatchNormalization": batchNorm,
		"LayerNormalization": layerNorm,
		"RMSNormalization":   layerNorm,
		"LRN":                rowsOnly,
		"LSTM":               recurrent,
		"GRU":                recurrent,
		"RNN":                recurrent,
	}
}

// batchNorm scales and shifts every channel by its own numbers.
func batchNorm(n *node) *rule {
	if len(n.in) < 5 || len(n.in[0].Dims) < 2 || len(n.out) > 1 && n.Outputs[1] != "" {
		return nil
	}
	b := newBuilder(n)
	for d := range n.in[0].Dims {
		f := b.factor(n.inDim(0, d), pass)
		b.tie(0, d, f)
		b.yield(0, d, f)
		if d == 1 {
			for i := 1; i < 5; i++ {
				b.tie(i, 0, f)
			}
		}
	}
	return b.rule()
}

// layerNorm looks at all dimensions from the axis on.
func layerNorm(n *node) *rule {
	axis, ok := n.axis(-1, len(n.in[0].Dims))
	if !ok || len(n.out) > 1 {
		return nil
	}
	return n.apart(func(d int) bool { return d >= axis }, true)
}

// rowsOnly passes the first dimension and looks at all others.
func rowsOnly(n *node) *rule {
	return n.apart(func(d int) bool { return d > 0 }, true)
}

// recurrent networks pass the batch: x [steps, batch, size], or [batch, steps, size] with layout 1.
func recurrent(n *node) *rule {
	if len(n.in[0].Dims) != 3 || n.Int("layout", 0) != 0 {
		return nil
	}
	b := newBuilder(n)
	f := b.factor(n.inDim(0, 1), pass)
	b.tie(0, 1, f)
	for i := 4; i < len(n.in); i++ {
		switch {
		case !n.has(i) || i == 7:
		case i == 4:
			b.tie(i, 0, f)
		default:
			b.tie(i, 1, f)
		}
	}
	for o := range n.out {
		if n.Outputs[o] != "" {
			b.yield(o, len(n.out[o].Dims)-2, f)
		}
	}
	return b.rule()
}
