package partition

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// describe is the manifest's description of a stage.
func (b *builder) describe(s *program.Stage) *manifest.Stage {
	st := &manifest.Stage{Shards: s.Shards}
	for _, in := range s.Inputs() {
		si := manifest.StageInput{Name: in.Name, Value: in.Value, To: some(in.Positions, len(s.Shards)), Scatter: manifest.Scatter{Kind: manifest.ScatterReplicate}}
		if in.Placement.Kind == sharding.Shard {
			si.Scatter = manifest.Scatter{Kind: manifest.ScatterSlice, Dim: in.Placement.Dim, Bounds: slices.Compact(slices.Clone(in.Bounds))}
		}
		if s.ByRows() && b.model.Signature.Batched(b.model.Dims(b.model.Values[in.Value].Dims)) {
			si.Scatter.Kind = manifest.ScatterRows
		}
		if in.Route != "" {
			si.Scatter = manifest.Scatter{Kind: manifest.ScatterRoute, Route: in.Route, Part: in.Part}
		}
		st.Inputs = append(st.Inputs, si)
	}
	for _, r := range s.Routes() {
		st.Routes = append(st.Routes, manifest.Route{Name: r.Name, Kind: r.Kind, Value: r.Value, Groups: r.Groups, To: some(r.Positions, len(s.Shards)), Bounds: r.Bounds})
	}
	outputs := s.Outputs()
	for i := range outputs {
		st.Outputs = append(st.Outputs, b.output(s, &outputs[i]))
	}
	return st
}

// some is a list of positions, nil when it has them all.
func some(positions []int, of int) []int {
	if len(positions) == of {
		return nil
	}
	return positions
}

// output is how the parts of one value become the value.
func (b *builder) output(s *program.Stage, o *program.Output) manifest.StageOutput {
	out := manifest.StageOutput{Value: o.Name, From: some(o.Positions, len(s.Shards))}
	if o.Placement.Kind == sharding.Partial {
		out.Placement = manifest.Placement{Kind: manifest.PlacePartial, Op: o.Placement.Op}
		out.Merge = reduction(o.Placement.Op, o.Type.DType)
		out.Merge.Result = o.Result
	} else {
		dim := o.Placement.Dim
		out.Placement = manifest.Placement{Kind: manifest.PlaceShard, Dim: dim}
		out.Merge = manifest.Merge{Kind: manifest.MergeConcat, DType: o.Type.DType, Dim: dim, Bounds: o.Bounds}
		if o.Merge != "" {
			out.Merge.Kind, out.Merge.K, out.Merge.Result = o.Merge, o.K, o.Result
		}
		if o.Merge == manifest.MergeSoftmax || o.Merge == manifest.MergeScatterBack {
			out.Merge.Bounds = nil
		}
	}
	route := s.Route(o.Route)
	out.Merge.Route = o.Route
	for _, c := range o.Parts() {
		shape := b.model.Dims(c.Type.Dims)
		if c.Cut {
			shape[o.Placement.Dim] = local(o)
		}
		if route != nil {
			shape = append([]manifest.Dim{{Name: manifest.RoutedDim}}, shape[route.Lead:]...)
		}
		out.Components = append(out.Components, manifest.Component{Role: c.Role, Name: c.Name, DType: c.Type.DType, Shape: shape})
	}
	return out
}

// local is the cut dimension of the shards' own shapes: a size where all have the same, else a symbol.
func local(o *program.Output) manifest.Dim {
	size := o.Local(0)
	for i := range o.Positions {
		if o.Local(i) != size {
			return manifest.Dim{Name: "part"}
		}
	}
	return manifest.Dim{Size: size}
}

// reduction is the merge of partial results: sums of floats are added in float64 and rounded once, of integers exactly.
func reduction(op string, d tensor.DType) manifest.Merge {
	switch op {
	case "logsumexp":
		return manifest.Merge{Kind: manifest.MergeLogSumExp, DType: d}
	case "moments":
		return manifest.Merge{Kind: manifest.MergeMoments, DType: d}
	case "max":
		return manifest.Merge{Kind: manifest.MergeMax, DType: d}
	case "min":
		return manifest.Merge{Kind: manifest.MergeMin, DType: d}
	case "sum":
		acc := tensor.F64
		if !d.Float() {
			acc = tensor.I64
		}
		return manifest.Merge{Kind: manifest.MergeSum, DType: d, Acc: acc}
	}
	panic(fmt.Sprintf("partition: no merge for op %q", op))
}
