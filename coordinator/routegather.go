package coordinator

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// idle reports whether the shard at the position has no group of anything that the stage wants of it.
func (all routings) idle(stage *manifest.Stage, position int) bool {
	any := false
	for i := range stage.Outputs {
		out := &stage.Outputs[i]
		if _, ok := out.Contributor(position); !ok {
			continue
		}
		r := all[out.Merge.Route]
		if r == nil {
			return false
		}
		if place, _ := r.route.Receiver(position); len(r.shares[place].groups) > 0 {
			return false
		}
		any = true
	}
	return any
}

// nothing is what an idle shard contributes: each component without a group.
func nothing(stage *manifest.Stage, position int) tensor.Named {
	none := tensor.Named{}
	for i := range stage.Outputs {
		if _, ok := stage.Outputs[i].Contributor(position); !ok {
			continue
		}
		for _, c := range stage.Outputs[i].Components {
			shape := tensor.Shape{0}
			for _, d := range c.Shape[1:] {
				shape = append(shape, d.Size)
			}
			none[c.Name] = tensor.New(c.DType, shape...)
		}
	}
	return none
}

// place makes a partial that has the receiver's groups one that the merge takes: scatter_back gets the groups' places, others get all groups.
func (r *routing) place(out *manifest.StageOutput, place int, p map[string]*tensor.Tensor) error {
	groups := r.shares[place].groups
	for role, t := range p {
		if t.Rank() == 0 || t.Dim(0) != len(groups) {
			return &shard.Error{Op: "gather", Kind: shard.Mismatch, Message: fmt.Sprintf("value %q: wanted %d routed groups, found %v", out.Value, len(groups), t)}
		}
		if out.Merge.Kind != manifest.MergeScatterBack {
			all, err := r.spread(t, groups, out.Merge.Kind)
			if err != nil {
				return err
			}
			p[role] = all
		}
	}
	if out.Merge.Kind != manifest.MergeScatterBack {
		return nil
	}
	index := tensor.New(tensor.I64, len(groups))
	for i, g := range groups {
		tensor.Of[int64](index)[i] = int64(g)
	}
	p[manifest.RoleIndex] = index
	return nil
}

// spread lays the receiver's groups out over all groups. The others are 0, or -∞ for a maximum.
func (r *routing) spread(t *tensor.Tensor, groups []int, merge string) (*tensor.Tensor, error) {
	out := tensor.New(t.DType(), append(r.lead.Clone(), t.Shape()[1:]...)...)
	if merge == manifest.MergeMax {
		switch t.DType() {
		case tensor.F32:
			fill(tensor.Of[float32](out), float32(math.Inf(-1)))
		case tensor.F64:
			fill(tensor.Of[float64](out), math.Inf(-1))
		default:
			return nil, &shard.Error{Op: "gather", Kind: shard.Mismatch, Message: fmt.Sprintf("a routed maximum of %v; wanted F32 or F64", t)}
		}
	}
	data, size := out.Bytes(), len(t.Bytes())/max(len(groups), 1)
	for i, g := range groups {
		copy(data[g*size:(g+1)*size], t.Bytes()[i*size:])
	}
	return out, nil
}

func fill[T float32 | float64](to []T, v T) {
	for i := range to {
		to[i] = v
	}
}

// whole gives the value that scatter_back made the groups' own dimensions; others have them.
func (r *routing) whole(t *tensor.Tensor, merge string) (*tensor.Tensor, error) {
	if merge != manifest.MergeScatterBack {
		return t, nil
	}
	return t.Reshape(append(r.lead.Clone(), t.Shape()[1:]...)...)
}
