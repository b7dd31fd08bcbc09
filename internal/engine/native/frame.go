package native

import (
	"context"
	"fmt"
	"sync"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// A value's root is where its memory comes from: the index of a cell, of the layout's first and the run's own behind
// them, or one of these.
const (
	private    int32 = -1 - iota // of the value alone, made by a kernel
	ofInput                      // an input's, or a value's from around
	ofConstant                   // a weight's
)

// frame is the state of one run of a schedule. It follows a layout for as long as every step asks for the tensors of
// the layout and gives outputs with the same roots; with the first departure, every tensor that follows comes from the
// frame's own memory, so that nothing in the slab is overwritten any more. It is not safe for concurrent use.
type frame struct {
	s       *schedule
	pool    *sync.Pool
	layout  *layout
	follows bool

	values         []*tensor.Tensor // by slot
	roots          []int32          // by slot
	in, out, outer []*tensor.Tensor // windows of the steps
	cells, views   []*tensor.Tensor // of the layout; nil without one
	call           engine.Call
	at             int32 // the step
	memory         memory
	counted        int    // bytes of the layout in the budget
	trace          *trace // of a run without a layout
}

func newFrame(s *schedule) *frame {
	f := &frame{s: s, values: make([]*tensor.Tensor, s.block.slots), roots: make([]int32, s.block.slots),
		in: make([]*tensor.Tensor, s.ins), out: make([]*tensor.Tensor, s.outs), outer: make([]*tensor.Tensor, s.outer)}
	f.call.Alloc, f.memory.budget = f.alloc, s.block.budget
	return f
}

// begin makes what is fresh in each run.
func (f *frame) begin() {
	if !f.follows {
		f.trace = &trace{first: make([]int32, 0, len(f.s.steps)+1), roots: make([]int32, f.s.outs)}
		return
	}
	f.memory.budget.used.Add(int64(f.layout.bytes)) // they fitted when the layout was traced
	f.counted = f.layout.bytes
	for i, c := range f.layout.cells {
		if c.fresh {
			f.cells[i] = tensor.New(c.dtype, c.shape...)
		}
	}
}

// alloc implements Call.Alloc, where the layout has no tensor that fits.
func (f *frame) alloc(d tensor.DType, shape tensor.Shape) *tensor.Tensor {
	f.follows = false
	return f.memory.alloc(d, shape, f.s.steps[f.at].fresh, f.at)
}

func (f *frame) run(ctx context.Context) error {
	for _, u := range f.s.constants {
		t, err := u.constant.get()
		if err != nil {
			return err
		}
		f.values[u.slot], f.roots[u.slot] = t, ofConstant
	}
	f.call.Ctx = ctx
	for i := range f.s.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.at = int32(i)
		if err := f.step(&f.s.steps[i]); err != nil {
			n := f.s.steps[i].node
			return fmt.Errorf("node %s (%s): %w", n.Name, n.Op, err)
		}
	}
	return nil
}

func (f *frame) step(s *planned) error {
	c := &f.call
	c.In, c.Out, c.Outer = f.window(f.in[s.inAt:], s.in), f.out[s.outAt:s.outAt+len(s.out)], f.window(f.outer[s.outerAt:], s.outer)
	c.Want, c.Planned, c.Views = s.want, nil, nil
	if f.follows {
		c.Planned, c.Views = f.cells[f.layout.first[f.at]:f.layout.first[f.at+1]], f.views[s.outAt:s.outAt+len(s.out)]
	}
	if err := checkDTypes(s.node, s.takes, c.In); err != nil {
		return err
	}
	made := len(f.memory.cells)
	if f.trace != nil {
		f.trace.first = append(f.trace.first, int32(made))
	}
	if err := engine.Guard(s.kernel, c); err != nil {
		return err
	}
	for i, slot := range s.out {
		if !s.want[i] {
			continue
		}
		if c.Out[i] == nil {
			return fmt.Errorf("the kernel set no output %d, which is a bug", i)
		}
		f.set(s, i, slot, made)
	}
	f.memory.sweep(made, f.at)
	for _, slot := range s.last {
		if cell := f.roots[slot] - int32(len(f.cells)); cell >= 0 {
			f.memory.drop(cell, f.at)
		}
		f.values[slot] = nil
	}
	return nil
}

// window fills the beginning of w with the slots' values.
func (f *frame) window(w []*tensor.Tensor, slots []int) []*tensor.Tensor {
	w = w[:len(slots)]
	for i, slot := range slots {
		if slot != none {
			w[i] = f.values[slot]
		}
	}
	return w
}

// set enters output i of a step whose run made the cells of the memory from made on.
func (f *frame) set(s *planned, i, slot, made int) {
	t, at := f.call.Out[i], s.outAt+i
	f.values[slot] = t
	if f.follows {
		root := f.layout.roots[at]
		if root < 0 || !overlaps(f.cells[root], t) {
			root = f.root(s, t, made)
			f.follows = root == f.layout.roots[at]
		}
		f.roots[slot] = root
		if root >= 0 && t != f.cells[root] && !f.layout.cells[root].fresh {
			f.views[at] = t // its memory is the frame's, so Call.View may hand it out again
		}
		if f.follows {
			return
		}
	} else {
		f.roots[slot] = f.root(s, t, made)
	}
	if f.trace != nil {
		f.trace.roots[at] = f.roots[slot]
	}
	if cell := f.roots[slot] - int32(len(f.cells)); cell >= 0 {
		f.memory.cells[cell].held++
	}
}

// root finds where the memory of a step's output comes from: the step's own tensors, or its inputs.
func (f *frame) root(s *planned, t *tensor.Tensor, made int) int32 {
	for i := made; i < len(f.memory.cells); i++ {
		if overlaps(f.memory.cells[i].tensor, t) {
			return int32(len(f.cells) + i)
		}
	}
	if len(f.cells) > 0 {
		for i := f.layout.first[f.at]; i < f.layout.first[f.at+1]; i++ {
			if f.cells[i] != nil && overlaps(f.cells[i], t) {
				return i
			}
		}
	}
	for _, slots := range [2][]int{s.in, s.outer} {
		for _, slot := range slots {
			if slot != none && f.values[slot] != nil && overlaps(f.values[slot], t) {
				return f.roots[slot]
			}
		}
	}
	return private
}

// output is wanted output i as the receiver's own: what shares memory with an earlier output, a constant, or the
// frame is copied, and what shares it with an input when copyInputs is set.
func (f *frame) output(i int, copyInputs bool) *tensor.Tensor {
	slot := f.s.outputs[i]
	t, root := f.values[slot], f.roots[slot]
	var shared bool
	switch {
	case root >= int32(len(f.cells)):
		shared = !f.memory.cells[root-int32(len(f.cells))].own
	case root >= 0:
		shared = !f.layout.cells[root].fresh
	case root == ofConstant:
		shared = true
	case root == ofInput:
		if !copyInputs {
			return t
		}
		shared = true
	}
	for _, other := range f.s.outputs[:i] {
		shared = shared || overlaps(f.values[other], t)
	}
	if shared {
		return t.Clone()
	}
	return t
}

// keep hands the trace of a run that has ended well to the layout.
func (f *frame) keep() {
	t := f.trace
	if t == nil || f.layout.settled.Load() || f.layout.traced.Load() != nil {
		return
	}
	t.first = append(t.first, int32(len(f.memory.cells)))
	for _, c := range f.memory.cells {
		end := c.end
		if end < 0 {
			end = int32(len(f.s.steps))
		}
		t.cells = append(t.cells, spot{dtype: c.tensor.DType(), shape: c.tensor.Shape(), bytes: len(c.tensor.Bytes()), begin: c.begin, end: end})
	}
	for _, slot := range f.s.outputs {
		if root := f.roots[slot]; root >= 0 {
			t.cells[root].fresh = true
		}
	}
	f.layout.traced.Store(t)
}

// release ends the run: nothing of the caller's stays in the frame.
func (f *frame) release() {
	clear(f.values)
	clear(f.in)
	clear(f.out)
	clear(f.outer)
	f.memory.reset()
	f.memory.budget.release(f.counted)
	f.counted = 0
	if f.cells != nil {
		for i := range f.layout.cells {
			if f.layout.cells[i].fresh {
				f.cells[i] = nil
			}
		}
	}
	f.call = engine.Call{Alloc: f.call.Alloc}
	f.trace, f.layout = nil, nil
	f.pool.Put(f)
}
