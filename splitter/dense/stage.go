package dense

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// engineName is the engine that every program needs.
const engineName = "native"

// newGraph is an empty program over the model's operator sets.
func newGraph(m *Model, name string) *graph.Graph {
	return &graph.Graph{Name: name, Opsets: maps.Clone(m.Graph.Opsets), Weights: map[string]*graph.Weight{}}
}

// partialName is the value that a layer cut by rows yields: what its bias is added to.
func (p *plan) partialName(l *layer) string {
	if l.bias == nil {
		return l.out
	}
	name := l.out + "/partial"
	for p.v.Values[name].Name != "" {
		name += "_"
	}
	return name
}

// inputDim and outputDim are the dimensions of the layer's matrix that its inputs and outputs run along.
func (l *layer) inputDim() int {
	if l.transB {
		return 1
	}
	return 0
}

func (l *layer) outputDim() int { return 1 - l.inputDim() }

// columnNode is the layer with columns [lo, hi) of its outputs.
func (p *plan) columnNode(g *graph.Graph, f *weightsFile, l *layer, lo, hi int) *graph.Node {
	n := *p.v.node(l.node)
	n.Inputs = []string{l.x, f.use(g, part{w: l.w, dim: l.outputDim(), lo: lo, hi: hi})}
	if l.bias != nil {
		n.Inputs = append(n.Inputs, f.use(g, columnsOf(l.bias, l.n, lo, hi)))
	}
	return &n
}

// columnsOf is the part of a constant that belongs to columns [lo, hi) of width columns; one value serves them all.
func columnsOf(w *graph.Weight, width, lo, hi int) part {
	last := len(w.Shape) - 1
	if last < 0 || w.Shape[last] == 1 || w.Shape[last] != width {
		return whole(w)
	}
	return part{w: w, dim: last, lo: lo, hi: hi}
}

// rowNode is the layer over the inputs [lo, hi), without its bias.
func (p *plan) rowNode(g *graph.Graph, f *weightsFile, l *layer, lo, hi int) *graph.Node {
	n := *p.v.node(l.node)
	n.Attrs = maps.Clone(n.Attrs)
	delete(n.Attrs, "beta")
	n.Inputs = []string{l.x, f.use(g, part{w: l.w, dim: l.inputDim(), lo: lo, hi: hi})}
	n.Outputs = []string{p.partialName(l)}
	if l.gemm && g.Opsets[""] < 11 {
		// C was not optional yet.
		zero := &graph.Weight{Name: l.out + "/zero", DType: l.w.DType, Shape: tensor.Shape{1}, Data: make([]byte, l.w.DType.Size())}
		g.Weights[zero.Name] = zero
		n.Inputs = append(n.Inputs, zero.Name)
	}
	return &n
}

// shardProgram is the graph of a shard in a stage: what it computes of columns or inputs [lo, hi).
func (p *plan) shardProgram(i int, name string, f *weightsFile, lo, hi int) *graph.Graph {
	grp, m := &p.groups[i], p.v.Model
	first := &p.layers[grp.first]
	g := newGraph(m, name)
	in := m.Values[first.x]
	in.Dims = slices.Clone(in.Dims)
	if grp.how == byRows {
		in.Dims[len(in.Dims)-1] = graph.Dim{Size: hi - lo}
		g.Nodes = []*graph.Node{p.rowNode(g, f, first, lo, hi)}
	} else {
		g.Nodes = []*graph.Node{p.columnNode(g, f, first, lo, hi)}
		for _, j := range p.region[i].nodes {
			n := *p.v.node(j)
			n.Inputs = slices.Clone(n.Inputs)
			for k, name := range n.Inputs {
				if w := m.Graph.Weights[name]; w != nil {
					n.Inputs[k] = f.use(g, columnsOf(w, grp.width, lo, hi))
				}
			}
			g.Nodes = append(g.Nodes, &n)
		}
		for _, j := range grp.rows {
			g.Nodes = append(g.Nodes, p.rowNode(g, f, &p.layers[j], lo, hi))
		}
	}
	g.Inputs = []graph.Value{in}
	for _, o := range p.outputs(i) {
		v := m.Values[o.of]
		v.Name, v.Dims = o.value, slices.Clone(v.Dims)
		if !o.partial {
			v.Dims[len(v.Dims)-1] = graph.Dim{Size: hi - lo}
		}
		g.Outputs = append(g.Outputs, v)
	}
	return g
}

// stageOutput is a value that a stage yields: a sum of partials, or a concatenation along the last dimension. of is the
// value of the model that has its type.
type stageOutput struct {
	value, of string
	partial   bool
}

func (p *plan) outputs(i int) []stageOutput {
	grp := &p.groups[i]
	first := &p.layers[grp.first]
	if grp.how == byRows {
		return []stageOutput{{value: p.partialName(first), of: first.out, partial: true}}
	}
	var out []stageOutput
	var also []int
	for _, j := range grp.rows {
		also = append(also, p.layers[j].node)
	}
	for _, name := range p.v.exits(first, &p.region[i], also) {
		out = append(out, stageOutput{value: name, of: name})
	}
	for _, j := range grp.rows {
		out = append(out, stageOutput{value: p.partialName(&p.layers[j]), of: p.layers[j].out, partial: true})
	}
	return out
}

// stage is the manifest's description of a stage over all shards.
func (p *plan) stage(i int) *manifest.Stage {
	grp := &p.groups[i]
	x := p.v.Values[p.layers[grp.first].x]
	cuts := bounds(grp.width, p.shards)
	scatter := manifest.Scatter{Kind: manifest.ScatterReplicate}
	if grp.how == byRows {
		scatter = manifest.Scatter{Kind: manifest.ScatterSlice, Dim: len(x.Dims) - 1, Bounds: cuts}
	}
	st := &manifest.Stage{Shards: indices(p.shards), Inputs: []manifest.StageInput{{Name: x.Name, Value: x.Name, Scatter: scatter}}}
	for _, o := range p.outputs(i) {
		v := p.v.Values[o.of]
		shape := p.v.Dims(v.Dims)
		out := manifest.StageOutput{Value: o.value, Placement: manifest.Placement{Kind: "partial", Op: "sum"},
			Merge: manifest.Merge{Kind: manifest.MergeSum, DType: v.DType, Acc: tensor.F64}}
		if !o.partial {
			last := len(v.Dims) - 1
			out.Placement = manifest.Placement{Kind: "shard", Dim: last}
			out.Merge = manifest.Merge{Kind: manifest.MergeConcat, DType: v.DType, Dim: last, Bounds: cuts}
			shape[last] = manifest.Dim{Name: "columns"}
			if grp.width%p.shards == 0 {
				shape[last] = manifest.Dim{Size: grp.width / p.shards}
			}
		}
		out.Components = []manifest.Component{{Role: "value", Name: o.value, DType: v.DType, Shape: shape}}
		st.Outputs = append(st.Outputs, out)
	}
	return st
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func stageName(i int) string { return fmt.Sprintf("stage-%d", i) }

func localName(i int) string { return fmt.Sprintf("local-%d", i) }
