package trees

import (
	"context"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// The coordinator's files.
const (
	coordinatorProgram = "coordinator.onnx"
	coordinatorWeights = "coordinator.safetensors"
)

// opsets are the domains that the programs use.
func opsets() map[string]int64 {
	return map[string]int64{"": 17, graph.ShardwiseDomain: trees.Version}
}

// external describes the tensors of a weights file as external data of a graph.
func external(file string, tensors []shardfile.Declared) (map[string]*graph.Weight, error) {
	offsets, err := shardfile.Offsets(tensors, nil)
	if err != nil {
		return nil, fmt.Errorf("lay out %s: %w", file, err)
	}
	weights := map[string]*graph.Weight{}
	for i, t := range tensors {
		n, err := t.Shape.Elements()
		if err != nil {
			return nil, fmt.Errorf("lay out %s: tensor %s: %w", file, t.Name, err)
		}
		weights[t.Name] = &graph.Weight{Name: t.Name, DType: t.DType, Shape: t.Shape, Location: file,
			Offset: offsets[i], Length: int64(n) * int64(t.DType.Size())}
	}
	return weights, nil
}

// matrix is a graph value of rows and columns; columns -1 is unknown.
func matrix(name string, d tensor.DType, columns int) graph.Value {
	return graph.Value{Name: name, DType: d, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: columns}}}
}

// vector is a matrix, or for one column just rows.
func vector(name string, d tensor.DType, columns int) graph.Value {
	v := matrix(name, d, columns)
	if columns == 1 {
		v.Dims = v.Dims[:1]
	}
	return v
}

// program is the shard's graph: the ensemble, and the library's leaf indices from the leaves' nodes.
func (r *recipe) program(base string, columns int) ([]byte, error) {
	weights, err := external(base+".safetensors", r.tensors)
	if err != nil {
		return nil, err
	}
	g := &graph.Graph{Name: base, Opsets: opsets(), Weights: weights,
		Inputs: []graph.Value{matrix(inputName, r.model.e.Library.InputDType(), columns)},
		Outputs: []graph.Value{matrix(outValues, tensor.F32, len(r.plan.Columns)), matrix(outSum, tensor.F64, r.model.e.Outputs),
			matrix(outLeaf, tensor.I32, r.hi-r.lo)},
		Nodes: []*graph.Node{
			{Name: "ensemble", Domain: graph.ShardwiseDomain, Op: trees.OpEnsemble,
				Inputs:  r.model.ensembleInputs(weights),
				Outputs: []string{outValues, outSum, leafNodes},
				Attrs:   map[string]graph.Attr{trees.AttrOutputs: {Kind: graph.AttrInt, Int: int64(r.model.e.Outputs)}}},
			{Name: "leaf", Domain: graph.ShardwiseDomain, Op: trees.OpLeaf, Inputs: []string{leafNodes, tensorLeafIDs}, Outputs: []string{outLeaf}},
		}}
	return onnx.Encode(g)
}

// ensembleInputs are the names of the tables that a TreeEnsemble reads; those that the ensemble does not need are empty.
func (m *model) ensembleInputs(weights map[string]*graph.Weight) []string {
	in := []string{inputName, tensorNodes, tensorSlots, tensorStarts, tensorFirst, tensorColumns, tensorValues, tensorCategories}
	for i, name := range in[1:] {
		if weights[name] == nil {
			in[i+1] = ""
		}
	}
	return in
}

// objectiveAttrs are the attributes of an XGBoostObjective.
func (m *model) objectiveAttrs(t trees.Transform) map[string]graph.Attr {
	text := func(s string) graph.Attr { return graph.Attr{Kind: graph.AttrString, Str: s} }
	return map[string]graph.Attr{trees.AttrObjective: text(m.e.Objective), trees.AttrTransform: text(string(t))}
}

// addCoordinator adds the table of outputs and the program of the objective.
func (m *model) addCoordinator(l *layout.Layout, t trees.Transform) error {
	k := m.e.Outputs
	program, err := onnx.Encode(&graph.Graph{Name: objectiveName, Opsets: opsets(),
		Inputs:  []graph.Value{vector(outMargin, tensor.F32, k)},
		Outputs: []graph.Value{vector(outPrediction, tensor.F32, t.Columns(k))},
		Nodes: []*graph.Node{{Name: objectiveName, Domain: graph.ShardwiseDomain, Op: trees.OpObjective,
			Inputs: []string{outMargin}, Outputs: []string{outPrediction},
			Attrs: m.objectiveAttrs(t)}}})
	if err != nil {
		return err
	}
	table := shardfile.Declared{Name: tableName, DType: tensor.I32, Shape: tensor.Shape{m.leafColumns(0, len(m.e.Trees))}}
	write := func(_ context.Context, _ int, w io.Writer) error {
		for i := range m.e.Trees {
			outputs := make([]int32, 0, len(m.e.Trees[i].Outputs))
			for _, o := range m.e.Trees[i].Outputs {
				outputs = append(outputs, int32(o))
			}
			if err := writeAll(w, outputs); err != nil {
				return err
			}
		}
		return nil
	}
	l.Files = append(l.Files,
		layout.File{Shard: layout.CoordinatorFile, Role: "weights", Path: coordinatorWeights,
			Weights: &layout.Weights{Tensors: []shardfile.Declared{table}, Write: write}},
		layout.File{Shard: layout.CoordinatorFile, Role: "program", Path: coordinatorProgram, Bytes: program})
	return nil
}
