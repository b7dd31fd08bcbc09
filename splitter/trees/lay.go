package trees

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// Names in the plan and in the programs.
const (
	stageName     = "trees"
	objectiveName = "objective"
	inputName     = "features"
	outPrediction = "prediction"
	outMargin     = "margin"
	outLeaf       = "leaf"
	outValues     = "leaf_values"
	outSum        = "margin_sum"
	tableName     = "tree_outputs"
	modeExact     = "exact"
	modeSum       = "sum"
	engineName    = "native"
)

// lay makes the manifest and the files for shards cut at bounds.
func (m *model) lay(bounds []int, o layout.Options) (*layout.Layout, error) {
	transform, err := m.prediction()
	if err != nil {
		return nil, err
	}
	e, k := m.e, m.e.Outputs
	l := &layout.Layout{Manifest: &manifest.Manifest{
		Format: manifest.Format, Requires: []string{}, Name: o.Name, Version: o.Version, Radix: manifest.Radix,
		Sources:   m.sources(),
		Signature: m.signature(transform, sumErrors(e), k), Modes: m.modes(bounds),
		Local: &manifest.Local{Programs: []manifest.Program{{Step: objectiveName, Engine: engineName, Graph: coordinatorProgram}},
			Memory: manifest.Memory{Weights: 4 * int64(m.leafColumns(0, len(e.Trees))), Fixed: 1 << 20, PerRow: 8 * int64(k)}},
	}}
	features, scatter := m.scatter(bounds)
	for s := range len(bounds) - 1 {
		if err := m.addShard(l, s, bounds[s], bounds[s+1], features[s], scatter.Kind == manifest.ScatterSelect); err != nil {
			return nil, fmt.Errorf("shard %d/%d: %w", s, len(bounds)-1, err)
		}
	}
	if err := m.addCoordinator(l, transform); err != nil {
		return nil, err
	}
	l.Manifest.Steps = m.steps(bounds, scatter)
	return l, nil
}

func (m *model) sources() []manifest.Source {
	return []manifest.Source{{File: m.e.File, Importer: string(m.e.Library), Library: library(m.e)}}
}

// prediction is the transform from margins to predictions.
func (m *model) prediction() (trees.Transform, error) {
	t, err := trees.ObjectiveTransform(m.e.Objective, m.e.Version)
	if err != nil {
		return "", &layout.RefusalError{Subject: "objective " + m.e.Objective, Reason: err.Error(), Remedy: "train with one of the library's own objectives"}
	}
	return t, nil
}

// Lambda's limit on a synchronous reply in bytes, and the number of rows for which exact replies should stay below it.
const (
	replyLimit = 6_291_556
	replyRows  = 256
)

// modes puts exact first unless the widest shard's exact reply, in base64, is too large for replyRows rows.
func (m *model) modes(bounds []int) []string {
	widest := 0
	for s := range len(bounds) - 1 {
		widest = max(widest, m.leafColumns(bounds[s], bounds[s+1]))
	}
	if 4*widest*replyRows/3*4 > replyLimit {
		return []string{modeSum, modeExact}
	}
	return []string{modeExact, modeSum}
}

// scatter lists the features of each shard and chooses how rows get there: selecting columns pays when it leaves out at least a
// quarter of them all.
func (m *model) scatter(bounds []int) ([][]int, manifest.Scatter) {
	features := make([][]int, len(bounds)-1)
	selected := 0
	for s := range features {
		features[s] = m.tested(bounds[s], bounds[s+1])
		selected += len(features[s])
	}
	if all := len(features) * len(m.e.Features); selected*4 < all*3 && !slices.ContainsFunc(features, func(f []int) bool { return len(f) == 0 }) {
		return features, manifest.Scatter{Kind: manifest.ScatterSelect}
	}
	return features, manifest.Scatter{Kind: manifest.ScatterReplicate}
}

// addShard adds the shard and its two files.
func (m *model) addShard(l *layout.Layout, s, lo, hi int, features []int, selects bool) error {
	column, columns := func(f int) int { return f }, len(m.e.Features)
	if selects {
		column, columns = func(f int) int { i, _ := slices.BinarySearch(features, f); return i }, len(features)
	}
	plan, err := forest.NewPlan(m.e.Trees[lo:hi], column)
	if err != nil {
		return err
	}
	base := fmt.Sprintf("shard-%03d", s)
	r := &recipe{model: m, plan: plan, lo: lo, hi: hi}
	r.declare()
	program, err := r.program(base, columns)
	if err != nil {
		return err
	}
	minSum, maxSum := leafSums(m.e, lo, hi)
	l.Manifest.Shards = append(l.Manifest.Shards, manifest.Shard{
		Files:    []manifest.File{},
		Programs: []manifest.Program{{Step: stageName, Engine: engineName, Graph: base + ".onnx"}},
		Memory:   manifest.Memory{Weights: r.bytes(), Fixed: fixedBytes, PerRow: m.perRow(columns, len(plan.Columns), hi-lo)},
		Trees:    &manifest.Trees{First: lo, Count: hi - lo, Features: features, MinSum: minSum, MaxSum: maxSum},
	})
	l.Files = append(l.Files,
		layout.File{Shard: s, Role: "weights", Path: base + ".safetensors", Weights: &layout.Weights{Tensors: r.tensors, Write: r.write}},
		layout.File{Shard: s, Role: "program", Path: base + ".onnx", Bytes: program})
	return nil
}

// leafSums are the least and greatest sums that the trees' leaves can have, per output.
func leafSums(e *forest.Ensemble, lo, hi int) (minSum, maxSum []string) {
	least, greatest := make([]float64, e.Outputs), make([]float64, e.Outputs)
	for i := lo; i < hi; i++ {
		for j, o := range e.Trees[i].Outputs {
			least[o] += float64(e.Trees[i].MinLeaf[j])
			greatest[o] += float64(e.Trees[i].MaxLeaf[j])
		}
	}
	for k := range least {
		minSum, maxSum = append(minSum, manifest.HexF64(least[k])), append(maxSum, manifest.HexF64(greatest[k]))
	}
	return minSum, maxSum
}

// steps is the plan: one stage, then the objective.
func (m *model) steps(bounds []int, scatter manifest.Scatter) []manifest.Step {
	shards := make([]int, len(bounds)-1)
	for i := range shards {
		shards[i] = i
	}
	init32, init64 := make([]string, m.e.Outputs), make([]string, m.e.Outputs)
	for k, v := range m.e.Init {
		init32[k], init64[k] = manifest.HexF32(v), manifest.HexF64(float64(v))
	}
	batch := func(d manifest.Dim) []manifest.Dim { return []manifest.Dim{{Name: manifest.Batch}, d} }
	value := func(name string, d tensor.DType, dim manifest.Dim) []manifest.Component {
		return []manifest.Component{{Role: "value", Name: name, DType: d, Shape: batch(dim)}}
	}
	sum := manifest.Placement{Kind: "partial", Op: "sum"}
	squeeze := m.e.Outputs == 1
	return []manifest.Step{
		{Name: stageName, Stage: &manifest.Stage{
			Shards: shards,
			Inputs: []manifest.StageInput{{Name: inputName, Value: inputName, Scatter: scatter}},
			Outputs: []manifest.StageOutput{
				{Value: outMargin, Modes: []string{modeExact}, Placement: sum, Components: value(outValues, tensor.F32, manifest.Dim{Name: "leaf_columns"}),
					Merge: manifest.Merge{Kind: manifest.MergeOrderedSum, DType: tensor.F32, Acc: tensor.F32, Init: init32, Table: tableName, Squeeze: squeeze}},
				{Value: outMargin, Modes: []string{modeSum}, Placement: sum, Components: value(outSum, tensor.F64, manifest.Dim{Size: m.e.Outputs}),
					Merge: manifest.Merge{Kind: manifest.MergeSum, DType: tensor.F32, Acc: tensor.F64, Init: init64, Squeeze: squeeze}},
				{Value: outLeaf, Placement: manifest.Placement{Kind: "shard", Dim: 1}, Components: value(outLeaf, tensor.I32, manifest.Dim{Name: "trees"}),
					Merge: manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.I32, Dim: 1, Bounds: bounds}},
			}}},
		{Name: objectiveName, Local: &manifest.LocalStep{Inputs: []string{outMargin}, Outputs: []string{outPrediction}}},
	}
}
