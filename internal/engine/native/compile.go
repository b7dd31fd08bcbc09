package native

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// none is the slot of an absent optional input or output.
const none = -1

// step is one compiled node.
type step struct {
	node    *graph.Node
	kernel  engine.Kernel
	in, out []int          // slots
	takes   []engine.Types // by input, nil when any dtype runs
}

// compiler turns a graph into a program: values become slots.
type compiler struct {
	engine  *Native
	g       *graph.Graph
	slots   map[string]int
	dtypes  func(name string) tensor.DType // of the values whose dtype is known, Invalid for the others
	program *program
}

func (c *compiler) run() error {
	p := c.program
	for _, v := range c.g.Inputs {
		if err := c.define(v.Name, "graph input"); err != nil {
			return err
		}
	}
	for _, n := range c.g.Nodes {
		s := step{node: n}
		for _, name := range n.Inputs {
			slot, err := c.use(name)
			if err != nil {
				return fmt.Errorf("node %s (%s): %w", n.Name, n.Op, err)
			}
			s.in = append(s.in, slot)
		}
		var err error
		if s.kernel, s.takes, err = c.kernel(n); err != nil {
			return err
		}
		for _, name := range n.Outputs {
			if name == "" {
				s.out = append(s.out, none)
				continue
			}
			if err := c.define(name, "node "+n.Name+" ("+n.Op+")"); err != nil {
				return err
			}
			s.out = append(s.out, c.slots[name])
		}
		p.steps = append(p.steps, s)
	}
	for _, v := range c.g.Outputs {
		slot, err := c.use(v.Name)
		if err != nil {
			return fmt.Errorf("graph output: %w", err)
		}
		if _, twice := p.outputs[v.Name]; twice || slot == none {
			return fmt.Errorf("graph output %q has no name or stands twice", v.Name)
		}
		p.outputs[v.Name] = slot
		p.order = append(p.order, v.Name)
	}
	return nil
}

// define gives a value its slot; each value is defined once.
func (c *compiler) define(name, by string) error {
	_, weight := c.g.Weights[name]
	if _, twice := c.slots[name]; twice || weight || name == "" {
		return fmt.Errorf("%s: the value %q has no name or is defined twice", by, name)
	}
	c.slots[name] = c.program.slots
	c.program.slots++
	return nil
}

// use finds the slot of a value that has been defined, or of a constant, which gets its slot when it is first used.
func (c *compiler) use(name string) (int, error) {
	if name == "" {
		return none, nil
	}
	if slot, ok := c.slots[name]; ok {
		return slot, nil
	}
	w, ok := c.g.Weights[name]
	if !ok {
		return none, fmt.Errorf("the value %q is not defined before it is used (nodes stand in topological order)", name)
	}
	slot := c.program.slots
	c.slots[name] = slot
	c.program.slots++
	return slot, c.program.constants.add(slot, name, w)
}

// declared is the dtype of a graph input or a weight, Invalid for other values.
func declared(g *graph.Graph) func(name string) tensor.DType {
	inputs := map[string]tensor.DType{}
	for _, v := range g.Inputs {
		inputs[v.Name] = v.DType
	}
	return func(name string) tensor.DType {
		if w, ok := g.Weights[name]; ok {
			return w.DType
		}
		return inputs[name]
	}
}

func (c *compiler) kernel(n *graph.Node) (engine.Kernel, []engine.Types, error) {
	op, version, err := c.operator(n)
	if err != nil {
		return nil, nil, err
	}
	if err := refuseDTypes(n, &op, c.dtypes); err != nil {
		return nil, nil, err
	}
	site := &engine.Site{Node: n, Opset: version, Weights: c.program.constants, Const: func(i int) *graph.Weight {
		if i >= len(n.Inputs) {
			return nil
		}
		return c.g.Weights[n.Inputs[i]]
	}}
	k, err := op.Build(site)
	if err == nil && op.Half {
		k = halved{k}
	}
	return k, takes(&op, len(n.Inputs)), err
}
