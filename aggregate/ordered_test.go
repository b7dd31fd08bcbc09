package aggregate

import (
	"errors"
	"fmt"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// cut splits [rows, columns] at the bounds into one partial per part.
func cut[T float32 | float64](t testing.TB, d tensor.DType, v []T, rows int, bounds []int) []Partial {
	columns := bounds[len(bounds)-1]
	var partials []Partial
	for i := range bounds[1:] {
		part := make([]T, 0, rows*(bounds[i+1]-bounds[i]))
		for r := range rows {
			part = append(part, v[r*columns+bounds[i]:r*columns+bounds[i+1]]...)
		}
		partials = append(partials, value(made(t)(tensor.FromSlice(d, part, rows, bounds[i+1]-bounds[i]))))
	}
	return partials
}

// TestOrderedSumAddsTreeByTree compares with the plain loop of the libraries over the uncut matrix: base score first,
// then tree 0, 1, 2 ..., in float32.
func TestOrderedSumAddsTreeByTree(t *testing.T) {
	rng := random(t)
	for _, outputs := range []int{1, 2, 3, 10} {
		for _, rows := range []int{1, 3, 4, 7, 8, 9, 33} {
			const columns = 90
			v := normals32(rng, rows*columns)
			to := make([]int32, columns)
			var init []string
			for c := range to {
				to[c] = int32(c % outputs)
			}
			base := normals32(rng, outputs)
			for _, b := range base {
				init = append(init, manifest.HexF32(b))
			}
			want := make([]float32, rows*outputs)
			for r := range rows {
				copy(want[r*outputs:], base)
				for c := range columns {
					want[r*outputs+int(to[c])] += v[r*columns+c]
				}
			}
			m := manifest.Merge{Kind: manifest.MergeOrderedSum, Acc: tensor.F32, DType: tensor.F32, Init: init, Table: "to"}
			for _, bounds := range [][]int{{0, 90}, {0, 1, 90}, {0, 30, 60, 90}, {0, 7, 13, 50, 51, 89, 90}} {
				partials := cut(t, tensor.F32, v, rows, bounds)
				order := rng.Perm(len(partials))
				t.Run(fmt.Sprintf("outputs=%d/rows=%d/shards=%d", outputs, rows, len(partials)), func(t *testing.T) {
					got := inOrder(t, m, 16, tables{"to": i32s(t, to, columns)}, partials, order)
					wantF32(t, got, tensor.Shape{rows, outputs}, want...)
					if outputs == 1 {
						m := m
						m.Table, m.Squeeze = "", true
						wantF32(t, inOrder(t, m, 16, nil, partials, order), tensor.Shape{rows}, want...)
					}
				})
			}
		}
	}
}

func TestOrderedSumInF64(t *testing.T) {
	rng := random(t)
	const rows, columns = 11, 40
	v := normals64(rng, rows*columns)
	want := make([]float64, rows)
	for r := range rows {
		for c := range columns {
			want[r] += v[r*columns+c]
		}
	}
	m := manifest.Merge{Kind: manifest.MergeOrderedSum, Acc: tensor.F64, DType: tensor.F64, Init: []string{manifest.HexF64(0)}}
	near(t, inOrder(t, m, 16, nil, cut(t, tensor.F64, v, rows, []int{0, 9, 21, 40}), nil), 0, want)
}

func TestOrderedSumIsSequentialNotByTree(t *testing.T) {
	const n = 33
	partials := make([]Partial, n)
	for i := range partials {
		partials[i] = value(f32s(t, []float32{1}, 1, 1))
	}
	base := float32(1 << 24) // each 1 alone is lost, 16 together would not be
	m := manifest.Merge{Kind: manifest.MergeOrderedSum, Acc: tensor.F32, DType: tensor.F32, Init: []string{manifest.HexF32(base)}}
	wantF32(t, inOrder(t, m, 16, nil, partials, nil), tensor.Shape{1, 1}, base)
}

func TestOrderedSumHoldsShardsToTheTable(t *testing.T) {
	m := manifest.Merge{Kind: manifest.MergeOrderedSum, Acc: tensor.F32, DType: tensor.F32, Init: []string{"00000000", "00000000"}, Table: "to"}
	part := func(columns int) Partial { return value(tensor.New(tensor.F32, 2, columns)) }
	begin := func() Merger {
		g, err := New(m, 2, 16, tables{"to": i32s(t, []int32{0, 1, 0, 1}, 4)})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	var partial *PartialError
	var merge *MergeError
	if err := begin().Add(1, part(5)); !errors.As(err, &partial) {
		t.Errorf("5 columns for a table of 4: error %v, want a *PartialError", err)
	}
	g := begin()
	if err := g.Add(1, part(3)); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(0, part(2)); !errors.As(err, &merge) {
		t.Errorf("3 and 2 columns for a table of 4: error %v, want a *MergeError", err)
	}
	g = begin()
	for i := range 2 {
		if err := g.Add(i, part(1)); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := g.Result(); !errors.As(err, &merge) {
		t.Errorf("2 columns for a table of 4: result %v, error %v, want a *MergeError", r, err)
	}
	for name, table := range map[string]*tensor.Tensor{
		"outside": i32s(t, []int32{0, 2}, 2), "negative": i32s(t, []int32{-1}, 1),
		"rank": i32s(t, []int32{0}, 1, 1), "dtype": i64s(t, []int64{0}, 1),
	} {
		if _, err := New(m, 2, 16, tables{"to": table}); !errors.As(err, &merge) {
			t.Errorf("table with wrong %s: error %v, want a *MergeError", name, err)
		}
	}
}
