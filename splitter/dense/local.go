package dense

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// localStep is what the coordinator computes after so many stages.
type localStep struct {
	phase   int // the number of stages that have run
	nodes   []*graph.Node
	inputs  []string
	outputs []string
}

// locals gathers the nodes that no stage has, by the stage that they have to wait for.
func (p *plan) locals() []localStep {
	phase := map[string]int{} // value -> stages that must have run
	staged := map[int]bool{}  // nodes that a stage has, whole
	byRowsAt := map[int]int{} // node of a layer that is cut by rows -> index in layers
	for i, grp := range p.groups {
		for _, o := range p.outputs(i) {
			phase[o.value] = i + 1
		}
		rows := grp.rows
		if grp.how == byRows {
			rows = []int{grp.first}
		} else {
			staged[p.layers[grp.first].node] = true
			for _, j := range p.region[i].nodes {
				staged[j] = true
			}
		}
		for _, j := range rows {
			byRowsAt[p.layers[j].node] = j
		}
	}
	steps := make([]localStep, len(p.groups)+1)
	for i, n := range p.v.Graph.Nodes {
		if staged[i] {
			continue
		}
		nodes := []*graph.Node{n}
		if j, ok := byRowsAt[i]; ok {
			nodes = p.biasNodes(&p.layers[j])
		}
		at := 0
		for _, n := range nodes {
			for _, in := range n.Inputs {
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
	return p.connect(steps)
}

// biasNodes add what a layer cut by rows left out.
func (p *plan) biasNodes(l *layer) []*graph.Node {
	if l.bias == nil {
		return nil
	}
	bias := l.bias.Name
	var nodes []*graph.Node
	if beta := p.v.node(l.node).Float("beta", 1); beta != 1 {
		scaled := l.out + "/bias"
		nodes = append(nodes, &graph.Node{Name: scaled, Op: "Mul", Inputs: []string{bias, betaName(l)}, Outputs: []string{scaled}})
		bias = scaled
	}
	return append(nodes, &graph.Node{Name: p.v.node(l.node).Name + "/bias", Op: "Add", Inputs: []string{p.partialName(l), bias}, Outputs: []string{l.out}})
}

func betaName(l *layer) string { return l.out + "/beta" }

// betas are the constants that biasNodes uses, by name.
func (p *plan) betas() map[string]*graph.Weight {
	out := map[string]*graph.Weight{}
	for i := range p.layers {
		l := &p.layers[i]
		beta := p.v.node(l.node).Float("beta", 1)
		if l.bias == nil || beta == 1 {
			continue
		}
		w := &graph.Weight{Name: betaName(l), DType: l.bias.DType, Shape: tensor.Shape{1}}
		if w.DType == tensor.F64 {
			w.Data = binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(beta)))
		} else {
			w.Data = binary.LittleEndian.AppendUint32(nil, math.Float32bits(beta))
		}
		out[w.Name] = w
	}
	return out
}

// connect finds each step's inputs and outputs and drops the steps without nodes.
func (p *plan) connect(steps []localStep) []localStep {
	consts := p.betas()
	maps.Copy(consts, p.v.Graph.Weights)
	readBy := map[string]map[int]bool{} // value -> steps that read it
	for s := range steps {
		for _, n := range steps[s].nodes {
			for _, in := range n.Inputs {
				if readBy[in] == nil {
					readBy[in] = map[int]bool{}
				}
				readBy[in][s] = true
			}
		}
	}
	staged := map[string]bool{}
	for i := range p.groups {
		staged[p.layers[p.groups[i].first].x] = true
	}
	var out []localStep
	for s := range steps {
		st := &steps[s]
		st.phase = s
		made := map[string]bool{}
		for _, n := range st.nodes {
			for _, in := range n.Inputs {
				if in != "" && !made[in] && consts[in] == nil && !slices.Contains(st.inputs, in) {
					st.inputs = append(st.inputs, in)
				}
			}
			for _, o := range n.Outputs {
				made[o] = true
				later := len(readBy[o]) > 1 || len(readBy[o]) == 1 && !readBy[o][s]
				if o != "" && (p.v.output[o] || staged[o] || later) {
					st.outputs = append(st.outputs, o)
				}
			}
		}
		if len(st.nodes) > 0 {
			out = append(out, *st)
		}
	}
	return out
}

// program is the step's graph.
func (p *plan) program(st *localStep, f *weightsFile) *graph.Graph {
	g := newGraph(p.v.Model, localName(st.phase))
	betas := p.betas()
	for _, n := range st.nodes {
		c := *n
		c.Inputs = slices.Clone(n.Inputs)
		for i, in := range c.Inputs {
			if w := p.v.weight(in); w != nil {
				c.Inputs[i] = f.use(g, whole(w))
			} else if w := betas[in]; w != nil {
				g.Weights[in] = w
			}
		}
		g.Nodes = append(g.Nodes, &c)
	}
	for _, name := range st.inputs {
		g.Inputs = append(g.Inputs, p.typeOf(name))
	}
	for _, name := range st.outputs {
		g.Outputs = append(g.Outputs, p.typeOf(name))
	}
	return g
}

// typeOf is the type of a value of the model or of a partial sum's.
func (p *plan) typeOf(name string) graph.Value {
	if v, ok := p.v.Values[name]; ok {
		return v
	}
	for i := range p.layers {
		if l := &p.layers[i]; p.partialName(l) == name {
			v := p.v.Values[l.out]
			v.Name = name
			return v
		}
	}
	return graph.Value{Name: name}
}
