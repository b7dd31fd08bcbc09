package dense

import (
	stdbytes "bytes"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Every slice of every shape is what plain indexing gives, whichever way it is read.
func TestPartsAreTheSlicesTheyClaimToBe(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	shapes := []tensor.Shape{{}, {7}, {1, 9}, {5, 3}, {3, 20000}, {700, 513}, {2, 3, 4}}
	for _, shape := range shapes {
		n, err := shape.Elements()
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, n*4)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		w := &graph.Weight{Name: "w", DType: tensor.F32, Shape: shape, Data: data}
		for dim := range max(len(shape), 1) {
			p := whole(w)
			if len(shape) > 0 {
				lo := rng.IntN(shape[dim])
				p = part{w: w, dim: dim, lo: lo, hi: lo + 1 + rng.IntN(shape[dim]-lo)}
			}
			var got stdbytes.Buffer
			if err := p.copyTo(t.Context(), &got, stdbytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			if want := indexed(data, p); !stdbytes.Equal(got.Bytes(), want) {
				t.Errorf("%v along %d, %d to %d: %d bytes differ from the %d wanted", shape, dim, p.lo, p.hi, got.Len(), len(want))
			}
		}
	}
}

// indexed picks a part element by element.
func indexed(data []byte, p part) []byte {
	if len(p.w.Shape) == 0 {
		return data
	}
	var out []byte
	for i := range len(data) / 4 {
		at := i
		for d := len(p.w.Shape) - 1; d > p.dim; d-- {
			at /= p.w.Shape[d]
		}
		if c := at % p.w.Shape[p.dim]; c >= p.lo && c < p.hi {
			out = append(out, data[4*i:4*i+4]...)
		}
	}
	return out
}

func TestATruncatedWeightIsAnError(t *testing.T) {
	w := &graph.Weight{Name: "w", DType: tensor.F32, Shape: tensor.Shape{10, 10}}
	p := part{w: w, dim: 1, lo: 2, hi: 5}
	if err := p.copyTo(t.Context(), &stdbytes.Buffer{}, stdbytes.NewReader(make([]byte, 399))); err == nil {
		t.Error("no error although the last byte is missing")
	}
}
