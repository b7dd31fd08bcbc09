package partition

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/splitter/parts"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// localStep is what the coordinator computes after so many stages have run.
type localStep struct {
	phase   int
	nodes   []*graph.Node
	inputs  []string
	outputs []string
}

// locals gathers the nodes that no stage has, each in the earliest phase in which all that it needs is there, with the nodes
// that add to partial results what counts once.
func (b *builder) locals() ([]localStep, error) {
	phase := map[string]int{}       // value -> the first phase in which it is there
	once := map[int][]*graph.Node{} // model node whose result was partial -> what completes it
	staged := map[int]bool{}
	for k, s := range b.stages {
		for i := range s.Pieces {
			for _, n := range s.Pieces[i].All() {
				staged[n] = true
			}
		}
		outputs := s.Outputs()
		for i := range outputs {
			phase[outputs[i].Name] = k + 1
			if outputs[i].Once >= 0 {
				nodes, consts := program.OnceNodes(b.plan.Graph, &outputs[i])
				maps.Copy(b.consts, consts)
				once[outputs[i].Once] = nodes
			}
			if outputs[i].Completes >= 0 {
				nodes, consts := program.CompleteNodes(b.plan.Graph, s, &outputs[i])
				maps.Copy(b.consts, consts)
				once[outputs[i].Completes] = nodes
			}
		}
	}
	steps := make([]localStep, len(b.stages)+1)
	for i, n := range b.model.Graph.Nodes {
		nodes := once[i]
		if !staged[i] {
			nodes = []*graph.Node{n}
		}
		at := 0
		for _, n := range nodes {
			for _, in := range sharding.Reads(n) {
				at = max(at, phase[in])
			}
		}
		for _, n := range nodes {
			for _, o := range n.Outputs {
				phase[o] = at
			}
			steps[at].nodes = append(steps[at].nodes, n)
		}
	}
	for k, s := range b.stages {
		for _, in := range s.Inputs() {
			if phase[in.Value] > k {
				return nil, fmt.Errorf("stage %d needs the value %q, which is there after stage %d only: the plan's stages are in a wrong order, which is a bug", k, in.Value, phase[in.Value]-1)
			}
		}
	}
	return b.connect(steps), nil
}

// connect finds each step's inputs and outputs and drops the steps without nodes.
func (b *builder) connect(steps []localStep) []localStep {
	readBy := map[string]map[int]bool{} // value -> steps that read it
	for s := range steps {
		for _, n := range steps[s].nodes {
			for _, in := range sharding.Reads(n) {
				if readBy[in] == nil {
					readBy[in] = map[int]bool{}
				}
				readBy[in][s] = true
			}
		}
	}
	staged := map[string]bool{}
	for _, s := range b.stages {
		for _, in := range s.Inputs() {
			staged[in.Value] = true
		}
	}
	var out []localStep
	for s := range steps {
		st := &steps[s]
		st.phase = s
		made := map[string]bool{}
		for _, n := range st.nodes {
			for _, in := range sharding.Reads(n) {
				if !made[in] && !b.constant(in) && !slices.Contains(st.inputs, in) {
					st.inputs = append(st.inputs, in)
				}
			}
			for _, o := range n.Outputs {
				made[o] = true
				later := len(readBy[o]) > 1 || len(readBy[o]) == 1 && !readBy[o][s]
				if o != "" && (b.plan.Graph.Output[o] || staged[o] || later) {
					st.outputs = append(st.outputs, o)
				}
			}
		}
		if len(st.nodes) > 0 && len(st.outputs) > 0 {
			out = append(out, *st)
		}
	}
	return out
}

func (b *builder) constant(name string) bool {
	return b.model.Graph.Weights[name] != nil || b.consts[name] != nil
}

// program is the step's graph.
func (b *builder) program(st *localStep, f *parts.File) *graph.Graph {
	g := b.newGraph(localName(st.phase))
	for _, n := range st.nodes {
		c := program.WholeNode(b.model.Graph, n, g, f.Use)
		for _, in := range c.Inputs {
			if w := b.consts[in]; w != nil {
				g.Weights[in] = w
			}
		}
		g.Nodes = append(g.Nodes, c)
	}
	for _, name := range st.inputs {
		g.Inputs = append(g.Inputs, b.typeOf(name))
	}
	for _, name := range st.outputs {
		g.Outputs = append(g.Outputs, b.typeOf(name))
	}
	return g
}

// typeOf is the type of a value of the model or of a stage's partial result.
func (b *builder) typeOf(name string) graph.Value {
	if v, ok := b.model.Values[name]; ok {
		v.Name = name
		return v
	}
	for _, s := range b.stages {
		for _, o := range s.Outputs() {
			if o.Name == name {
				v := o.Type
				v.Name = name
				return v
			}
		}
	}
	return graph.Value{Name: name}
}

func (b *builder) newGraph(name string) *graph.Graph {
	return &graph.Graph{Name: name, Opsets: maps.Clone(b.model.Graph.Opsets), Weights: map[string]*graph.Weight{}}
}

func stageName(i int) string { return fmt.Sprintf("stage-%d", i) }

func localName(i int) string { return fmt.Sprintf("local-%d", i) }
