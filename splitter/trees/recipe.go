package trees

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Tensors of a shard's weights file, in the order in which they are written.
const (
	tensorNodes      = "trees.nodes"
	tensorLeafIDs    = "trees.leaf_ids"
	tensorValues     = "trees.values"
	tensorCategories = "trees.categories"
	tensorSlots      = "trees.slots"
	tensorStarts     = "trees.starts"
	tensorFirst      = "trees.first"
	tensorColumns    = "trees.columns"
)

// keptBytes is how much of what packing yields beside the nodes is kept until its turn; beyond it the trees are decoded once
// more for each tensor, so that memory stays bounded.
const keptBytes = 8 << 20

// recipe writes the tensors of one shard.
type recipe struct {
	model   *model
	plan    *forest.Plan
	lo, hi  int
	tensors []shardfile.Declared
	kept    *forest.Packed // nil until the nodes are written, or too large
}

func (r *recipe) declare() {
	p := r.plan
	add := func(name string, d tensor.DType, shape ...int) {
		r.tensors = append(r.tensors, shardfile.Declared{Name: name, DType: d, Shape: shape})
	}
	if p.Wide {
		add(tensorNodes, tensor.U64, p.Nodes(), 2)
	} else {
		add(tensorNodes, tensor.U64, p.Nodes())
	}
	add(tensorLeafIDs, tensor.I32, p.Nodes())
	if p.Values > 0 {
		add(tensorValues, tensor.F32, p.Values)
	}
	if p.Categories > 0 {
		add(tensorCategories, tensor.U32, p.Categories)
	}
	add(tensorSlots, tensor.U32, len(p.Slots))
	add(tensorStarts, tensor.I64, len(p.Starts))
	add(tensorFirst, tensor.I32, len(p.First))
	add(tensorColumns, tensor.I32, len(p.Columns))
}

// bytes is the size of all tensors.
func (r *recipe) bytes() int64 {
	var sum int64
	for _, t := range r.tensors {
		n := int64(t.DType.Size())
		for _, d := range t.Shape {
			n *= int64(d)
		}
		sum += n
	}
	return sum
}

// write writes tensor i, as the layout's recipe.
func (r *recipe) write(ctx context.Context, i int, w io.Writer) error {
	switch name := r.tensors[i].Name; name {
	case tensorNodes:
		return r.nodes(ctx, w)
	case tensorLeafIDs:
		return r.side(ctx, w, func(p *forest.Packed) error { return writeAll(w, p.Original) })
	case tensorValues:
		return r.side(ctx, w, func(p *forest.Packed) error { return writeAll(w, p.Values) })
	case tensorCategories:
		return r.side(ctx, w, func(p *forest.Packed) error { return writeAll(w, p.Categories) })
	case tensorSlots:
		return writeAll(w, r.plan.Slots)
	case tensorStarts:
		return writeAll(w, r.plan.Starts)
	case tensorFirst:
		return writeAll(w, r.plan.First)
	case tensorColumns:
		return writeAll(w, r.plan.Columns)
	default:
		return fmt.Errorf("tensor %s has no recipe", name)
	}
}

// nodes writes the nodes, one tree in memory at a time, and keeps the rest when it is small.
func (r *recipe) nodes(ctx context.Context, w io.Writer) error {
	keep := 4*(r.plan.Nodes()+r.plan.Values+r.plan.Categories) <= keptBytes
	r.kept = nil
	var kept forest.Packed
	err := r.pack(ctx, func(p *forest.Packed) error {
		if keep {
			kept.Original = append(kept.Original, p.Original...)
			kept.Values = append(kept.Values, p.Values...)
			kept.Categories = append(kept.Categories, p.Categories...)
		}
		return writeAll(w, p.Nodes)
	})
	if err == nil && keep {
		r.kept = &kept
	}
	return err
}

// side writes something that packing yields beside the nodes.
func (r *recipe) side(ctx context.Context, w io.Writer, part func(p *forest.Packed) error) error {
	if r.kept != nil {
		return part(r.kept)
	}
	return r.pack(ctx, part)
}

// pack decodes and packs the shard's trees one after the other.
func (r *recipe) pack(ctx context.Context, each func(p *forest.Packed) error) error {
	packer := r.plan.NewPacker()
	var t forest.Tree
	var p forest.Packed
	for i := r.lo; i < r.hi; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.model.src.Tree(i, &t); err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
		p.Reset()
		if err := packer.Pack(&t, &p); err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
		if err := each(&p); err != nil {
			return err
		}
	}
	return nil
}

// writeAll writes numbers in little-endian order through a small buffer.
func writeAll[T int32 | uint32 | int64 | uint64 | float32](w io.Writer, values []T) error {
	const chunk = 4096
	buf := make([]byte, 0, chunk*8)
	for len(values) > 0 {
		n := min(len(values), chunk)
		buf = buf[:0]
		for _, v := range values[:n] {
			switch v := any(v).(type) {
			case int32:
				buf = binary.LittleEndian.AppendUint32(buf, uint32(v))
			case uint32:
				buf = binary.LittleEndian.AppendUint32(buf, v)
			case float32:
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			case int64:
				buf = binary.LittleEndian.AppendUint64(buf, uint64(v))
			case uint64:
				buf = binary.LittleEndian.AppendUint64(buf, v)
			}
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}
