package elementwise

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// chunk is how many copies of a broadcast scalar stand ready, so that every inner loop runs over two slices.
const chunk = 512

// broadcastShape is numpy's broadcasting rule: dimensions match from the last, 1 stretches.
func broadcastShape(a, b tensor.Shape) (tensor.Shape, error) {
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

// walk is the loop over the result of a broadcast: an odometer over the outer dimensions and an inner run in which each
// operand either advances with the result or stands still.
type walk struct {
	outer        []int
	stepA, stepB []int // how far each operand advances per outer dimension
	run          int
	moveA, moveB bool
}

// newWalk merges trailing dimensions in which both operands behave alike into the inner run.
func newWalk(a, b, out tensor.Shape) walk {
	sa, sb := strides(a, len(out)), strides(b, len(out))
	w := walk{run: 1, moveA: true, moveB: true}
	d := len(out) - 1
	for ; d >= 0 && out[d] == 1; d-- {
	}
	if d >= 0 {
		w.moveA, w.moveB, w.run = sa[d] != 0, sb[d] != 0, out[d]
		for d--; d >= 0 && (out[d] == 1 || (sa[d] != 0) == w.moveA && (sb[d] != 0) == w.moveB); d-- {
			w.run *= out[d]
		}
	}
	w.outer, w.stepA, w.stepB = out[:d+1], sa[:d+1], sb[:d+1]
	return w
}

// strides are the operand's steps per dimension of the result, 0 where it is stretched.
func strides(s tensor.Shape, rank int) []int {
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

// each calls f for every run of the result with the operands' offsets.
func (w walk) each(f func(out, a, b int)) {
	total := 1
	for _, d := range w.outer {
		total *= d
	}
	index := make([]int, len(w.outer))
	a, b := 0, 0
	for i := range total {
		f(i*w.run, a, b)
		for d := len(index) - 1; d >= 0; d-- {
			index[d]++
			a, b = a+w.stepA[d], b+w.stepB[d]
			if index[d] < w.outer[d] {
				break
			}
			a, b = a-w.stepA[d]*index[d], b-w.stepB[d]*index[d]
			index[d] = 0
		}
	}
}

// apply runs op over the broadcast of a and b into dst.
func apply[T any](w walk, op func(dst, a, b []T), dst, a, b []T) {
	if len(dst) == 0 {
		return
	}
	var fixed []T
	if !w.moveA || !w.moveB {
		fixed = make([]T, min(chunk, w.run))
	}
	fill := func(v T) {
		for i := range fixed {
			fixed[i] = v
		}
	}
	w.each(func(o, ia, ib int) {
		d := dst[o : o+w.run]
		switch {
		case w.moveA && w.moveB:
			op(d, a[ia:ia+w.run], b[ib:ib+w.run])
		case w.moveA:
			fill(b[ib])
			for lo := 0; lo < w.run; lo += chunk {
				hi := min(lo+chunk, w.run)
				op(d[lo:hi], a[ia+lo:ia+hi], fixed[:hi-lo])
			}
		case w.moveB:
			fill(a[ia])
			for lo := 0; lo < w.run; lo += chunk {
				hi := min(lo+chunk, w.run)
				op(d[lo:hi], fixed[:hi-lo], b[ib+lo:ib+hi])
			}
		}
	})
}
