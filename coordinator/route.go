package coordinator

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// routing is what a route makes of one block's values. It is read-only once made.
type routing struct {
	route  *manifest.Route
	lead   tensor.Shape // the groups' dimensions in the merged value
	shares []portion    // by place among the route's receivers
}

// portion is what one receiver gets: groups are places among all groups, ascending, items places among the items that belong to them.
type portion struct {
	groups, items []int
	keys, starts  []int64 // of kinds index and bag
}

// routings are the routes of a stage by name.
type routings map[string]*routing

func newRoutings(step *manifest.Step, values tensor.Named) (routings, error) {
	if len(step.Stage.Routes) == 0 {
		return nil, nil
	}
	all := routings{}
	for i := range step.Stage.Routes {
		r := &step.Stage.Routes[i]
		made, err := newRouting(r, step.Stage, values)
		if err != nil {
			return nil, &shard.Error{Op: "stage " + step.Name, Kind: shard.KindOf(err), Message: fmt.Sprintf("route by value %q", r.Value), Cause: err}
		}
		all[r.Name] = made
	}
	return all, nil
}

func newRouting(r *manifest.Route, stage *manifest.Stage, values tensor.Named) (*routing, error) {
	v := values[r.Value]
	if v == nil {
		return nil, &shard.Error{Op: "scatter", Kind: shard.Internal, Message: "it has not been computed"}
	}
	out := &routing{route: r, shares: make([]portion, r.Receivers(stage))}
	switch r.Kind {
	case manifest.RouteIndex:
		return out, out.byIndex(v)
	case manifest.RouteRow:
		return out, out.byRow(v)
	case manifest.RouteBag:
		starts := values[r.Groups]
		if starts == nil {
			return nil, &shard.Error{Op: "scatter", Kind: shard.Internal, Message: fmt.Sprintf("value %q has not been computed", r.Groups)}
		}
		return out, out.byBag(v, starts)
	case manifest.RouteGate:
		return out, out.byGate(v)
	}
	return nil, &shard.Error{Op: "scatter", Kind: shard.Unsupported, Message: "route of kind " + r.Kind + ": use the version of shardwise that split the model"}
}

// numbers are the row numbers of a tensor.
func numbers(t *tensor.Tensor) ([]int64, error) {
	if t.DType() != tensor.I64 && t.DType() != tensor.I32 {
		return nil, cannot("a row number of I32 or I64", t)
	}
	wide, err := tensor.Convert(t, tensor.I64)
	if err != nil {
		return nil, err
	}
	return tensor.Of[int64](wide), nil
}

// rows is how many rows the receivers own together.
func (r *routing) rows() int64 { return int64(r.route.Bounds[len(r.route.Bounds)-1]) }

// owner is the place that owns a row, and the row's number there; ok is false when no row has the number.
func (r *routing) owner(key int64) (place int, local int64, ok bool) {
	if key < 0 {
		key += r.rows()
	}
	if key < 0 || key >= r.rows() {
		return 0, key, false
	}
	place, exact := slices.BinarySearch(r.route.Bounds, int(key))
	if !exact {
		place--
	}
	return place, key - int64(r.route.Bounds[place]), true
}

// outside is the error of Gather for a number that no row has.
func (r *routing) outside(key int64) error {
	_, key, _ = r.owner(key)
	return fmt.Errorf("index %d is outside a dimension of %d", key, r.rows())
}

func (r *routing) byIndex(v *tensor.Tensor) error {
	keys, err := numbers(v)
	if err != nil {
		return err
	}
	r.lead = v.Shape()
	for i, key := range keys {
		place, local, ok := r.owner(key)
		if !ok {
			return r.outside(key)
		}
		s := &r.shares[place]
		s.items, s.keys = append(s.items, i), append(s.keys, local)
	}
	for i := range r.shares {
		r.shares[i].groups = r.shares[i].items
	}
	return nil
}

func (r *routing) byRow(v *tensor.Tensor) error {
	keys, err := numbers(v)
	if err != nil {
		return err
	}
	if v.Rank() == 0 {
		return cannot("a row of numbers", v)
	}
	r.lead = v.Shape()[:1]
	width := v.Len() / max(v.Dim(0), 1)
	for i, key := range keys {
		place, _, ok := r.owner(key)
		if !ok {
			return r.outside(key)
		}
		r.shares[place].join(i / width)
	}
	for i := range r.shares {
		r.shares[i].items = r.shares[i].groups
	}
	return nil
}

// join adds a group that is not before those that are there.
func (s *portion) join(group int) {
	if n := len(s.groups); n == 0 || s.groups[n-1] != group {
		s.groups = append(s.groups, group)
	}
}

// byBag reads where bags start as EmbeddingBag does: offsets are bounds of slices.
func (r *routing) byBag(v, offsets *tensor.Tensor) error {
	keys, err := numbers(v)
	if err != nil {
		return err
	}
	starts, err := numbers(offsets)
	if err != nil {
		return err
	}
	if v.Rank() != 1 || offsets.Rank() != 1 {
		return cannot("a list of indices in bags", v)
	}
	bound := func(at int64) int {
		if at < 0 {
			at += int64(len(keys))
		}
		return int(min(max(at, 0), int64(len(keys))))
	}
	bags := max(len(starts)-1, 0)
	r.lead = tensor.Shape{bags}
	for bag := range bags {
		for i := bound(starts[bag]); i < bound(starts[bag+1]); i++ {
			place, local, ok := r.owner(keys[i])
			if !ok {
				return fmt.Errorf("index %d is outside the table's %d rows", keys[i], r.rows())
			}
			s := &r.shares[place]
			before := len(s.groups)
			if s.join(bag); len(s.groups) > before {
				s.starts = append(s.starts, int64(len(s.items)))
			}
			s.items, s.keys = append(s.items, i), append(s.keys, local)
		}
	}
	for i := range r.shares {
		r.shares[i].starts = append(r.shares[i].starts, int64(len(r.shares[i].items)))
	}
	return nil
}

func (r *routing) byGate(v *tensor.Tensor) error {
	if v.Rank() == 0 || !v.DType().Float() || int64(v.Dim(v.Rank()-1)) != r.rows() {
		return cannot(fmt.Sprintf("a weight for each of %d columns", r.rows()), v)
	}
	r.lead = v.Shape()[:v.Rank()-1]
	size, columns := v.DType().Size(), int(r.rows())
	data := v.Bytes()
	for row := range v.Len() / max(columns, 1) {
		for place := range r.shares {
			lo, hi := (row*columns+r.route.Bounds[place])*size, (row*columns+r.route.Bounds[place+1])*size
			if !zeros(data[lo:hi], size) {
				r.shares[place].join(row)
			}
		}
	}
	for i := range r.shares {
		r.shares[i].items = r.shares[i].groups
	}
	return nil
}

// zeros reports whether all little-endian floats of the size are 0 or -0.
func zeros(data []byte, size int) bool {
	for i, b := range data {
		if i%size == size-1 {
			b &= 0x7f
		}
		if b != 0 {
			return false
		}
	}
	return true
}

// part is the receiver's part of a value.
func (r *routing) part(v *tensor.Tensor, part string, place int) (*tensor.Tensor, error) {
	s := &r.shares[place]
	switch {
	case part == manifest.PartItems:
		lead := len(r.lead)
		if r.route.Kind == manifest.RouteBag {
			lead = 1
		}
		return takeItems(v, s.items, lead)
	case part == manifest.PartGroups:
		return list(s.starts, v.DType())
	case r.route.Kind == manifest.RouteGate:
		rows, err := takeItems(v, s.items, len(r.lead))
		if err != nil {
			return nil, err
		}
		return sliceDim(rows, 1, r.route.Bounds[place], r.route.Bounds[place+1])
	}
	return list(s.keys, v.DType())
}

func list(values []int64, d tensor.DType) (*tensor.Tensor, error) {
	wide, err := tensor.FromSlice(tensor.I64, values, len(values))
	if err != nil || d == tensor.I64 {
		return wide, err
	}
	out := tensor.New(d, len(values))
	for i, v := range values {
		tensor.Of[int32](out)[i] = int32(v)
	}
	return out, nil
}

// takeItems copies the items at the places, where the first lead dimensions together count items.
func takeItems(v *tensor.Tensor, places []int, lead int) (*tensor.Tensor, error) {
	if v.DType() == tensor.String || v.Rank() < lead {
		return nil, cannot("a choice of items", v)
	}
	count := 1
	for _, n := range v.Shape()[:lead] {
		count *= n
	}
	out := tensor.New(v.DType(), append(tensor.Shape{len(places)}, v.Shape()[lead:]...)...)
	size := len(v.Bytes()) / max(count, 1)
	for i, p := range places {
		if p >= count {
			return nil, cannot(fmt.Sprintf("item %d", p), v)
		}
		copy(out.Bytes()[i*size:(i+1)*size], v.Bytes()[p*size:])
	}
	return out, nil
}
