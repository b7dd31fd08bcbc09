package reduce

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// axisSet marks the reduced axes of a shape, a bit each.
type axisSet uint64

func (set axisSet) has(d int) bool { return set>>d&1 != 0 }

// axesOf resolves a list of axes; an empty one means all.
func axesOf(list []int64, x *tensor.Tensor) (set axisSet, err error) {
	if x.Rank() > 64 {
		return 0, fmt.Errorf("%v has more than 64 dimensions", x)
	}
	for _, a := range list {
		axis, ok := engine.Axis(a, x.Rank())
		if !ok {
			return 0, fmt.Errorf("axis %d does not lie in %v", a, x)
		}
		set |= 1 << axis
	}
	if len(list) == 0 {
		set = 1<<x.Rank() - 1
	}
	return set, nil
}

// reduced appends the shape without the axes, or with 1 in their places, to out.
func (set axisSet) reduced(out, s tensor.Shape, keep bool) tensor.Shape {
	for d, n := range s {
		switch {
		case !set.has(d):
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
		if set.has(d) {
			n *= size
		}
	}
	return n
}

// loop visits the elements of a shape in runs; operand 0 is the result's element, which stands still along the axes.
func (set axisSet) loop(s tensor.Shape) strided.Loop {
	var few [8]int
	step := append(few[:0], s...)
	next := 1
	for d := len(s) - 1; d >= 0; d-- {
		step[d] = 0
		if !set.has(d) {
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
