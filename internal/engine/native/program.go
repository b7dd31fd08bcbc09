package native

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxPlans bounds the plans that are kept, because callers choose the sets of outputs.
const maxPlans = 64

// program implements engine.Program.
type program struct {
	name    string
	inputs  []graph.Value
	outputs map[string]int // slots
	order   []string       // output names as the graph lists them
	block   *block
	all     *plan // of every output

	mu    sync.Mutex
	plans map[string]*plan // guarded by mu; by wanted outputs, as they were asked for
}

// plan is what a set of wanted outputs needs.
type plan struct {
	names    []string
	schedule *schedule
}

func (e *Native) program(g *graph.Graph, b *block) (*program, error) {
	p := &program{name: g.Name, inputs: g.Inputs, block: b, outputs: map[string]int{}, plans: map[string]*plan{}}
	for i, v := range g.Outputs {
		if _, twice := p.outputs[v.Name]; twice {
			return nil, fmt.Errorf("graph output %q stands twice", v.Name)
		}
		p.outputs[v.Name] = b.outputs[i]
		p.order = append(p.order, v.Name)
	}
	p.all = p.plan(p.order)
	return p, nil
}

// Run implements engine.Program.
func (p *program) Run(ctx context.Context, in tensor.Named, want []string) (tensor.Named, error) {
	pl, err := p.planFor(want)
	if err != nil {
		return nil, err
	}
	if err := engine.CheckInputs(p.name, p.inputs, pl.schedule.needs, in); err != nil {
		return nil, err
	}
	var few [8]*tensor.Tensor // more inputs than these are rare
	values := few[:0]
	for _, v := range p.inputs {
		values = append(values, in[v.Name])
	}
	f := pl.schedule.take(values, nil, nil)
	defer f.release()
	if err := f.run(ctx); err != nil {
		return nil, fmt.Errorf("run %s: %w", p.name, err)
	}
	out := make(tensor.Named, len(pl.names))
	for i, name := range pl.names {
		if _, sequence := f.values[pl.schedule.outputs[i]].Items(); sequence {
			return nil, fmt.Errorf("run %s: output %s is a sequence, and outputs are tensors", p.name, name)
		}
		out[name] = f.output(i, true)
	}
	f.keep()
	return out, nil
}

func (p *program) planFor(want []string) (*plan, error) {
	if len(want) == 0 {
		return p.all, nil
	}
	var few [128]byte
	key := few[:0]
	for _, n := range want {
		key = append(append(key, n...), 0)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if pl, ok := p.plans[string(key)]; ok {
		return pl, nil
	}
	names := slices.Clone(want)
	slices.Sort(names)
	names = slices.Compact(names)
	for _, n := range names {
		if _, ok := p.outputs[n]; !ok {
			return nil, &engine.InputError{Input: "(wanted outputs)", Want: "some of " + strings.Join(p.order, ", "), Found: n}
		}
	}
	pl := p.plan(names)
	if len(p.plans) < maxPlans {
		p.plans[string(key)] = pl
	}
	return pl, nil
}

func (p *program) plan(names []string) *plan {
	pl := &plan{names: names}
	slots := make([]int, len(names))
	for i, n := range names {
		slots[i] = p.outputs[n]
	}
	pl.schedule = p.block.schedule(slots)
	return pl
}
