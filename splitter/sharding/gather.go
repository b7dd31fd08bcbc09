package sharding

func gatherRules() map[string]ruler {
	return map[string]ruler{"Gather": gather, "shardwise.EmbeddingBag": embeddingBag}
}

// comparesIntegers is the operator set since which there are Where and Less of integers, with which a shard tells its rows from
// those of others.
const comparesIntegers = 9

// gather is a look-up: y [a..., i..., c...] of a table [a..., v, c...] at indices [i...]. Indices and the other dimensions pass;
// a table that is cut by the rows v yields partial sums, because each row is in one shard.
func gather(n *node) *rule {
	if len(n.in) < 2 || len(n.in[0].Dims) == 0 {
		return nil
	}
	rank, ri := len(n.in[0].Dims), len(n.in[1].Dims)
	axis, ok := n.axis(0, rank)
	if !ok || len(n.out[0].Dims) != rank-1+ri {
		return nil
	}
	b := newBuilder(n)
	for d := range rank {
		switch {
		case d < axis:
			f := b.factor(n.inDim(0, d), pass)
			b.tie(0, d, f)
			b.yield(0, d, f)
		case d == axis:
			k := fixed
			if axis == 0 && n.in[0].DType.Float() && n.opset >= comparesIntegers {
				k = lookup
			}
			b.tie(0, d, b.factor(n.inDim(0, d), k))
		default:
			f := b.factor(n.inDim(0, d), pass)
			b.tie(0, d, f)
			b.yield(0, d-1+ri, f)
		}
	}
	for d := range ri {
		f := b.factor(n.inDim(1, d), pass)
		b.tie(1, d, f)
		b.yield(0, axis+d, f)
	}
	return b.rule()
}

// embeddingBag reduces rows of a table [v, c] to bags [bags, c]. A table that is cut by its rows yields partial sums or maxima; means are
// not cut so. The columns pass. Indices, offsets and factors are whole on every shard.
func embeddingBag(n *node) *rule {
	if len(n.in) < 3 || len(n.in[0].Dims) != 2 || len(n.out[0].Dims) != 2 {
		return nil
	}
	b := newBuilder(n)
	rows := fixed
	switch n.Text("mode", "sum") {
	case "sum":
		rows = lookup
	case "max":
		rows = greatest
	}
	b.tie(0, 0, b.factor(n.inDim(0, 0), rows))
	columns := b.factor(n.inDim(0, 1), pass)
	b.tie(0, 1, columns)
	b.yield(0, 1, columns)
	b.yield(0, 0, b.factor(n.outDim(0, 0), fixed))
	return b.rule()
}
