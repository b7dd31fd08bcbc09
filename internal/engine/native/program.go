package native

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxPlans bounds the plans that are kept, because callers choose the sets of outputs.
const maxPlans = 64

// program implements engine.Program.
type program struct {
	name      string
	inputs    []graph.Value
	outputs   map[string]int
	order     []string // output names as the graph lists them
	steps     []step
	slots     int
	constants *constants

	arenas sync.Pool
	mu     sync.Mutex
	plans  map[string]*plan // guarded by mu; by wanted outputs
}

// Run implements engine.Program.
func (p *program) Run(ctx context.Context, in tensor.Named, want []string) (tensor.Named, error) {
	if len(want) == 0 {
		want = p.order
	}
	pl, err := p.planFor(want)
	if err != nil {
		return nil, err
	}
	if err := p.checkInputs(in, pl); err != nil {
		return nil, err
	}
	a, _ := p.arenas.Get().(*arena)
	if a == nil {
		a = &arena{inUse: map[*byte]*buffer{}}
	}
	r := &run{p: p, plan: pl, arena: a, values: make([]*tensor.Tensor, p.slots)}
	defer func() {
		a.reset()
		p.arenas.Put(a)
	}()
	for i, v := range p.inputs {
		r.values[i] = in[v.Name] // inputs have the first slots
	}
	if err := r.steps(ctx); err != nil {
		return nil, err
	}
	out := make(tensor.Named, len(want))
	for _, name := range want {
		out[name] = r.output(p.outputs[name], in)
	}
	return out, nil
}

// plan is what a set of wanted outputs needs.
type plan struct {
	steps     []planned
	constants []int
	inputs    []bool // which graph inputs are needed
}

// planned is a step with what is known of it in a plan.
type planned struct {
	step
	want  []bool
	last  []int // slots that are used for the last time here
	fresh bool  // an output is a wanted one, so its memory must be the caller's
}

func (p *program) planFor(want []string) (*plan, error) {
	names := slices.Clone(want)
	slices.Sort(names)
	names = slices.Compact(names)
	for _, n := range names {
		if _, ok := p.outputs[n]; !ok {
			return nil, &engine.InputError{Input: "(wanted outputs)", Want: "some of " + strings.Join(p.order, ", "), Found: n}
		}
	}
	key := strings.Join(names, "\x00")
	p.mu.Lock()
	defer p.mu.Unlock()
	if pl, ok := p.plans[key]; ok {
		return pl, nil
	}
	pl := p.plan(names)
	if p.plans == nil {
		p.plans = map[string]*plan{}
	}
	if len(p.plans) < maxPlans {
		p.plans[key] = pl
	}
	return pl, nil
}

// plan walks backwards from the outputs and keeps the steps that they need.
func (p *program) plan(names []string) *plan {
	needed, wanted := make([]bool, p.slots), make([]bool, p.slots)
	for _, n := range names {
		needed[p.outputs[n]], wanted[p.outputs[n]] = true, true
	}
	used := slices.Clone(needed) // outputs live to the end
	pl := &plan{inputs: make([]bool, len(p.inputs))}
	for _, s := range slices.Backward(p.steps) {
		st := planned{step: s, want: make([]bool, len(s.out))}
		any := false
		for i, slot := range s.out {
			if slot != none && needed[slot] {
				st.want[i], any = true, true
				st.fresh = st.fresh || wanted[slot]
			}
		}
		if !any {
			continue
		}
		for _, slot := range s.in {
			if slot == none {
				continue
			}
			if !used[slot] {
				st.last, used[slot] = append(st.last, slot), true
			}
			needed[slot] = true
		}
		pl.steps = append(pl.steps, st)
	}
	slices.Reverse(pl.steps)
	for i := range p.inputs {
		pl.inputs[i] = needed[i]
	}
	for i, c := range p.constants.slots {
		if needed[c.slot] {
			pl.constants = append(pl.constants, i)
		}
	}
	return pl
}

// run is one run of a plan.
type run struct {
	p      *program
	plan   *plan
	arena  *arena
	values []*tensor.Tensor
}

func (r *run) steps(ctx context.Context) error {
	for _, i := range r.plan.constants {
		t, err := r.p.constants.get(i)
		if err != nil {
			return fmt.Errorf("run %s: %w", r.p.name, err)
		}
		r.values[r.p.constants.slots[i].slot] = t
	}
	for i := range r.plan.steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("run %s: %w", r.p.name, err)
		}
		s := &r.plan.steps[i]
		if err := r.step(ctx, s); err != nil {
			return fmt.Errorf("run %s: node %s (%s): %w", r.p.name, s.node.Name, s.node.Op, err)
		}
	}
	return nil
}

func (r *run) step(ctx context.Context, s *planned) error {
	c := &engine.Call{Ctx: ctx, In: make([]*tensor.Tensor, len(s.in)), Want: s.want, Out: make([]*tensor.Tensor, len(s.out))}
	if !s.fresh {
		c.Alloc = r.arena.alloc
	}
	for i, slot := range s.in {
		if slot != none {
			c.In[i] = r.values[slot]
		}
	}
	if err := checkDTypes(s.node, s.takes, c.In); err != nil {
		return err
	}
	if err := s.kernel.Run(c); err != nil {
		return err
	}
	for i, slot := range s.out {
		if !s.want[i] {
			continue
		}
		if c.Out[i] == nil {
			return fmt.Errorf("the kernel set no output %d, which is a bug", i)
		}
		r.values[slot] = c.Out[i]
		r.arena.hold(c.Out[i])
	}
	r.arena.sweep()
	for _, slot := range s.last {
		r.arena.drop(r.values[slot])
		r.values[slot] = nil
	}
	return nil
}

// output makes a value the caller's own: what views an input, a constant or a buffer of the arena is copied.
func (r *run) output(slot int, in tensor.Named) *tensor.Tensor {
	t := r.values[slot]
	shared := r.arena.owns(t) != nil
	for _, i := range in {
		shared = shared || overlaps(i, t)
	}
	for i := range r.p.constants.slots {
		if c := r.p.constants.slots[i].tensor.Load(); c != nil {
			shared = shared || overlaps(c, t)
		}
	}
	// A view of another wanted output would be one buffer with two owners; nodes that only view are the only ones that
	// make such a value.
	for name, other := range r.p.outputs {
		if other < slot && r.values[other] != nil && name != "" {
			shared = shared || overlaps(r.values[other], t)
		}
	}
	if !shared {
		return t
	}
	return clone(t)
}

func overlaps(a, b *tensor.Tensor) bool {
	x, y := a.Bytes(), b.Bytes()
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	xp, yp := uintptr(unsafe.Pointer(&x[0])), uintptr(unsafe.Pointer(&y[0]))
	return xp < yp+uintptr(len(y)) && yp < xp+uintptr(len(x))
}

func clone(t *tensor.Tensor) *tensor.Tensor {
	if t.DType() == tensor.String {
		c, err := tensor.StringsFromBytes(t.Shape(), slices.Clone(t.Offsets()), slices.Clone(t.Bytes()))
		if err != nil {
			panic("native: " + err.Error())
		}
		return c
	}
	c := tensor.New(t.DType(), t.Shape()...)
	copy(c.Bytes(), t.Bytes())
	return c
}
