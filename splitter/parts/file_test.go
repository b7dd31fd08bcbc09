package parts

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
			p := Whole(w)
			if len(shape) > 0 {
				outer := 1
				for _, o := range []int{2, 3, 19} {
					if shape[dim]%o == 0 && rng.IntN(2) == 0 {
						outer = o
					}
				}
				extent := shape[dim] / outer
				lo := rng.IntN(extent)
				p = Part{W: w, Dim: dim, Outer: outer, Lo: lo, Hi: lo + 1 + rng.IntN(extent-lo)}
			}
			var got stdbytes.Buffer
			if err := p.copyTo(t.Context(), &got, stdbytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			if want := indexed(data, p); !stdbytes.Equal(got.Bytes(), want) {
				t.Errorf("%v along %d, %d to %d: %d bytes differ from the %d wanted", shape, dim, p.Lo, p.Hi, got.Len(), len(want))
			}
		}
	}
}

// indexed picks a part element by element.
func indexed(data []byte, p Part) []byte {
	if len(p.W.Shape) == 0 {
		return data
	}
	var out []byte
	for i := range len(data) / 4 {
		at := i
		for d := len(p.W.Shape) - 1; d > p.Dim; d-- {
			at /= p.W.Shape[d]
		}
		if c := at % p.W.Shape[p.Dim] % (p.W.Shape[p.Dim] / max(p.Outer, 1)); c >= p.Lo && c < p.Hi {
			out = append(out, data[4*i:4*i+4]...)
		}
	}
	return out
}

func TestATruncatedWeightIsAnError(t *testing.T) {
	w := &graph.Weight{Name: "w", DType: tensor.F32, Shape: tensor.Shape{10, 10}}
	p := Part{W: w, Dim: 1, Lo: 2, Hi: 5}
	if err := p.copyTo(t.Context(), &stdbytes.Buffer{}, stdbytes.NewReader(make([]byte, 399))); err == nil {
		t.Error("no error although the last byte is missing")
	}
}
