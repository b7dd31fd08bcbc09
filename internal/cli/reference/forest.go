package reference

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/assets"
)

// The programs' value names, as the tree partitioner writes them.
const (
	leafValues = "leaf_values"
	leafIndex  = "leaf"
	margin     = "margin"
)

// forest walks all trees of all shards in their order.
type forest struct {
	m      *manifest.Manifest
	stage  *manifest.Step
	sum    *manifest.StageOutput // how margins come about in exact mode
	shards []*assets.Set
	local  *assets.Set
	table  []int32 // output of each leaf column, over all shards
}

func openForest(dir string, m *manifest.Manifest) (_ Model, err error) {
	f := &forest{m: m}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := f.plan(); err != nil {
		return nil, err
	}
	engines := shard.Engines(shard.Libraries{})
	for i := range m.Shards {
		s, err := assets.Open(dir, m.Shards[i].Files, m.Shards[i].Programs, engines)
		if err != nil {
			return nil, fmt.Errorf("shard %d/%d: %w", i, len(m.Shards), err)
		}
		f.shards = append(f.shards, s)
	}
	if m.Local == nil {
		return nil, errors.New("the manifest gives the coordinator no files, a tree model has a table of outputs there; split the model again")
	}
	if f.local, err = assets.Open(dir, m.Local.Files, m.Local.Programs, engines); err != nil {
		return nil, fmt.Errorf("coordinator's files: %w", err)
	}
	t, err := f.local.Weight(f.sum.Merge.Table)
	if err != nil {
		return nil, err
	}
	if t.DType() != tensor.I32 {
		return nil, fmt.Errorf("table %s: wanted I32, found %v; split the model again", f.sum.Merge.Table, t)
	}
	f.table = tensor.Of[int32](t)
	return f, nil
}

// plan finds the stage and the ordered sum in the manifest.
func (f *forest) plan() error {
	for i := range f.m.Steps {
		s := &f.m.Steps[i]
		if s.Stage == nil {
			continue
		}
		for k := range s.Stage.Outputs {
			o := &s.Stage.Outputs[k]
			if o.Merge.Kind == manifest.MergeOrderedSum && o.Merge.Acc == tensor.F32 && o.Value == margin {
				f.stage, f.sum = s, o
				return nil
			}
		}
	}
	return errors.New("the plan has no ordered float32 sum, so the order of the library's own addition is not known; compare with predict --expect")
}

func (f *forest) Method() string {
	trees := 0
	for i := range f.m.Shards {
		trees += f.m.Shards[i].Trees.Count
	}
	return fmt.Sprintf("all %d trees walked one after the other, leaf by leaf", trees)
}

// Predict walks the trees once per shard and adds their leaves in the order of the trees.
func (f *forest) Predict(ctx context.Context, in tensor.Named, outputs []string) (tensor.Named, error) {
	features, rows, err := f.features(in)
	if err != nil {
		return nil, err
	}
	sums, err := f.start(rows)
	if err != nil {
		return nil, err
	}
	var leaves []*tensor.Tensor
	column := 0
	for i, s := range f.shards {
		out, err := f.walk(ctx, i, s, features)
		if err != nil {
			return nil, fmt.Errorf("shard %d/%d: %w", i, len(f.shards), err)
		}
		if column, err = f.add(sums, out[leafValues], rows, column); err != nil {
			return nil, fmt.Errorf("shard %d/%d: %w", i, len(f.shards), err)
		}
		leaves = append(leaves, out[leafIndex])
	}
	if column != len(f.table) {
		return nil, fmt.Errorf("the shards have %d leaf columns, the table %d; split the model again", column, len(f.table))
	}
	return f.outputs(ctx, sums, leaves, rows, outputs)
}

// features is the model's one input as float32, rounded as C does.
func (f *forest) features(in tensor.Named) (*tensor.Tensor, int, error) {
	if len(in) != 1 || len(f.stage.Stage.Inputs) != 1 {
		return nil, 0, fmt.Errorf("wanted one input, found %v", in.Names())
	}
	t := in[f.stage.Stage.Inputs[0].Value]
	if t == nil || t.Rank() != 2 {
		return nil, 0, fmt.Errorf("wanted input %s with rows and columns, found %v", f.stage.Stage.Inputs[0].Value, in)
	}
	t, err := tensor.Convert(t, tensor.F32)
	if err != nil {
		return nil, 0, err
	}
	return t, t.Dim(0), nil
}

// walk runs one shard's program on the columns that it tests.
func (f *forest) walk(ctx context.Context, i int, s *assets.Set, features *tensor.Tensor) (tensor.Named, error) {
	p, ok := s.Program(f.stage.Name)
	if !ok {
		return nil, fmt.Errorf("it has no program for step %s; split the model again", f.stage.Name)
	}
	input := f.stage.Stage.Inputs[0]
	t := features
	if input.Scatter.Kind == manifest.ScatterSelect {
		list := f.m.Shards[i].Trees.Features
		if len(input.Scatter.Columns) > 0 {
			list = input.Scatter.Columns[i]
		}
		t = pick(features, list)
	}
	out, err := p.Run(ctx, tensor.Named{input.Name: t}, []string{leafIndex, leafValues})
	if err != nil {
		return nil, err
	}
	if v := out[leafValues]; v == nil || v.DType() != tensor.F32 || v.Rank() != 2 {
		return nil, fmt.Errorf("its leaf values are %v, wanted F32 with rows and columns", v)
	}
	return out, nil
}

// pick copies columns of a float32 matrix.
func pick(t *tensor.Tensor, list []int) *tensor.Tensor {
	rows, width := t.Dim(0), t.Dim(1)
	out := tensor.New(tensor.F32, rows, len(list))
	src, dst := tensor.Of[float32](t), tensor.Of[float32](out)
	for r := range rows {
		for k, c := range list {
			dst[r*len(list)+k] = src[r*width+c]
		}
	}
	return out
}
