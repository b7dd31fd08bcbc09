package aggregate

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// newOrderedSum makes the rule ordered_sum: contributions are [rows, columns], the addends of each row in order. Row
// by row the result [rows, len(Init)] begins with Init, and every column of position 0, then of position 1 and so on is
// added, one after the other in Acc, to the output that the table names. That is how XGBoost (F32) and LightGBM (F64)
// add leaf values tree by tree.
func newOrderedSum(s stage, tables Tables) (rule, error) {
	if len(s.Init) == 0 {
		return nil, s.bad("has no first addends; wanted one per output column")
	}
	if !s.DType.Float() {
		return nil, s.bad("has result dtype %v; wanted a floating-point one", s.DType)
	}
	table, err := readTable(s, tables)
	if err != nil {
		return nil, err
	}
	switch s.Acc {
	case tensor.F32:
		return orderedIn(s, table, manifest.ParseHexF32)
	case tensor.F64:
		return orderedIn(s, table, manifest.ParseHexF64)
	}
	return nil, s.bad("cannot accumulate in %v; wanted F32 or F64", s.Acc)
}

// readTable is the output column of each leaf column, nil when all belong to the only output.
func readTable(s stage, tables Tables) ([]int32, error) {
	outputs := len(s.Init)
	if s.Table == "" {
		if outputs > 1 {
			return nil, s.bad("has %d outputs and no table; wanted one from column to output", outputs)
		}
		return nil, nil
	}
	if tables == nil {
		return nil, s.bad("needs table %q, and there are no tables", s.Table)
	}
	t, err := tables.Weight(s.Table)
	if err != nil {
		return nil, fmt.Errorf("merge %s: table %q: %w", s.Kind, s.Table, err)
	}
	if t.DType() != tensor.I32 || t.Rank() != 1 {
		return nil, s.bad("table %q is %v; wanted I32 with one dimension", s.Table, t)
	}
	table := tensor.Of[int32](t)
	for c, k := range table {
		if k < 0 || int(k) >= outputs {
			return nil, s.bad("table %q sends column %d to output %d; wanted 0 to %d", s.Table, c, k, outputs-1)
		}
	}
	return table, nil
}

func orderedIn[A float32 | float64](s stage, table []int32, parse func(string) (A, error)) (rule, error) {
	init, err := parseInit(s, parse)
	if err != nil {
		return nil, err
	}
	return &ordered[A]{stage: s, init: init, table: table, waiting: map[int]*tensor.Tensor{}}, nil
}

// ordered is the rule of ordered_sum with accumulators of A.
type ordered[A float32 | float64] struct {
	stage
	init    []A
	table   []int32 // nil: a single output
	same    same
	waiting map[int]*tensor.Tensor
	next    int // position that is folded next
	column  int // columns folded so far
	sums    []A // [rows, outputs]
}

func (r *ordered[A]) accept(i int, p Partial) error {
	t := p[manifest.RoleValue]
	if err := r.wantDType(i, manifest.RoleValue, t, r.Acc); err != nil {
		return err
	}
	if t.Rank() != 2 {
		return r.refuse(i, manifest.RoleValue, "shape [rows, columns]", t.Shape().String())
	}
	if err := r.same.check(&r.stage, i, manifest.RoleValue, t, 1); err != nil {
		return err
	}
	if r.table != nil && t.Dim(1) > len(r.table)-r.column {
		return r.refuse(i, manifest.RoleValue, fmt.Sprintf("at most %d columns (table %q has %d for all shards)", len(r.table)-r.column, r.Table, len(r.table)), t.Shape().String())
	}
	r.same.remember(i, t)
	r.waiting[i] = t
	return r.fold()
}

// fold adds what is next in order.
func (r *ordered[A]) fold() error {
	for t := r.waiting[r.next]; t != nil; t = r.waiting[r.next] {
		if r.sums == nil {
			r.start(t.Dim(0))
		}
		same, err := as(t, r.Acc)
		if err != nil {
			return r.bad("%v", err)
		}
		columns := t.Dim(1)
		if r.table == nil {
			addColumns(r.sums, tensor.Of[A](same), columns)
		} else {
			if columns > len(r.table)-r.column {
				return r.bad("shards 0 to %d of %d have more columns than table %q (%d)", r.next, r.n, r.Table, len(r.table))
			}
			addColumnsTo(r.sums, tensor.Of[A](same), r.table[r.column:r.column+columns], len(r.init))
		}
		delete(r.waiting, r.next)
		r.column += columns
		r.next++
	}
	return nil
}

func (r *ordered[A]) start(rows int) {
	r.sums = tensor.Of[A](tensor.New(r.Acc, rows*len(r.init)))
	for at := 0; at < len(r.sums); at += len(r.init) {
		copy(r.sums[at:], r.init)
	}
}

func (r *ordered[A]) result() (*tensor.Tensor, error) {
	if r.table != nil && r.column != len(r.table) {
		return nil, r.bad("the shards have %d columns, table %q has %d", r.column, r.Table, len(r.table))
	}
	t, err := tensor.FromSlice(r.Acc, r.sums, r.same.shape[0], len(r.init))
	if err != nil {
		return nil, r.bad("%v", err)
	}
	return r.round(t)
}
