package engine

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Take picks the slices of x at the indices along the axis into a tensor of the given shape; negative indices count
// from the end. It serves the operators that gather, for every dtype.
func Take(c *Call, x *tensor.Tensor, axis int, index []int64, shape tensor.Shape) (*tensor.Tensor, error) {
	outer, inner, count := 1, 1, x.Dim(axis)
	for d, n := range x.Shape() {
		if d < axis {
			outer *= n
		} else if d > axis {
			inner *= n
		}
	}
	at := make([]int, len(index))
	for i, v := range index {
		d, ok := Axis(v, count)
		if !ok {
			return nil, fmt.Errorf("index %d is outside dimension %d of %v", v, axis, x)
		}
		at[i] = d
	}
	if x.DType() == tensor.String {
		if err := CheckSize(tensor.String, shape); err != nil {
			return nil, err
		}
		var out []string
		for o := range outer {
			for _, i := range at {
				for in := range inner {
					out = append(out, x.StringAt((o*count+i)*inner+in))
				}
			}
		}
		return tensor.FromStrings(shape, out)
	}
	t := c.New(x.DType(), shape...)
	run := inner * x.DType().Size()
	to := 0
	for o := range outer {
		for _, i := range at {
			from := (o*count + i) * run
			to += copy(t.Bytes()[to:], x.Bytes()[from:from+run])
		}
	}
	return t, nil
}

// Inline makes a tensor of a weight whose bytes stand in the graph itself. The tensor does not alias the weight, and its
// buffer is aligned.
func Inline(w *graph.Weight) (*tensor.Tensor, error) {
	if w.DType == tensor.String {
		return tensor.FromStrings(w.Shape, w.Strings)
	}
	if w.Location != "" || w.Data == nil {
		return nil, fmt.Errorf("constant %q lies in the file %q, not in the graph", w.Name, w.Location)
	}
	if w.DType == tensor.Bool {
		for _, b := range w.Data {
			if b > 1 {
				return nil, fmt.Errorf("constant %q has a boolean of %d, wanted 0 or 1", w.Name, b)
			}
		}
	}
	data := tensor.Aligned(len(w.Data))
	copy(data, w.Data)
	return tensor.FromBytes(w.DType, w.Shape, data)
}
