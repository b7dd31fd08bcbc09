package strided

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// BroadcastShape is numpy's broadcasting rule: dimensions match from the last, 1 stretches.
func BroadcastShape(a, b tensor.Shape) (tensor.Shape, error) {
	if a.Equal(b) {
		return a, nil
	}
	out := make(tensor.Shape, max(len(a), len(b)))
	for i := range out {
		x, y := 1, 1
		if j := i - len(out) + len(a); j >= 0 {
			x = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			y = b[j]
		}
		switch {
		case x == y || y == 1:
			out[i] = x
		case x == 1:
			out[i] = y
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
	}
	_, err := out.Elements()
	return out, err
}

// RowMajor are the steps, in elements, of a tensor of that shape.
func RowMajor(s tensor.Shape) []int {
	out := make([]int, len(s))
	step := 1
	for d := len(s) - 1; d >= 0; d-- {
		out[d] = step
		step *= s[d]
	}
	return out
}

// Stretched are the steps of an operand of shape s in a result of the given rank, 0 where it is stretched or absent.
func Stretched(s tensor.Shape, rank int) []int {
	out := make([]int, rank)
	step := 1
	for d := len(s) - 1; d >= 0; d-- {
		if s[d] != 1 {
			out[rank-len(s)+d] = step
		}
		step *= s[d]
	}
	return out
}

// Around cuts a shape at the dimensions [from, to) into outer x count x inner.
func Around(s tensor.Shape, from, to int) (outer, count, inner int) {
	outer, count, inner = 1, 1, 1
	for d, n := range s {
		switch {
		case d < from:
			outer *= n
		case d < to:
			count *= n
		default:
			inner *= n
		}
	}
	return outer, count, inner
}
