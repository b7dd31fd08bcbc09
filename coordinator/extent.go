package coordinator

import (
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// extent is what is known of a value's size before a request: its dtype and dimensions, of which one may be the rows.
type extent struct {
	dtype tensor.DType
	dims  []manifest.Dim
	known bool // false: nothing is known, the value counts for nothing
}

// bytes splits the value's size into what each row takes and what it takes however many rows there are. ok is false
// when a dimension is a symbol other than the batch, or the dtype has no fixed size.
func (e extent) bytes() (perRow, fixed int, ok bool) {
	size := e.dtype.Size()
	if !e.known || size == 0 {
		return 0, 0, false
	}
	rows := false
	for i, d := range e.dims {
		switch {
		case d.Name == manifest.Batch && i == 0:
			rows = true
		case d.Name != "":
			return 0, 0, false
		default:
			if d.Size != 0 && size > maxExtent/d.Size {
				return 0, 0, false
			}
			size *= d.Size
		}
	}
	if rows {
		return size, 0, true
	}
	return 0, size, true
}

// maxExtent bounds the sizes that are reckoned with; nothing larger can be sent.
const maxExtent = 1 << 40

// with replaces dimension dim by size.
func (e extent) with(dim, size int) extent {
	if !e.known || dim < 0 || dim >= len(e.dims) {
		return extent{}
	}
	dims := append([]manifest.Dim(nil), e.dims...)
	dims[dim] = manifest.Dim{Size: size}
	e.dims = dims
	return e
}

// extents are the sizes of a plan's values.
type extents struct {
	manifest *manifest.Manifest
	columns  func(table string) (int, error) // length of a merge table, 0 when the merge has none
	values   map[string]extent
}

func newExtents(m *manifest.Manifest, columns func(string) (int, error)) *extents {
	x := &extents{manifest: m, columns: columns, values: map[string]extent{}}
	for _, in := range m.Signature.Inputs {
		x.values[in.Name] = extent{dtype: in.DType, dims: in.Shape, known: true}
	}
	return x
}

// input is the size of what the shard at position p gets for one input of the stage.
func (x *extents) input(stage *manifest.Stage, in *manifest.StageInput, p int) extent {
	e := x.values[in.Value]
	switch in.Scatter.Kind {
	case manifest.ScatterSlice:
		place, _ := in.Receiver(p)
		return e.with(in.Scatter.Dim, in.Scatter.Bounds[place+1]-in.Scatter.Bounds[place])
	case manifest.ScatterSelect:
		return e.with(len(e.dims)-1, len(columnsAt(x.manifest, stage, in, p)))
	case manifest.ScatterRoute:
		return x.routedInput(e, stage, in, p)
	}
	return e
}

// component is the size of one component of the partial that the shard at position p returns.
func (x *extents) component(stage *manifest.Stage, out *manifest.StageOutput, c *manifest.Component, p int) (extent, error) {
	if out.Merge.Route != "" {
		return x.routedGroups(extent{dtype: c.DType, dims: c.Shape, known: true}, stage, out), nil
	}
	e := extent{dtype: c.DType, dims: c.Shape, known: true}
	for i, d := range c.Shape {
		if d.Name == "" || d.Name == manifest.Batch && i == 0 {
			continue
		}
		switch {
		case i == out.Merge.Dim && len(out.Merge.Bounds) == out.Contributors(stage)+1:
			place, _ := out.Contributor(p)
			e = e.with(i, out.Merge.Bounds[place+1]-out.Merge.Bounds[place])
		case out.Merge.Kind == manifest.MergeOrderedSum && i == len(c.Shape)-1:
			n, err := x.leafColumns(stage, out, p)
			if err != nil {
				return extent{}, err
			}
			e = e.with(i, n)
		}
	}
	return e, nil
}

// leafColumns is the number of leaf columns of a tree shard: its share of the table's columns, which every tree has as
// many of.
func (x *extents) leafColumns(stage *manifest.Stage, out *manifest.StageOutput, p int) (int, error) {
	trees, mine := 0, 0
	for q, s := range stage.Shards {
		t := x.manifest.Shards[s].Trees
		if t == nil {
			return 0, nil
		}
		trees += t.Count
		if q == p {
			mine = t.Count
		}
	}
	total, err := x.columns(out.Merge.Table)
	if err != nil {
		return 0, err
	}
	if total == 0 {
		total = trees * max(len(out.Merge.Init), 1)
	}
	return (total*mine + trees - 1) / max(trees, 1), nil
}

// merged notes the size of a stage's value.
func (x *extents) merged(stage *manifest.Stage, out *manifest.StageOutput) {
	e := extent{dtype: out.Merge.DType}
	if len(out.Components) > 0 {
		e.dims, e.known = out.Components[0].Shape, true
	}
	switch {
	case out.Merge.Route != "":
		e = x.routedGroups(e, stage, out)
	case len(out.Merge.Bounds) > 0:
		e = e.with(out.Merge.Dim, out.Merge.Bounds[len(out.Merge.Bounds)-1])
	case len(out.Merge.Init) > 0:
		e = e.with(len(e.dims)-1, len(out.Merge.Init))
	}
	if last := len(e.dims) - 1; out.Merge.Squeeze && e.known && last >= 0 && e.dims[last].Name == "" && e.dims[last].Size == 1 {
		e.dims = e.dims[:last]
	}
	x.values[out.Value] = e
}

// computed notes the sizes of a local program's values as its graph declares them.
func (x *extents) computed(step *manifest.LocalStep, g *graph.Graph) {
	for _, name := range step.Outputs {
		x.values[name] = extent{}
		for _, v := range g.Outputs {
			if v.Name == name && v.Ranked {
				x.values[name] = extent{dtype: v.DType, dims: graphDims(v.Dims), known: true}
			}
		}
	}
}

func graphDims(dims []graph.Dim) []manifest.Dim {
	list := make([]manifest.Dim, len(dims))
	for i, d := range dims {
		switch {
		case d.Size >= 0:
			list[i] = manifest.Dim{Size: d.Size}
		case i == 0:
			// Programs run on blocks of rows: an unknown first dimension is the batch.
			list[i] = manifest.Dim{Name: manifest.Batch}
		default:
			list[i] = manifest.Dim{Name: "?" + d.Symbol}
		}
	}
	return list
}
