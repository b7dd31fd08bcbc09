package embedding

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// bagCase is one run of EmbeddingBag.
func bagCase(attrs map[string]any, in ...*tensor.Tensor) optest.Case {
	return optest.Case{Domain: graph.ShardwiseDomain, Op: OpBag, Opset: Version, Attrs: attrs, In: in}
}

func indices[T int32 | int64](rng *rand.Rand, d tensor.DType, n, rows int) *tensor.Tensor {
	x := tensor.New(d, n)
	for i := range n {
		v := int64(rng.IntN(2*rows) - rows)
		if d == tensor.I32 {
			tensor.Of[int32](x)[i] = int32(v)
		} else {
			tensor.Of[int64](x)[i] = v
		}
	}
	return x
}

// reference is the definition, one number after the other.
func reference(mode string, table, index, offsets []float64, columns, rows int, factors []float64) []float64 {
	var out []float64
	for b := range len(offsets) - 1 {
		for c := range columns {
			acc := 0.0
			if mode == ModeMax {
				acc = math.Inf(-1)
			}
			for k := int(offsets[b]); k < int(offsets[b+1]); k++ {
				row := int(index[k])
				if row < 0 {
					row += rows
				}
				v := table[row*columns+c]
				if factors != nil {
					v = float64(float32(v * factors[k]))
				}
				if mode == ModeMax {
					acc = max(acc, v)
				} else {
					acc += v
				}
			}
			if n := offsets[b+1] - offsets[b]; mode == ModeMean && n > 0 {
				acc /= n
			}
			out = append(out, acc)
		}
	}
	return out
}

func doubles(t *testing.T, x *tensor.Tensor) []float64 {
	t.Helper()
	f, err := tensor.Convert(x, tensor.F64)
	if err != nil {
		t.Fatal(err)
	}
	return tensor.Of[float64](f)
}

// All modes, types, widths around the width of a block, with and without factors, against the definition; the last bit is the same.
func TestBagsAreWhatTheDefinitionSays(t *testing.T) {
	rng := optest.Seeded(t)
	const rows, n = 23, 40
	offsets := optest.Of(tensor.I64, []int64{0, 3, 3, 17, 40}, 5)
	for _, columns := range []int{1, 7, 8, 9, 24, 31} {
		table := optest.Random(rng, tensor.F32, rows, columns)
		for _, mode := range []string{ModeSum, ModeMean, ModeMax} {
			for _, index := range []*tensor.Tensor{indices[int64](rng, tensor.I64, n, rows), indices[int32](rng, tensor.I32, n, rows)} {
				for _, factors := range []*tensor.Tensor{nil, optest.Random(rng, tensor.F32, n)} {
					got := optest.One(t, Table(), bagCase(map[string]any{AttrMode: mode}, table, index, offsets, factors))
					var f []float64
					if factors != nil {
						f = doubles(t, factors)
					}
					want := reference(mode, doubles(t, table), doubles(t, index), doubles(t, offsets), columns, rows, f)
					for i, v := range tensor.Of[float32](got) {
						if v != float32(want[i]) {
							t.Fatalf("%s of %d columns, factors %t: element %d is %v, wanted %v", mode, columns, factors != nil, i, v, want[i])
						}
					}
				}
			}
		}
	}
}

// A bag whose end is not behind its start is empty, and offsets are those of a slice.
func TestOffsetsAreThoseOfASlice(t *testing.T) {
	table := optest.F32([]float32{1, 10, 100}, 3, 1)
	index := optest.Of(tensor.I64, []int64{0, 1, 2}, 3)
	for mode, empty := range map[string]float32{ModeSum: 0, ModeMean: 0, ModeMax: float32(math.Inf(-1))} {
		out := optest.One(t, Table(), bagCase(map[string]any{AttrMode: mode}, table, index, optest.Of(tensor.I64, []int64{3, 1, 1, 0}, 4)))
		for i, v := range tensor.Of[float32](out) {
			if v != empty {
				t.Errorf("%s: bag %d is %v, wanted %v", mode, i, v, empty)
			}
		}
	}
	out := optest.One(t, Table(), bagCase(nil, table, index, optest.Of(tensor.I64, []int64{-2, math.MaxInt64, math.MinInt64, 1}, 4)))
	optest.Same(t, "slices", out, optest.F32([]float32{110, 0, 1}, 3, 1), 0)
	out = optest.One(t, Table(), bagCase(nil, table, index, tensor.New(tensor.I64, 0)))
	if !out.Shape().Equal(tensor.Shape{0, 1}) {
		t.Errorf("without offsets: %v", out)
	}
}

// Parts of a table leave out the rows of the others, so that their results add up to the whole.
func TestPartsOfATableAddUp(t *testing.T) {
	rng := optest.Seeded(t)
	const rows, columns, n = 20, 10, 30
	table, index := optest.Random(rng, tensor.F32, rows, columns), indices[int64](rng, tensor.I64, n, rows)
	offsets := optest.Of(tensor.I64, []int64{0, 11, 30}, 3)
	for _, mode := range []string{ModeSum, ModeMax} {
		whole := optest.One(t, Table(), bagCase(map[string]any{AttrMode: mode}, table, index, offsets))
		acc := make([]float64, whole.Len())
		for first := 0; first < rows; first += 5 {
			part, err := table.Rows(first, first+5)
			if err != nil {
				t.Fatal(err)
			}
			out := optest.One(t, Table(), bagCase(map[string]any{AttrMode: mode, AttrFirst: first, AttrRows: rows}, part, index, offsets))
			for i, v := range tensor.Of[float32](out) {
				if mode == ModeMax && first > 0 {
					acc[i] = max(acc[i], float64(v))
				} else {
					acc[i] += float64(v)
				}
			}
		}
		for i, v := range tensor.Of[float32](whole) {
			if math.Abs(acc[i]-float64(v)) > 1e-5 {
				t.Errorf("%s: element %d is %v, the parts give %v", mode, i, v, acc[i])
			}
		}
	}
}

func TestWhatIsNoBagIsRefused(t *testing.T) {
	table, index, offsets := tensor.New(tensor.F32, 4, 2), tensor.New(tensor.I64, 3), optest.Of(tensor.I64, []int64{0, 3}, 2)
	outside := optest.Of(tensor.I64, []int64{0, 4, 1}, 3)
	for want, c := range map[string]optest.Case{
		"mode \"median\"":                       bagCase(map[string]any{AttrMode: "median"}, table, index, offsets),
		"no mean":                               bagCase(map[string]any{AttrMode: ModeMean, AttrRows: 8}, table, index, offsets),
		"first is 8":                            bagCase(map[string]any{AttrFirst: 8, AttrRows: 8}, table, index, offsets),
		"table of 5":                            bagCase(map[string]any{AttrFirst: 2, AttrRows: 5}, table, index, offsets),
		"not known":                             bagCase(map[string]any{"padding_idx": 0}, table, index, offsets),
		"input 2 is missing":                    bagCase(nil, table, index),
		"wanted a matrix":                       bagCase(nil, tensor.New(tensor.F32, 4), index, offsets),
		"factors":                               bagCase(nil, table, index, offsets, tensor.New(tensor.F32, 2)),
		"index 4 is outside":                    bagCase(nil, table, outside, offsets),
		"index 4 is outside the table's 4 rows": bagCase(map[string]any{AttrFirst: 0, AttrRows: 4}, table, outside, offsets),
	} {
		if _, err := optest.Run(t, Table(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, wanted one with %q", err, want)
		}
	}
}

// An index outside every bag is not looked at.
func TestIndicesOutsideTheBagsAreNotRead(t *testing.T) {
	out := optest.One(t, Table(), bagCase(nil, optest.F32([]float32{1, 2}, 2, 1), optest.Of(tensor.I64, []int64{99, 1}, 2), optest.Of(tensor.I64, []int64{1, 2}, 2)))
	optest.Same(t, "bag", out, optest.F32([]float32{2}, 1, 1), 0)
}
