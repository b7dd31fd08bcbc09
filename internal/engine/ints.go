package engine

import "github.com/shardwise/shardwise/internal/tensor"

// Ints is a short list of integers that a node takes from an input: axes, a shape, pads. A constant one is read when the
// node is compiled, so that a run allocates nothing for it.
type Ints struct {
	input int
	fixed []int64
	known bool
}

// Ints prepares input i, which may be absent. It fails when the input is a constant that is not of integers.
func (s *Site) Ints(i int) (Ints, error) {
	l := Ints{input: i}
	t, err := s.Fetch(i)
	if err != nil || t == nil {
		return l, err
	}
	if l.fixed, err = Int64s(t); err != nil {
		return l, s.Refuse("input %d: %v", i, err)
	}
	l.known = true
	return l, nil
}

// At is the list in this run; ok is false when the input is absent. The list is read-only.
func (l Ints) At(c *Call) (list []int64, ok bool, err error) {
	switch {
	case l.known:
		return l.fixed, true, nil
	case !c.Has(l.input):
		return nil, false, nil
	case c.In[l.input].DType() == tensor.I64:
		return tensor.Of[int64](c.In[l.input]), true, nil
	}
	list, err = Int64s(c.In[l.input])
	return list, true, err
}
