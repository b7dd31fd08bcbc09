package dense

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/splitter/layout"
)

// single lays the whole graph into one shard: one stage, nothing local. Any graph will do: inputs and outputs of every
// rank, with rows or without.
func (p *plan) single(l *layout.Layout) error {
	m := p.v.Model
	f := newWeightsFile(m, "shard-000.safetensors")
	g := wholeGraph(m, stageName(0), f.use)
	st := &manifest.Stage{Shards: []int{0}}
	for _, in := range g.Inputs {
		st.Inputs = append(st.Inputs, manifest.StageInput{Name: in.Name, Value: in.Name, Scatter: manifest.Scatter{Kind: manifest.ScatterReplicate}})
	}
	for _, out := range g.Outputs {
		if !out.Ranked {
			return &layout.RefusalError{Subject: "output " + out.Name, Reason: "its rank is not known", Remedy: "run onnx.shape_inference on the model and make its shapes explicit"}
		}
		st.Outputs = append(st.Outputs, manifest.StageOutput{Value: out.Name, Placement: manifest.Placement{Kind: "shard"},
			Merge:      manifest.Merge{Kind: manifest.MergeConcat, DType: out.DType},
			Components: []manifest.Component{{Role: "value", Name: out.Name, DType: out.DType, Shape: m.Dims(out.Dims)}}})
	}
	programs := []manifest.Program{{Step: stageName(0), Engine: engineName, Graph: "shard-000." + stageName(0) + ".onnx"}}
	files, memory, err := emit(0, f, []*graph.Graph{g}, programs)
	if err != nil {
		return fmt.Errorf("shard 0/1: %w", err)
	}
	l.Manifest.Shards = []manifest.Shard{{Files: []manifest.File{}, Programs: programs, Memory: memory}}
	l.Manifest.Local.Memory = manifest.Memory{Fixed: fixedBytes}
	l.Manifest.Steps = []manifest.Step{{Name: stageName(0), Stage: st}}
	l.Files = append(l.Files, files...)
	return nil
}

// wholeGraph is the model's graph with its weights as use gives them.
func wholeGraph(m *Model, name string, use func(*graph.Graph, part) string) *graph.Graph {
	g := newGraph(m, name)
	g.Outputs = m.Graph.Outputs
	read := map[string]bool{}
	for _, n := range m.Graph.Nodes {
		c := *n
		c.Inputs = slices.Clone(n.Inputs)
		for i, in := range c.Inputs {
			read[in] = true
			if w := m.Graph.Weights[in]; w != nil {
				c.Inputs[i] = use(g, whole(w))
			}
		}
		g.Nodes = append(g.Nodes, &c)
	}
	for _, in := range m.Graph.Inputs {
		if read[in.Name] {
			g.Inputs = append(g.Inputs, in)
		}
	}
	return g
}

// reference adds the unsharded graph. Small constants stand in it, the others are named as the shards' origins name them.
func (p *plan) reference(l *layout.Layout) error {
	g := wholeGraph(p.v.Model, "reference", func(g *graph.Graph, x part) string {
		w := *x.w
		if !inline(x.w) {
			w.Data, w.Location, w.Offset, w.Length = nil, unsharded, 0, bytes(x.w)
		}
		g.Weights[w.Name] = &w
		return w.Name
	})
	data, err := onnx.Encode(g)
	if err != nil {
		return err
	}
	l.Files = append(l.Files, layout.File{Shard: layout.CoordinatorFile, Role: manifest.RoleReference, Path: ReferenceFile, Bytes: data})
	return nil
}
