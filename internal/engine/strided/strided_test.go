package strided

import (
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Copy equals the loop in its comment, for every element size and for shapes with and without a common run.
func TestCopyEqualsItsDefinition(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		rank := rng.IntN(5)
		from := make(tensor.Shape, rank)
		for d := range from {
			from[d] = 1 + rng.IntN(20)/(rank+1)
		}
		x := tensor.New([]tensor.DType{tensor.U8, tensor.I16, tensor.F32, tensor.I64}[rng.IntN(4)], from...)
		for i := range x.Bytes() {
			x.Bytes()[i] = byte(rng.Uint32())
		}
		// A view of permuted, reversed, skipped and repeated dimensions.
		shape, step, offset := tensor.Shape{}, []int{}, 0
		rows := RowMajor(from)
		for _, d := range rng.Perm(rank) {
			n, s := from[d], rows[d]
			switch rng.IntN(5) {
			case 0:
				offset, s = offset+(n-1)*s, -s
			case 1:
				n, s = (n+1)/2, 2*s
			case 2:
				shape, step = append(shape, 3), append(step, 0)
			}
			shape, step = append(shape, n), append(step, s)
		}
		got, err := Copy(&engine.Call{}, x, shape, step, offset)
		if err != nil {
			t.Fatal(err)
		}
		size := x.DType().Size()
		index := make([]int, len(shape))
		for i := range got.Len() {
			at := offset
			for d, v := range index {
				at += v * step[d]
			}
			if string(got.Bytes()[i*size:(i+1)*size]) != string(x.Bytes()[at*size:(at+1)*size]) {
				t.Fatalf("element %d of %v steps %v offset %d of %v differs", i, shape, step, offset, x)
			}
			for d := len(index) - 1; d >= 0; d-- {
				if index[d]++; index[d] < shape[d] {
					break
				}
				index[d] = 0
			}
		}
	}
}

func TestCopyViewsWhatLiesTogether(t *testing.T) {
	x := tensor.New(tensor.F32, 4, 3)
	rows, err := Copy(&engine.Call{}, x, tensor.Shape{2, 3}, []int{3, 1}, 3)
	if err != nil || &rows.Bytes()[0] != &x.Bytes()[12] {
		t.Errorf("rows are %v (error %v), wanted a view", rows, err)
	}
	columns, err := Copy(&engine.Call{}, x, tensor.Shape{4, 1}, []int{3, 1}, 0)
	if err != nil || &columns.Bytes()[0] == &x.Bytes()[0] {
		t.Errorf("columns are %v (error %v), wanted a copy", columns, err)
	}
}

func TestBroadcastShape(t *testing.T) {
	for _, c := range []struct{ a, b, want tensor.Shape }{
		{tensor.Shape{}, tensor.Shape{2}, tensor.Shape{2}}, {tensor.Shape{3, 1}, tensor.Shape{4}, tensor.Shape{3, 4}},
		{tensor.Shape{0}, tensor.Shape{1}, tensor.Shape{0}}, {tensor.Shape{2}, tensor.Shape{3}, nil}, {tensor.Shape{0}, tensor.Shape{2}, nil},
	} {
		got, err := BroadcastShape(c.a, c.b)
		if (err != nil) != (c.want == nil) || err == nil && !got.Equal(c.want) {
			t.Errorf("%v and %v give %v, error %v", c.a, c.b, got, err)
		}
	}
}
