package native

import (
	"slices"
	"sync"

	"github.com/shardwise/shardwise/internal/tensor"
)

// maxLayouts bounds the memory layouts that are kept, because callers choose the input shapes.
const maxLayouts = 8

// schedule is what some outputs of a block need. It is safe for concurrent use.
type schedule struct {
	block            *block
	steps            []planned
	constants        []use
	needs            []bool // which inputs are needed
	outputs          []int  // slots
	ins, outs, outer int    // sizes of a frame's windows

	frames  sync.Pool // *frame without a layout
	mu      sync.Mutex
	layouts []*layout // guarded by mu; the last used first
}

// planned is a step with what is known of it in a schedule.
type planned struct {
	step
	want                 []bool
	last                 []int // slots that are used for the last time here
	fresh                bool  // an output is a wanted one, so its memory must be the caller's
	inAt, outAt, outerAt int   // where its windows begin
}

// schedule walks backwards from the wanted slots and keeps the steps that they need.
func (b *block) schedule(outputs []int) *schedule {
	needed, wanted := make([]bool, b.slots), make([]bool, b.slots)
	for _, slot := range outputs {
		needed[slot], wanted[slot] = true, true
	}
	used := slices.Clone(needed) // outputs live to the end
	s := &schedule{block: b, needs: make([]bool, len(b.declared.Inputs)), outputs: outputs}
	for _, st := range slices.Backward(b.steps) {
		p := planned{step: st, want: make([]bool, len(st.out))}
		any := false
		for i, slot := range st.out {
			if slot != none && needed[slot] {
				p.want[i], any = true, true
				p.fresh = p.fresh || wanted[slot]
			}
		}
		if !any {
			continue
		}
		for _, slots := range [][]int{st.in, st.outer} {
			for _, slot := range slots {
				if slot == none {
					continue
				}
				if !used[slot] {
					p.last, used[slot] = append(p.last, slot), true
				}
				needed[slot] = true
			}
		}
		s.steps = append(s.steps, p)
	}
	slices.Reverse(s.steps)
	for i := range s.steps {
		p := &s.steps[i]
		p.inAt, p.outAt, p.outerAt = s.ins, s.outs, s.outer
		s.ins, s.outs, s.outer = s.ins+len(p.in), s.outs+len(p.out), s.outer+len(p.outer)
	}
	copy(s.needs, needed)
	for _, u := range b.constants {
		if needed[u.slot] {
			s.constants = append(s.constants, u)
		}
	}
	return s
}

// take prepares a frame for a run with these inputs and, by index, these values from around.
func (s *schedule) take(in, around []*tensor.Tensor, outer []int) *frame {
	f := s.frame(s.layout(in, around, outer))
	copy(f.values, in)
	for i := range in {
		f.roots[i] = ofInput
	}
	for i, at := range outer {
		slot := s.block.outer[i]
		f.values[slot], f.roots[slot] = around[at], ofInput
	}
	return f
}

// layout finds the memory layout for the inputs' shapes, or begins one.
func (s *schedule) layout(in, around []*tensor.Tensor, outer []int) *layout {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range s.layouts {
		if l.fits(in, around, outer) {
			copy(s.layouts[1:i+1], s.layouts[:i])
			s.layouts[0] = l
			l.settle()
			return l
		}
	}
	l := newLayout(in, around, outer)
	if len(s.layouts) < maxLayouts {
		s.layouts = append(s.layouts, nil)
	}
	copy(s.layouts[1:], s.layouts)
	s.layouts[0] = l
	return l
}

// frame takes a frame from the layout's pool, or one that records how the layout's memory is used.
func (s *schedule) frame(l *layout) *frame {
	pool := &s.frames
	if l.settled.Load() {
		pool = &l.frames
	}
	f, _ := pool.Get().(*frame)
	if f == nil {
		f = newFrame(s)
		if pool == &l.frames {
			l.furnish(f)
		}
	}
	f.pool, f.layout, f.follows = pool, l, pool == &l.frames
	f.begin()
	return f
}
