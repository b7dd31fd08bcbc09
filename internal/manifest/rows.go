package manifest

import "slices"

// ByRows reports whether the stage is data parallel: an input is scattered by rows, and each shard computes all of the model for its share.
func (s *Stage) ByRows() bool {
	return slices.ContainsFunc(s.Inputs, func(in StageInput) bool { return in.Scatter.Kind == ScatterRows })
}

// RowShare is which of the rows, from lo to hi-1, shard i of n gets in a stage by rows. Shares follow each other in shard order and differ by at most one
// row; the larger ones come first, so that of few rows the last shards have none.
func RowShare(rows, i, n int) (lo, hi int) {
	each, extra := rows/n, rows%n
	lo = i*each + min(i, extra)
	if hi = lo + each; i < extra {
		hi++
	}
	return lo, hi
}

// RowShards is how many of n shards are asked for so many rows: those that have a share, and of no rows the first.
func RowShards(rows, n int) int { return max(min(rows, n), 1) }

// checkRows checks that a stage by rows has what it is about: every shard gets its share of everything that has rows, and gives an answer for each row.
func (m *Manifest) checkRows(c *checker, p at, st *Stage) {
	if !st.ByRows() {
		return
	}
	if m.Signature.Rows == RowsNone {
		c.fail(p, "scatters rows, but the signature's rows are %q", RowsNone)
	}
	if len(st.Routes) > 0 {
		c.fail(p.key("routes"), "stands in a stage by rows, where every shard gets its share of everything")
	}
	for i, in := range st.Inputs {
		q := p.key("inputs").index(i)
		shape, known := m.inputShape(in.Value)
		has := known && m.Signature.Batched(shape)
		switch kind := in.Scatter.Kind; {
		case len(in.To) > 0:
			c.fail(q.key("to"), "stands in a stage by rows, where every shard gets every input")
		case kind != ScatterRows && kind != ScatterReplicate:
			c.fail(q.key("scatter").key("kind"), "is %.80q in a stage by rows, wanted %q or %q", kind, ScatterRows, ScatterReplicate)
		case kind == ScatterRows && known && !has:
			c.fail(q.key("scatter").key("kind"), "is %q, but the value has no rows in front", kind)
		case kind == ScatterReplicate && has:
			c.fail(q.key("scatter").key("kind"), "is %q in a stage by rows, but the value has rows; wanted %q", kind, ScatterRows)
		}
	}
	for i, out := range st.Outputs {
		q := p.key("outputs").index(i)
		if g := out.Merge; g.Kind != MergeConcat || g.Dim != 0 || len(g.Bounds) > 0 {
			c.fail(q.key("merge"), "is %.80q along dimension %d with %d bounds; a stage by rows wants %q along dimension 0 without bounds", g.Kind, g.Dim, len(g.Bounds), MergeConcat)
		}
		if len(out.From) > 0 {
			c.fail(q.key("from"), "stands in a stage by rows, where every shard contributes")
		}
		for j, k := range out.Components {
			if len(k.Shape) == 0 || k.Shape[0].Name != Batch {
				c.fail(q.key("components").index(j).key("shape"), "does not begin with %q, as it does in a stage by rows", Batch)
			}
		}
	}
}
