package infer

import (
	"fmt"
	"slices"
)

// moveRules are the operators that move elements without looking at them.
func moveRules() map[string]rule {
	return merge(
		onnxRules(inferTranspose, "Transpose"),
		onnxRules(inferConcat, "Concat"),
		onnxRules(inferSplit, "Split"),
		onnxRules(inferSlice, "Slice"),
		onnxRules(inferExpand, "Expand"),
		onnxRules(inferTile, "Tile"),
		onnxRules(same, "Trilu", "ReverseSequence", "Scatter", "ScatterElements", "ScatterND", "TensorScatter"),
	)
}

func inferTranspose(c *call) error {
	x := c.input(0)
	if x.Rank() < 0 {
		c.dtype(0, x.DType)
		return nil
	}
	perm := c.list("perm")
	if len(perm) == 0 {
		for i := range x.Rank() {
			perm = append([]int64{int64(i)}, perm...)
		}
	}
	at, err := axes(perm, x.Rank())
	if err != nil || len(at) != x.Rank() || slices.Min(append([]int64{0}, perm...)) < 0 {
		return fmt.Errorf("perm %v does not fit %s", perm, x)
	}
	dims := make([]Dim, x.Rank())
	for i, from := range perm {
		dims[i] = x.Dims[from]
	}
	c.set(0, x.DType, dims...)
	c.keepElems(x)
	return nil
}

func inferConcat(c *call) error {
	d, err := c.oneType(c.all(0)...)
	if err != nil {
		return err
	}
	first := c.input(0)
	for i := range c.in { // one known rank is all ranks
		if c.ranked(i) {
			first = c.input(i)
			break
		}
	}
	if first.Rank() < 0 {
		c.dtype(0, d)
		return nil
	}
	def := int64(0)
	if c.opset < 4 {
		def = 1
	}
	at, err := axis(c.node.Int("axis", def), first.Rank())
	if err != nil {
		return err
	}
	dims := slices.Clone(first.Dims)
	sum := Const(0)
	var elems []Dim
	var floats []float64
	known, constant := first.Rank() == 1, true
	for i := range c.in {
		v := c.input(i)
		if v.Rank() < 0 {
			sum, known = Dim{}, false
			continue
		}
		fits := v.Rank() == len(dims)
		for j := 0; fits && j < len(dims); j++ {
			if j != at {
				dims[j], fits = unify(dims[j], v.Dims[j])
			}
		}
		if !fits {
			return fmt.Errorf("its inputs %s and %s do not fit together along axis %d", first, v, at)
		}
		sum = sum.Add(v.Dims[at])
		elems, known = append(elems, v.Elems...), known && v.Elems != nil
		floats, constant = append(floats, v.Floats...), constant && v.Floats != nil
	}
	dims[at] = sum
	c.set(0, d, dims...)
	if known {
		c.out[0].Elems = elems
	}
	if known && constant {
		c.out[0].Floats = floats
	}
	return nil
}

func inferSplit(c *call) error {
	x := c.input(0)
	for i := range c.out {
		c.like(i, x, x.DType)
	}
	if x.Rank() < 0 {
		return nil
	}
	at, err := axis(c.node.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	sizes, given := c.input(1).Elems, c.has(1)
	if a, ok := c.node.Attrs["split"]; ok {
		sizes, given = constants(a.Ints), true
	}
	n := int64(len(c.out))
	total := Const(0)
	for i := range c.out {
		part := Dim{}
		switch {
		case given && len(sizes) == len(c.out):
			part = sizes[i]
		case given && sizes != nil:
			return fmt.Errorf("it has %d sizes for %d outputs", len(sizes), n)
		case !given: // equal parts, the last one smaller when there is a rest
			part = x.Dims[at].Ceil(Const(n))
			if i == len(c.out)-1 {
				part = x.Dims[at].Sub(part.Mul(Const(n - 1)))
			}
		}
		c.out[i].Dims[at] = part
		if lo, ok := total.Fixed(); ok && x.Elems != nil {
			if size, ok := part.Fixed(); ok && lo >= 0 && size >= 0 && lo+size <= int64(len(x.Elems)) {
				c.out[i].Elems = x.Elems[lo : lo+size]
			}
		}
		total = total.Add(part)
	}
	if !agree(total, x.Dims[at]) {
		return fmt.Errorf("its parts take %s of %s along axis %d of %s", total, x.Dims[at], at, x)
	}
	return nil
}

// sliceAt is what a Slice does to one axis; unknown parts are unknown Dims.
type sliceAt struct {
	axis             int
	start, end, step Dim
}

// slices reads the attributes (before version 10) or the inputs. ok is false when the axes are not known.
func (c *call) slices(rank int) (out []sliceAt, ok bool, err error) {
	starts, ends, list, steps := c.input(1).Elems, c.input(2).Elems, c.input(3).Elems, c.input(4).Elems
	if a, has := c.node.Attrs["starts"]; has {
		starts, ends, list, steps = constants(a.Ints), constants(c.list("ends")), constants(c.list("axes")), nil
	} else if c.has(3) && list == nil {
		return nil, false, nil
	}
	n := len(starts)
	if v := c.input(1); starts == nil && v.Rank() == 1 {
		size, fixed := v.Dims[0].Fixed()
		if !fixed || size > maxElems {
			return nil, false, nil
		}
		n = int(size)
	}
	if starts == nil && n == 0 || len(list) > 0 && len(list) != n || starts != nil && ends != nil && len(ends) != n || len(steps) > 0 && len(steps) != n {
		if starts == nil {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("it has %d starts, %d ends, %d axes and %d steps", n, len(ends), len(list), len(steps))
	}
	for i := range n {
		s := sliceAt{step: Const(1)}
		a := int64(i)
		if len(list) > 0 {
			fixed := false
			if a, fixed = list[i].Fixed(); !fixed {
				return nil, false, nil
			}
		}
		if s.axis, err = axis(a, rank); err != nil {
			return nil, false, err
		}
		if starts != nil {
			s.start = starts[i]
		}
		if i < len(ends) {
			s.end = ends[i]
		}
		if i < len(steps) {
			s.step = steps[i]
		} else if c.has(4) {
			s.step = Dim{}
		}
		out = append(out, s)
	}
	return out, true, nil
}

func inferSlice(c *call) error {
	x := c.input(0)
	c.dtype(0, x.DType)
	if x.Rank() < 0 {
		return nil
	}
	list, ok, err := c.slices(x.Rank())
	if err != nil {
		return err
	}
	c.like(0, x, x.DType)
	if !ok {
		for i := range c.out[0].Dims {
			c.out[0].Dims[i] = Dim{}
		}
		return nil
	}
	for _, s := range list {
		if s.step.Is(0) {
			return fmt.Errorf("its step along axis %d is 0", s.axis)
		}
		c.out[0].Dims[s.axis] = s.length(x.Dims[s.axis])
	}
	if len(list) == 1 && x.Rank() == 1 && x.Elems != nil {
		c.out[0].Elems = list[0].pick(x.Elems)
	}
	return nil
}

// far is a bound from which exporters mean the end, whatever its size.
const far = 1 << 31

// length is how many places of a dimension of size n the slice takes.
func (s *sliceAt) length(n Dim) Dim {
	step, ok := s.step.Fixed()
	if !ok || !s.start.Known() || !s.end.Known() {
		return Dim{}
	}
	if step < 0 {
		size, okN := n.Fixed()
		start, okS := s.start.Fixed()
		end, okE := s.end.Fixed()
		if okN && okS && okE {
			return Const(backwards(size, start, end, step))
		}
		if okS && okE && step == -1 && (start == -1 || start >= far-1) && end <= -far+1 {
			return n // reversed
		}
		return Dim{}
	}
	lo, okLo := bound(s.start, n)
	hi, okHi := bound(s.end, n)
	if !okLo || !okHi {
		return Dim{}
	}
	return Max(hi.Sub(lo), Const(0)).Ceil(Const(step))
}

// bound clamps a start or an end of a slice with a positive step to 0..n; ok is false when its sign is not known.
func bound(v, n Dim) (Dim, bool) {
	if f, ok := v.Fixed(); ok {
		switch {
		case f >= far-1:
			return n, true
		case f < 0:
			return Max(n.Add(v), Const(0)), n.Known()
		}
	}
	if notNegative(v) {
		return Min(v, n), n.Known()
	}
	if diff := n.Sub(v); diff.Known() && notNegative(diff) {
		return Max(v, Const(0)), false
	}
	return Dim{}, false
}

// clamped is a bound of a slice of n within lo and hi; negative ones count from the end.
func clamped(v, n, lo, hi int64) int64 {
	if v < 0 {
		v += n
	}
	return max(lo, min(v, hi))
}

// backwards is how many places of n a slice with a negative step takes.
func backwards(n, start, end, step int64) int64 {
	from, to := clamped(start, n, 0, n-1), clamped(end, n, -1, n-1)
	switch {
	case n == 0 || from <= to:
		return 0
	case step < -n: // its negative may not exist
		return 1
	}
	return (from-to-1)/-step + 1
}

// positions are the places that a slice takes of n, which are few.
func positions(n, start, end, step int64) []int64 {
	var out []int64
	if step > 0 {
		for i := clamped(start, n, 0, n); i < clamped(end, n, 0, n) && len(out) <= maxElems; i += step {
			out = append(out, i)
			if step > n {
				break
			}
		}
		return out
	}
	from := clamped(start, n, 0, n-1)
	for k := range backwards(n, start, end, step) {
		out = append(out, from+k*step)
	}
	return out
}

// pick takes the slice of known elements.
func (s *sliceAt) pick(elems []Dim) []Dim {
	start, okS := s.start.Fixed()
	end, okE := s.end.Fixed()
	step, okT := s.step.Fixed()
	if !okS || !okE || !okT || step == 0 {
		return nil
	}
	out := []Dim{}
	for _, i := range positions(int64(len(elems)), start, end, step) {
		out = append(out, elems[i])
	}
	return out
}

func inferExpand(c *call) error {
	x, shape := c.input(0), c.input(1).Elems
	if x.Rank() < 0 || shape == nil {
		c.dtype(0, x.DType)
		return nil
	}
	dims, err := broadcast(x.Dims, shape)
	if err != nil {
		return err
	}
	c.set(0, x.DType, dims...)
	if n, ok := dimCount(dims); ok && len(x.Elems) == 1 {
		for range n {
			c.out[0].Elems = append(c.out[0].Elems, x.Elems[0])
		}
	}
	return nil
}

// dimCount is the number of elements of a scalar or of a short vector.
func dimCount(dims []Dim) (int64, bool) {
	if len(dims) > 1 {
		return 0, false
	}
	n, ok := Product(dims).Fixed()
	return n, ok && n >= 0 && n <= maxElems
}

func inferTile(c *call) error {
	x, repeats := c.input(0), c.input(1).Elems
	c.like(0, x, x.DType)
	if x.Rank() < 0 {
		return nil
	}
	if c.opset < 6 { // tiles and axis
		for i := range c.out[0].Dims {
			c.out[0].Dims[i] = Dim{}
		}
		return nil
	}
	if repeats != nil && len(repeats) != x.Rank() {
		return fmt.Errorf("it has %d repeats for %s", len(repeats), x)
	}
	for i, d := range x.Dims {
		c.out[0].Dims[i] = Dim{}
		if repeats != nil {
			c.out[0].Dims[i] = d.Mul(repeats[i])
		}
	}
	return nil
}
