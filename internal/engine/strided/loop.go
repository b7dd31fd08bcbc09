package strided

import "github.com/shardwise/shardwise/internal/tensor"

const (
	// operands is how many operands a loop may have.
	operands = 3
	// inline is how many outer dimensions a loop holds without memory of its own.
	inline = 6
)

// Loop visits a row-major result in runs: within a run of Run elements operand k moves by Inner[k] for each element.
// Use it as
//
//	for ok := l.Start(); ok; ok = l.Next() { ... l.Out, l.At[k] ... }
//
// where Out and At[k] are the offsets of the run's first element. A Loop belongs to one goroutine.
type Loop struct {
	Run   int
	Inner [operands]int
	Out   int
	At    [operands]int

	few   [inline]outer
	more  []outer
	count int // outer dimensions, the first one fastest
	total int // elements of the result
}

// outer is a dimension outside the runs.
type outer struct {
	size, index int
	step        [operands]int
}

// Over plans the loop over a result of the given shape; steps are each operand's, by dimension, in elements.
func Over(shape tensor.Shape, steps ...[]int) Loop {
	l := Loop{Run: 1, total: 1}
	open := false // whether Run and Inner hold a dimension
	for d := len(shape) - 1; d >= 0; d-- {
		var s [operands]int
		for k := range steps {
			s[k] = steps[k][d]
		}
		l.add(&open, shape[d], s)
	}
	return l
}

// Broadcast plans the loop over a result of the given shape, to which the operands stretch.
func Broadcast(shape tensor.Shape, stretched ...tensor.Shape) Loop {
	l := Loop{Run: 1, total: 1}
	open := false
	step := [operands]int{1, 1, 1}
	for d := len(shape) - 1; d >= 0; d-- {
		var s [operands]int
		for k, from := range stretched {
			if i := d - len(shape) + len(from); i >= 0 && from[i] != 1 {
				s[k] = step[k]
				step[k] *= from[i]
			}
		}
		l.add(&open, shape[d], s)
	}
	return l
}

// add puts a dimension outside those that are there, or merges it with the outermost one.
func (l *Loop) add(open *bool, size int, s [operands]int) {
	l.total *= size
	switch {
	case size == 1:
		return
	case !*open:
		l.Run, l.Inner, *open = size, s, true
		return
	}
	last, inner := l.Run, l.Inner
	if l.count > 0 {
		d := l.at(l.count - 1)
		last, inner = d.size, d.step
	}
	for k := range s {
		if s[k] != inner[k]*last {
			l.push(outer{size: size, step: s})
			return
		}
	}
	if l.count > 0 {
		l.at(l.count - 1).size *= size
		return
	}
	l.Run *= size
}

func (l *Loop) push(d outer) {
	if l.count < inline {
		l.few[l.count] = d
	} else {
		l.more = append(l.more, d)
	}
	l.count++
}

func (l *Loop) at(d int) *outer {
	if d < inline {
		return &l.few[d]
	}
	return &l.more[d-inline]
}

// Start goes to the first run; it is false when the result is empty.
func (l *Loop) Start() bool {
	for d := range l.count {
		l.at(d).index = 0
	}
	l.Out, l.At = 0, [operands]int{}
	return l.total > 0
}

// Next goes to the next run; it is false after the last.
func (l *Loop) Next() bool {
	l.Out += l.Run
	for i := range l.count {
		d := l.at(i)
		d.index++
		for k := range d.step {
			l.At[k] += d.step[k]
		}
		if d.index < d.size {
			return true
		}
		for k := range d.step {
			l.At[k] -= d.step[k] * d.index
		}
		d.index = 0
	}
	return false
}
