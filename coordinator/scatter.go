package coordinator

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// scatterer cuts the values of one stage and block into the shards' inputs.
type scatterer struct {
	manifest *manifest.Manifest
	stage    *manifest.Stage
	values   tensor.Named
	run      *run
	place    string   // of the stage and block, in keys
	shared   *payload // the one payload of all shards, when every input is replicated
	routings routings
}

func (r *run) newScatterer(step *manifest.Step, b *block, routed routings) (*scatterer, error) {
	s := &scatterer{manifest: r.c.manifest, stage: step.Stage, values: b.values, run: r, place: place(step.Name, b.index), routings: routed}
	if !replicated(step.Stage) {
		return s, nil
	}
	in, err := s.inputs(0)
	if err != nil {
		return nil, err
	}
	s.shared, err = r.newPayload(in, s.place, "request")
	return s, err
}

// replicated reports whether all shards of a stage get the same inputs.
func replicated(stage *manifest.Stage) bool {
	return !slices.ContainsFunc(stage.Inputs, func(in manifest.StageInput) bool {
		return in.Scatter.Kind != manifest.ScatterReplicate || len(in.To) > 0
	})
}

// payload is what the shard at position p is sent. It is safe for concurrent use.
func (s *scatterer) payload(p int) (*payload, error) {
	if s.shared != nil {
		return s.shared, nil
	}
	in, err := s.inputs(p)
	if err != nil {
		return nil, err
	}
	return s.run.newPayload(in, s.place, fmt.Sprintf("request-%03d", s.stage.Shards[p]))
}

func (s *scatterer) inputs(p int) (tensor.Named, error) {
	in := make(tensor.Named, len(s.stage.Inputs))
	for _, si := range s.stage.Inputs {
		place, gets := si.Receiver(p)
		if !gets {
			continue
		}
		v, ok := s.values[si.Value]
		if !ok {
			return nil, &shard.Error{Op: "scatter", Kind: shard.Internal, Message: fmt.Sprintf("value %q has not been computed", si.Value)}
		}
		t, err := s.cut(v, &si, p, place)
		if err != nil {
			return nil, &shard.Error{Op: "scatter", Shard: s.stage.Shards[p], Of: len(s.manifest.Shards), Kind: shard.KindOf(err), Message: fmt.Sprintf("value %q", si.Value), Cause: err}
		}
		in[si.Name] = t
	}
	return in, nil
}

// cut is what the shard at position p, at the place among those that get the input, gets of the value.
func (s *scatterer) cut(v *tensor.Tensor, in *manifest.StageInput, p, place int) (*tensor.Tensor, error) {
	if r := s.routings[in.Scatter.Route]; r != nil {
		return r.part(v, in.Scatter.Part, place)
	}
	if in.Scatter.Kind == manifest.ScatterRows {
		return shareOfRows(v, place, len(s.stage.Shards))
	}
	return scatter(v, &in.Scatter, columnsAt(s.manifest, s.stage, in, p), place)
}

// columnsAt are the columns that scatter kind select gives to the shard at position p.
func columnsAt(m *manifest.Manifest, stage *manifest.Stage, in *manifest.StageInput, p int) []int {
	if in.Scatter.Kind != manifest.ScatterSelect {
		return nil
	}
	if place, ok := in.Receiver(p); ok && len(in.Scatter.Columns) > 0 {
		return in.Scatter.Columns[place]
	}
	if t := m.Shards[stage.Shards[p]].Trees; t != nil {
		return t.Features
	}
	return nil
}

// scatter is what the shard at the place among those that get the value gets of it.
func scatter(v *tensor.Tensor, sc *manifest.Scatter, columns []int, place int) (*tensor.Tensor, error) {
	switch sc.Kind {
	case manifest.ScatterReplicate:
		return v, nil
	case manifest.ScatterSlice:
		return sliceDim(v, sc.Dim, sc.Bounds[place], sc.Bounds[place+1])
	case manifest.ScatterSelect:
		return selectColumns(v, columns)
	}
	return nil, &wire.UnsupportedError{Feature: "scatter kind " + sc.Kind, Remedy: "use the version of shardwise that split the model"}
}

func cannot(what string, v *tensor.Tensor) error {
	return &shard.Error{Op: "scatter", Kind: shard.BadInput, Message: fmt.Sprintf("%s does not lie in %v", what, v)}
}

// sliceDim copies [lo, hi) along dim; along dimension 0 it is a view.
func sliceDim(v *tensor.Tensor, dim, lo, hi int) (*tensor.Tensor, error) {
	if dim < 0 || dim >= v.Rank() || lo < 0 || hi < lo || hi > v.Dim(dim) || v.DType() == tensor.String && dim != 0 {
		return nil, cannot(fmt.Sprintf("slice %d to %d of dimension %d", lo, hi, dim), v)
	}
	if dim == 0 {
		return v.Rows(lo, hi)
	}
	shape := v.Shape().Clone()
	shape[dim] = hi - lo
	out := tensor.New(v.DType(), shape...)
	outer, inner := 1, v.DType().Size()
	for i, d := range v.Shape() {
		if i < dim {
			outer *= d
		} else if i > dim {
			inner *= d
		}
	}
	src, dst, width := v.Bytes(), out.Bytes(), (hi-lo)*inner
	for r := range outer {
		at := (r*v.Dim(dim) + lo) * inner
		copy(dst[r*width:(r+1)*width], src[at:at+width])
	}
	return out, nil
}

// selectColumns copies columns of the last dimension, in the order given.
func selectColumns(v *tensor.Tensor, columns []int) (*tensor.Tensor, error) {
	if v.Rank() == 0 || v.DType() == tensor.String {
		return nil, cannot("a selection of columns", v)
	}
	width := v.Dim(v.Rank() - 1)
	for _, c := range columns {
		if c < 0 || c >= width {
			return nil, cannot(fmt.Sprintf("column %d", c), v)
		}
	}
	shape := v.Shape().Clone()
	shape[len(shape)-1] = len(columns)
	out := tensor.New(v.DType(), shape...)
	rows := 0
	if width > 0 {
		rows = v.Len() / width
	}
	switch v.DType().Size() {
	case 1:
		gather(tensor.Of[uint8](out), tensor.Of[uint8](v), columns, rows, width)
	case 2:
		gather(tensor.Of[uint16](out), tensor.Of[uint16](v), columns, rows, width)
	case 4:
		gather(tensor.Of[uint32](out), tensor.Of[uint32](v), columns, rows, width)
	case 8:
		gather(tensor.Of[uint64](out), tensor.Of[uint64](v), columns, rows, width)
	}
	return out, nil
}

func gather[T uint8 | uint16 | uint32 | uint64](dst, src []T, columns []int, rows, width int) {
	for r := range rows {
		row := src[r*width : (r+1)*width]
		part := dst[r*len(columns) : (r+1)*len(columns)]
		for i, c := range columns {
			part[i] = row[c]
		}
	}
}
