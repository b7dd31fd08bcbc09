package infer

import (
	"slices"
	"strings"
)

// rowsMatMul: rows are rows or columns of a product, or one product each.
func rowsMatMul(c *rowCall) []state {
	a, b, out := c.value(0), c.value(1), c.output(0)
	if a.Rank() < 1 || b.Rank() < 1 || !c.free(2, len(c.node.Inputs)) {
		return nil
	}
	for i := 2; i < len(c.node.Inputs); i++ { // zero points that are not the same for all would have to be cut too
		if v := c.value(i); c.node.Inputs[i] != "" && !Product(v.Dims).Is(1) {
			return nil
		}
	}
	sa, sb := c.state(0), c.state(1)
	tail := min(a.Rank()-1, 1) + min(b.Rank()-1, 1) // dimensions of the result that are no batch
	stacked := func(v Value, st state) (place int, ok bool) { return v.Rank() - 3 - st.dim, st.dim < v.Rank()-2 }
	other := func(i, place int) bool {
		v, st := c.value(i), c.state(i)
		at := v.Rank() - 3 - place
		if st.kind == along {
			return at == st.dim && st.span.equal(c.state(1-i).span)
		}
		return st.kind == free && (at < 0 || v.Dims[at].Is(1))
	}
	if sa.kind == along {
		if place, ok := stacked(a, sa); ok {
			if other(1, place) {
				return one(rowsAt(out.Rank()-tail-1-place, sa.span))
			}
			return nil
		}
		if a.Rank() > 1 && sa.dim == a.Rank()-2 && sb.kind == free {
			return one(rowsAt(out.Rank()-tail, sa.span))
		}
		return one(mix("%s adds over rows", label(c.node)))
	}
	if place, ok := stacked(b, sb); ok {
		if sa.kind == free && other(0, place) {
			return one(rowsAt(out.Rank()-tail-1-place, sb.span))
		}
		return nil
	}
	if b.Rank() > 1 && sb.dim == b.Rank()-1 && sa.kind == free {
		return one(rowsAt(out.Rank()-1, sb.span))
	}
	return one(mix("%s adds over rows", label(c.node)))
}

func rowsGemm(c *rowCall) []state {
	a, b := c.state(0), c.state(1)
	m, n := 0, 1
	if c.node.Int("transA", 0) != 0 {
		m = 1
	}
	if c.node.Int("transB", 0) != 0 {
		n = 0
	}
	st := state{}
	switch {
	case a.kind == along && a.dim == m && b.kind == free:
		st = rowsAt(0, a.span)
	case b.kind == along && b.dim == n && a.kind == free:
		st = rowsAt(1, b.span)
	default:
		return one(mix("%s adds over rows", label(c.node)))
	}
	if len(c.node.Inputs) > 2 && c.node.Inputs[2] != "" {
		bias := c.state(2)
		same := bias.kind == along && c.value(2).Rank()-bias.dim == 2-st.dim && bias.span.equal(st.span)
		if !same && !c.shared(2, 1-st.dim) {
			return nil
		}
	}
	return one(st)
}

// rowsEinsum: one letter stands for the rows, in every operand that has them and in the output.
func rowsEinsum(c *rowCall) []state {
	e, err := parseEinsum(c.node.Text("equation", ""))
	if err != nil || len(e.in) != len(c.node.Inputs) || slices.ContainsFunc(e.in, func(s string) bool { return strings.Contains(s, ".") }) {
		return nil
	}
	letter, where := byte(0), span{}
	for i, part := range e.in {
		st := c.state(i)
		if st.kind != along {
			continue
		}
		if st.dim >= len(part) || letter != 0 && (part[st.dim] != letter || !where.equal(st.span)) {
			return nil
		}
		letter, where = part[st.dim], st.span
	}
	for i, part := range e.in {
		count := strings.Count(part, string(letter))
		if st := c.state(i); st.kind == along && count != 1 || st.kind != along && (count > 0 || st.kind != free) {
			return nil
		}
	}
	at := strings.IndexByte(e.out, letter)
	if at < 0 {
		return one(mix("%s adds over rows", label(c.node)))
	}
	return one(rowsAt(at, where))
}

// axesOf are the axes of a reduction; ok is false when they are not known.
func (c *rowCall) axesOf(rank int) (gone map[int]bool, ok bool) {
	list, known := c.node.Attrs["axes"].Ints, true
	if c.node.Op == "ArgMax" || c.node.Op == "ArgMin" {
		list = []int64{c.node.Int("axis", 0)}
	} else if len(c.node.Inputs) > 1 && c.node.Inputs[1] != "" {
		list, known = c.value(1).Ints()
	}
	gone, err := axes(list, rank)
	if len(list) == 0 && c.node.Int("noop_with_empty_axes", 0) == 0 {
		for i := range rank {
			gone[i] = true
		}
	}
	return gone, known && err == nil
}

func rowsReduce(c *rowCall) []state {
	st, rank := c.state(0), c.value(0).Rank()
	if st.kind != along || rank < 0 {
		return nil
	}
	gone, ok := c.axesOf(rank)
	if !ok || gone[st.dim] {
		return one(mix("%s reduces over rows", label(c.node)))
	}
	at := st.dim
	if c.node.Int("keepdims", 1) == 0 {
		for i := range st.dim {
			if gone[i] {
				at--
			}
		}
	}
	return one(rowsAt(at, st.span))
}

func rowsSlice(c *rowCall) []state {
	st, x := c.state(0), c.value(0)
	if st.kind != along {
		return nil
	}
	call := &call{scope: c.scope, node: c.node, opset: c.opset, in: []Value{x, c.value(1), c.value(2), c.value(3), c.value(4)}}
	list, ok, err := call.slices(x.Rank())
	if !ok || err != nil {
		return nil
	}
	for _, s := range list {
		whole := s.start.Is(0) && s.step.Is(1) // the end is held against the output's shape
		if s.axis == st.dim && !whole || s.axis != st.dim && (!s.start.Known() || !s.end.Known() || !s.step.Known() || c.has(s.start) || c.has(s.end) || c.has(s.step)) {
			return one(mix("%s picks rows", label(c.node)))
		}
	}
	return one(st)
}

func rowsPad(c *rowCall) []state {
	st, x := c.state(0), c.value(0)
	pads := c.value(1).Elems
	for _, name := range []string{"pads", "paddings"} {
		if a, ok := c.node.Attrs[name]; ok {
			pads = constants(a.Ints)
		}
	}
	if st.kind != along || !c.free(1, len(c.node.Inputs)) || len(c.node.Inputs) > 3 || len(pads) != 2*x.Rank() ||
		!pads[st.dim].Is(0) || !pads[st.dim+x.Rank()].Is(0) {
		return nil
	}
	return one(st)
}

// rowsResize: the rows keep their number, and sizes of other dimensions have nothing to do with it.
func rowsResize(c *rowCall) []state {
	st := c.state(0)
	if st.kind != along || st.dim > 1 || !c.output(0).Ranked || c.node.Text("coordinate_transformation_mode", "") == "tf_crop_and_resize" {
		return nil
	}
	for i := 1; i < len(c.node.Inputs); i++ {
		if s := c.state(i); s.kind != free && (s.kind != counted || c.value(i).Elems == nil) {
			return nil
		}
	}
	return one(st)
}

func rowsGather(c *rowCall) []state {
	x, index := c.state(0), c.state(1)
	a, err := axis(c.node.Int("axis", 0), c.value(0).Rank())
	switch {
	case err != nil || c.value(1).Rank() < 0:
	case x.kind == along && index.kind == free && a > x.dim:
		return one(x)
	case x.kind == along && index.kind == free && a < x.dim:
		return one(rowsAt(x.dim+c.value(1).Rank()-1, x.span))
	case x.kind == free && index.kind == along:
		return one(rowsAt(a+index.dim, index.span))
	}
	return one(mix("%s picks rows", label(c.node)))
}

func rowsGatherElements(c *rowCall) []state {
	x, index := c.state(0), c.state(1)
	a, err := axis(c.node.Int("axis", 0), c.value(0).Rank())
	if err == nil && index.kind == along && (x.kind == along && x.dim == index.dim && a != x.dim && x.span.equal(index.span) || x.kind == free && a == index.dim) {
		return one(index)
	}
	return nil
}

func rowsOneHot(c *rowCall) []state {
	st := c.state(0)
	a, err := axis(c.node.Int("axis", -1), c.value(0).Rank()+1)
	if err != nil || st.kind != along || !c.free(1, 2) {
		return nil
	}
	if a <= st.dim {
		return one(rowsAt(st.dim+1, st.span))
	}
	return one(st)
}

// rowsRecurrent: sequences are independent; initial states and lengths go with them.
func rowsRecurrent(c *rowCall) []state {
	at := 1
	if c.node.Int("layout", 0) != 0 {
		at = 0
	}
	x := c.state(0)
	if x.kind != along || x.dim != at || !c.free(1, 3) || !c.free(7, 7) {
		return one(mix("%s runs along the rows", label(c.node)))
	}
	for i, dim := range map[int]int{4: 0, 5: at, 6: at} {
		if i < len(c.node.Inputs) && c.node.Inputs[i] != "" {
			if st := c.state(i); st.kind != along || st.dim != dim || !st.span.equal(x.span) {
				return nil
			}
		}
	}
	if at == 0 {
		return one(x)
	}
	return []state{rowsAt(2, x.span), rowsAt(1, x.span), rowsAt(1, x.span)}
}

// rowsQuantize: one scale for all, or one for each place of an axis other than that of the rows.
func rowsQuantize(c *rowCall) []state {
	st, scale := c.state(0), c.value(1)
	if st.kind != along || !c.free(1, len(c.node.Inputs)) || scale.Rank() > 1 || scale.Rank() < 0 {
		return nil
	}
	if scale.Rank() == 1 && !scale.Dims[0].Is(1) {
		if a, err := axis(c.node.Int("axis", 1), c.value(0).Rank()); err != nil || a == st.dim {
			return nil
		}
	}
	return one(st)
}
