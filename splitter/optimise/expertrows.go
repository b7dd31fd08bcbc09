package optimise

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
)

// scattered reads a node that puts rows of an expert back into what was there before, nil when it does not:
//
//	ScatterND(before, Unsqueeze(rows), Gather(before, rows) + part)    ScatterND(before, Unsqueeze(rows), part)
//	ScatterElements(before, Expand(Unsqueeze(rows)), part), into zeros or with reduction add
//
// where part is weight · expert(picked rows of x), or without the weight.
func (w *work) scattered(n *graph.Node) (e *expert, before string) {
	if !op(n, "ScatterND", "ScatterElements") || len(n.Inputs) != 3 {
		return nil, ""
	}
	before = n.Inputs[0]
	adds := n.Text("reduction", "none") == "add"
	if !adds && n.Text("reduction", "none") != "none" {
		return nil, ""
	}
	index, part := n.Inputs[1], n.Inputs[2]
	if op(n, "ScatterElements") {
		wide := w.made(index, "Expand")
		if n.Int("axis", 0) != 0 || wide == nil || !adds && !w.zeros(before) || !w.shapeOf(wide.Inputs[1], part) {
			return nil, ""
		}
		index, adds = wide.Inputs[0], true
		if own := w.made(part, "Expand"); own != nil && w.firstRow(own.Inputs[1]) && sameColumns(w, own.Inputs[0], n.Outputs[0]) {
			part = own.Inputs[0]
		}
	}
	rows := w.made(index, "Unsqueeze")
	if rows == nil || w.value(rows.Inputs[0]).Rank() != 1 || !w.axisFromEnd(rows, 1, index, 1) {
		return nil, ""
	}
	e = &expert{rows: rows.Inputs[0], set: !adds}
	if sum := w.made(part, "Add"); sum != nil && !adds {
		for i, in := range sum.Inputs {
			if old := w.made(in, "Gather"); old != nil && old.Inputs[0] == before && old.Inputs[1] == e.rows && old.Int("axis", 0) == 0 {
				part, e.set = sum.Inputs[1-i], false
			}
		}
	}
	if !w.picked(e, part) {
		return nil, ""
	}
	return e, before
}

// picked reads weight · expert(picked rows), or expert(picked rows).
func (w *work) picked(e *expert, part string) bool {
	if product := w.made(part, "Mul"); product != nil {
		for i, in := range product.Inputs {
			g, f := w.value(in), w.value(product.Inputs[1-i])
			if g.Rank() != 2 || f.Rank() != 2 || !g.Dims[1].Is(1) || w.g.Weights[in] != nil {
				continue
			}
			if b := w.branchTo(product.Inputs[1-i]); b != nil && w.picks(b, e.rows) {
				e.branch, e.gate = b, in
				return true
			}
		}
	}
	e.branch = w.branchTo(part)
	return e.branch != nil && w.picks(e.branch, e.rows)
}

// picks reads what the branch begins with, Gather(x, rows), and notes x.
func (w *work) picks(b *branch, rows string) bool {
	pick := w.made(b.entry, "Gather")
	if flat := w.made(b.entry, "Reshape"); flat != nil { // of Gather(Unsqueeze(x, 0), rows, 1)
		pick = w.made(flat.Inputs[0], "Gather")
		if pick == nil || pick.Int("axis", 0) != 1 || pick.Inputs[1] != rows || w.value(b.entry).Rank() != 2 {
			return false
		}
		un := w.made(pick.Inputs[0], "Unsqueeze")
		if un == nil || !w.axisFromEnd(un, 1, un.Outputs[0], 3) || !sameColumns(w, un.Inputs[0], b.entry) {
			return false
		}
		b.x = un.Inputs[0]
		return w.value(b.x).Rank() == 2
	}
	if pick == nil || pick.Int("axis", 0) != 0 || pick.Inputs[1] != rows {
		return false
	}
	b.x = pick.Inputs[0]
	return w.value(b.x).Rank() == 2
}

// sameColumns reports whether two matrices surely have as many columns.
func sameColumns(w *work, a, b string) bool {
	x, y := w.value(a), w.value(b)
	return x.Rank() == 2 && y.Rank() == 2 && x.Dims[1].Equal(y.Dims[1])
}

// shapeOf reports whether a value is the shape of another.
func (w *work) shapeOf(name, of string) bool {
	n := w.made(name, "Shape")
	return n != nil && n.Inputs[0] == of && len(n.Attrs) == 0
}

// firstRow reports whether a shape is that of a first row: expanding rows to it changes nothing.
func (w *work) firstRow(name string) bool {
	n := w.made(name, "Shape")
	if n == nil || len(n.Attrs) > 0 {
		return false
	}
	s := w.made(n.Inputs[0], "Slice")
	if s == nil || w.value(s.Inputs[0]).Rank() != 2 {
		return false
	}
	starts, _, ok := w.list(s, "starts", 1)
	ends, _, known := w.list(s, "ends", 2)
	axes, given, sure := w.list(s, "axes", 3)
	steps, stepped, still := w.list(s, "steps", 4)
	if !ok || !known || !sure || !still || len(starts) != len(ends) || stepped && slices.ContainsFunc(steps, func(v int64) bool { return v != 1 }) {
		return false
	}
	first := !given && len(starts) > 0
	for i := range starts {
		axis := int64(i)
		if given {
			axis = axes[i]
		}
		switch {
		case axis == 0 && starts[i] == 0 && ends[i] == 1:
			first = true
		case axis == 0, starts[i] != 0 || ends[i] < 1<<31-1:
			return false
		}
	}
	return first
}

// coordinate finds the NonZero of which a vector is one of the coordinates, and which.
func (w *work) coordinate(name string) (nonzero *graph.Node, at int) {
	n := w.made(name, "Squeeze")
	if n == nil || w.value(name).Rank() != 1 {
		return nil, 0
	}
	from := n.Inputs[0]
	p := w.producer[from]
	if p != nil && p.Domain == "" && p.Op == "Split" {
		sizes, _, ok := w.list(p, "split", 1)
		if axis := p.Int("axis", 0); axis != 1 && axis != -1 || !ok || slices.ContainsFunc(sizes, func(v int64) bool { return v != 1 }) {
			return nil, 0
		}
		at, from = slices.Index(p.Outputs, from), p.Inputs[0]
	}
	turn := w.made(from, "Transpose")
	if turn == nil || !slices.Equal(turn.Attrs["perm"].Ints, []int64{1, 0}) {
		return nil, 0
	}
	return w.made(turn.Inputs[0], "NonZero"), at
}

// choice is where an expert's rows come from: those whose numbers, all of one value, are the expert's.
type choice struct {
	numbers string // [rows] or [rows, k]
	expert  int64
	slots   int // the coordinate that counts along the numbers' last dimension
}

// choiceOf reads the rows of an expert from Equal(numbers, expert), or from the expert's part of OneHot(numbers).
func (w *work) choiceOf(e *expert) (c choice, nonzero *graph.Node, ok bool) {
	nonzero, at := w.coordinate(e.rows)
	if nonzero == nil {
		return c, nil, false
	}
	mask := nonzero.Inputs[0]
	if cast := w.made(mask, "Cast"); cast != nil {
		mask = cast.Inputs[0]
	}
	if same := w.made(mask, "Equal"); same != nil {
		for i, in := range same.Inputs {
			if v, whole := w.value(same.Inputs[1-i]).Ints(); whole && len(v) == 1 && w.g.Weights[in] == nil {
				c = choice{numbers: in, expert: v[0], slots: 1}
			}
		}
		return c, nonzero, c.numbers != "" && at == 0
	}
	pick := w.made(mask, "Gather")
	if pick == nil || pick.Int("axis", 0) != 0 {
		return c, nil, false
	}
	number, whole := w.value(pick.Inputs[1]).Ints()
	turn := w.made(pick.Inputs[0], "Transpose")
	if turn == nil || !whole || len(number) != 1 || w.value(pick.Inputs[1]).Rank() != 0 || !slices.Equal(turn.Attrs["perm"].Ints, []int64{2, 1, 0}) {
		return c, nil, false
	}
	hot := w.made(turn.Inputs[0], "OneHot")
	if hot == nil || hot.Int("axis", -1) != -1 && hot.Int("axis", -1) != 2 {
		return c, nil, false
	}
	values, known := w.value(hot.Inputs[2]).Ints()
	return choice{numbers: hot.Inputs[0], expert: number[0], slots: 0}, nonzero, known && slices.Equal(values, []int64{0, 1}) && at == 1 && number[0] >= 0
}
