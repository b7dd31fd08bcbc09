package strided

import "github.com/shardwise/shardwise/internal/tensor"

// operands is how many operands a loop may have.
const operands = 3

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

	dims  []int // outer dimensions, the first one fastest
	index []int
	steps [][operands]int
	total int // elements of the result
}

// Over plans the loop over a result of the given shape; steps are each operand's, by dimension, in elements.
func Over(shape tensor.Shape, steps ...[]int) *Loop {
	l := &Loop{Run: 1, total: 1, dims: make([]int, 0, 2*len(shape)), steps: make([][operands]int, 0, len(shape))}
	open := false // whether Run and Inner hold a dimension
	for d := len(shape) - 1; d >= 0; d-- {
		l.total *= shape[d]
		if shape[d] == 1 {
			continue
		}
		var s [operands]int
		for k := range steps {
			s[k] = steps[k][d]
		}
		if !open {
			l.Run, l.Inner, open = shape[d], s, true
			continue
		}
		l.add(shape[d], s)
	}
	n := len(l.dims)
	l.index = l.dims[n:n:cap(l.dims)]
	for range n {
		l.index = append(l.index, 0)
	}
	return l
}

// add puts a dimension outside those that are there, or merges it with the outermost one.
func (l *Loop) add(size int, s [operands]int) {
	n := len(l.dims)
	last, inner := l.Run, l.Inner
	if n > 0 {
		last, inner = l.dims[n-1], l.steps[n-1]
	}
	for k := range s {
		if s[k] != inner[k]*last {
			l.dims, l.steps = append(l.dims, size), append(l.steps, s)
			return
		}
	}
	if n > 0 {
		l.dims[n-1] *= size
		return
	}
	l.Run *= size
}

// Start goes to the first run; it is false when the result is empty.
func (l *Loop) Start() bool {
	clear(l.index)
	l.Out, l.At = 0, [operands]int{}
	return l.total > 0
}

// Next goes to the next run; it is false after the last.
func (l *Loop) Next() bool {
	l.Out += l.Run
	for d := range l.index {
		l.index[d]++
		s := &l.steps[d]
		for k := range s {
			l.At[k] += s[k]
		}
		if l.index[d] < l.dims[d] {
			return true
		}
		for k := range s {
			l.At[k] -= s[k] * l.index[d]
		}
		l.index[d] = 0
	}
	return false
}
