package strided

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// BroadcastShape is numpy's broadcasting rule: dimensions match from the last, 1 stretches. The result is one of the shapes
// where the other stretches to it.
func BroadcastShape(a, b tensor.Shape) (tensor.Shape, error) {
	switch {
	case stretches(b, a):
		return a, nil
	case stretches(a, b):
		return b, nil
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
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a.Clone(), b.Clone())
		}
	}
	_, err := out.Elements()
	return out, err
}

// stretches reports whether s stretches to the shape.
func stretches(s, to tensor.Shape) bool {
	ahead := len(to) - len(s)
	if ahead < 0 {
		return false
	}
	for i, n := range s {
		if n != 1 && n != to[ahead+i] {
			return false
		}
	}
	return true
}

// RowMajor are the steps, in elements, of a tensor of that shape.
func RowMajor(s tensor.Shape) []int { return AppendRowMajor(nil, s) }

// AppendRowMajor appends them to out.
func AppendRowMajor(out []int, s tensor.Shape) []int {
	from := len(out)
	out = append(out, s...)
	step := 1
	for d := len(s) - 1; d >= 0; d-- {
		out[from+d] = step
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
