package control

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// stack gathers one value of each iteration.
type stack struct{ parts []*tensor.Tensor }

// add fails on a value of another dtype or shape than the first.
func (s *stack) add(t *tensor.Tensor) error {
	if _, sequence := t.Items(); sequence {
		return errors.New("found a sequence, wanted a tensor")
	}
	if len(s.parts) > 0 {
		if first := s.parts[0]; t.DType() != first.DType() || !t.Shape().Equal(first.Shape()) {
			return fmt.Errorf("found %v after %v, and scan values of all iterations have one type and shape", t, first)
		}
	}
	s.parts = append(s.parts, t)
	return nil
}

// join puts the values along a new axis, the last first when back is set. What the body declares says what no values
// look like.
func (s *stack) join(c *engine.Call, axis int64, back bool, declared graph.Value) (*tensor.Tensor, error) {
	d, shape := declared.DType, tensor.Shape(nil)
	if len(s.parts) > 0 {
		d, shape = s.parts[0].DType(), s.parts[0].Shape()
	} else {
		var err error
		if shape, err = emptyShape(declared); err != nil {
			return nil, err
		}
	}
	at, ok := engine.Axis(axis, len(shape)+1)
	if !ok {
		return nil, fmt.Errorf("axis %d does not lie in a result of %d dimensions", axis, len(shape)+1)
	}
	full := slices.Insert(shape.Clone(), at, len(s.parts))
	outer, inner := around(shape, at)
	place := func(i int) int {
		if back {
			return len(s.parts) - 1 - i
		}
		return i
	}
	if d == tensor.String {
		return s.joinStrings(full, outer, inner, place)
	}
	out := c.New(d, full...)
	run := inner * d.Size()
	for i, t := range s.parts {
		for o := range outer {
			copy(out.Bytes()[(o*len(s.parts)+place(i))*run:], t.Bytes()[o*run:(o+1)*run])
		}
	}
	return out, nil
}

func (s *stack) joinStrings(shape tensor.Shape, outer, inner int, place func(int) int) (*tensor.Tensor, error) {
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	values := make([]string, n)
	for i, t := range s.parts {
		for o := range outer {
			for k := range inner {
				values[(o*len(s.parts)+place(i))*inner+k] = t.StringAt(o*inner + k)
			}
		}
	}
	return tensor.FromStrings(shape, values)
}

// around are the products of the dimensions before an axis and from it on.
func around(s tensor.Shape, axis int) (outer, inner int) {
	outer, inner = 1, 1
	for d, n := range s {
		if d < axis {
			outer *= n
		} else {
			inner *= n
		}
	}
	return outer, inner
}

// cut is slice i of x along an axis, without that axis: a view along the first one, else a copy.
func cut(x *tensor.Tensor, axis, i int) (*tensor.Tensor, error) {
	shape := slices.Delete(x.Shape().Clone(), axis, axis+1)
	if axis == 0 {
		row, err := x.Rows(i, i+1)
		if err != nil {
			return nil, err
		}
		return row.Reshape(shape...)
	}
	// A body may hand the slice on, so it is not of the node's own scratch space.
	return engine.Take(&engine.Call{}, x, axis, []int64{int64(i)}, shape)
}
