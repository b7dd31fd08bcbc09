package reduce

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// axisSet marks the reduced axes of a shape.
type axisSet []bool

// axesOf resolves a list of axes; an empty one means all.
func axesOf(list []int64, x *tensor.Tensor) (axisSet, error) {
	set := make(axisSet, x.Rank())
	for _, a := range list {
		axis, ok := engine.Axis(a, x.Rank())
		if !ok {
			return nil, fmt.Errorf("axis %d does not lie in %v", a, x)
		}
		set[axis] = true
	}
	for d := range set {
		set[d] = set[d] || len(list) == 0
	}
	return set, nil
}

// reduced is the shape without the axes, or with 1 in their places.
func (set axisSet) reduced(s tensor.Shape, keep bool) tensor.Shape {
	out := make(tensor.Shape, 0, len(s))
	for d, n := range s {
		switch {
		case !set[d]:
			out = append(out, n)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}

// count is how many elements go into one result.
func (set axisSet) count(s tensor.Shape) int {
	n := 1
	for d, size := range s {
		if set[d] {
			n *= size
		}
	}
	return n
}

// loop visits the elements of a shape in runs; operand 0 is the result's element, which stands still along the axes.
func (set axisSet) loop(s tensor.Shape) *strided.Loop {
	step := make([]int, len(s))
	next := 1
	for d := len(s) - 1; d >= 0; d-- {
		if !set[d] {
			step[d] = next
			next *= s[d]
		}
	}
	return strided.Over(s, step)
}

// gather folds x into the accumulators, which hold the fold's start.
func gather[A accumulator, T number](f fold, acc []A, x []T, l *strided.Loop) {
	for ok := l.Start(); ok; ok = l.Next() {
		run := x[l.Out : l.Out+l.Run]
		if l.Inner[0] == 0 {
			acc[l.At[0]] = along(f, acc[l.At[0]], run)
		} else {
			into(f, acc[l.At[0]:], run)
		}
	}
}
