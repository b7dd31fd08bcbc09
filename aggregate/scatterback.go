package aggregate

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newScatterBack makes the rule scatter_back: shards return the rows (value [rows, ...]) that they were given, with each
// row's place in the result (index [rows]). Every place from 0 to the total number of rows must be taken exactly once.
func newScatterBack(s stage) (rule, error) {
	return &scatterBack{stage: s, values: make([]*tensor.Tensor, s.n), places: make([]*tensor.Tensor, s.n)}, nil
}

type scatterBack struct {
	stage
	same           same
	values, places []*tensor.Tensor // places as I64
	kept, rows     int
	out            *tensor.Tensor
}

func (r *scatterBack) accept(i int, p Partial) error {
	value, index := p[manifest.RoleValue], p[manifest.RoleIndex]
	if err := r.wantDType(i, manifest.RoleValue, value, r.DType); err != nil {
		return err
	}
	if err := r.wantDType(i, manifest.RoleIndex, index, tensor.I64); err != nil {
		return err
	}
	if value.Rank() == 0 {
		return r.refuse(i, manifest.RoleValue, "at least one dimension", value.Shape().String())
	}
	if err := r.same.check(&r.stage, i, manifest.RoleValue, value, 0); err != nil {
		return err
	}
	if index.Rank() != 1 || index.Dim(0) != value.Dim(0) {
		return r.refuse(i, manifest.RoleIndex, fmt.Sprintf("shape [%d], one place per row", value.Dim(0)), index.Shape().String())
	}
	places, err := as(index, tensor.I64)
	if err != nil {
		return r.bad("%v", err)
	}
	r.same.remember(i, value)
	r.values[i], r.places[i] = value, places
	r.rows += value.Dim(0)
	r.kept++
	return nil
}

func (r *scatterBack) result() (*tensor.Tensor, error) {
	if r.out != nil {
		return r.out, nil
	}
	order, err := r.order()
	if err != nil {
		return nil, err
	}
	shape := r.same.shape.Clone()
	shape[0] = r.rows
	_, _, inner := spans(shape, 0)
	if r.DType == tensor.String {
		r.out, err = r.strings(shape, order, inner)
		return r.out, err
	}
	out := tensor.New(r.DType, shape...)
	size := inner * r.DType.Size()
	for i, t := range r.values {
		same, err := as(t, r.DType)
		if err != nil {
			return nil, r.bad("%v", err)
		}
		from, to := same.Bytes(), out.Bytes()
		for row, place := range tensor.Of[int64](r.places[i]) {
			copy(to[int(place)*size:], from[row*size:(row+1)*size])
		}
	}
	r.out = out
	return out, nil
}

// origin is a row of a contribution.
type origin struct{ position, row int }

// order is, for each place of the result, where its row comes from.
func (r *scatterBack) order() ([]origin, error) {
	order := make([]origin, r.rows)
	taken := make([]bool, r.rows)
	for i, t := range r.places {
		for row, place := range tensor.Of[int64](t) {
			switch {
			case place < 0 || place >= int64(r.rows):
				return nil, r.refuse(i, manifest.RoleIndex, fmt.Sprintf("places from 0 to %d", r.rows-1), fmt.Sprint(place))
			case taken[place]:
				return nil, r.refuse(i, manifest.RoleIndex, "each place once", fmt.Sprintf("place %d, which shard %d/%d fills too", place, order[place].position, r.n))
			}
			taken[place], order[place] = true, origin{i, row}
		}
	}
	return order, nil
}

func (r *scatterBack) strings(shape tensor.Shape, order []origin, inner int) (*tensor.Tensor, error) {
	values := make([]string, 0, len(order)*inner)
	for _, o := range order {
		for k := range inner {
			values = append(values, r.values[o.position].StringAt(o.row*inner+k))
		}
	}
	out, err := tensor.FromStrings(shape, values)
	if err != nil {
		return nil, r.bad("%v", err)
	}
	return out, nil
}
