package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// sample is a merge with random contributions of n shards, specials (NaN, infinities, zeros of both signs) included.
type sample struct {
	name     string
	merge    manifest.Merge
	tables   Tables
	partials []Partial
}

// sprinkle puts special values among the numbers.
func sprinkle(rng *rand.Rand, v []float32) []float32 {
	special := []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-40, 1, 1}
	for i := range v {
		if rng.IntN(6) == 0 {
			v[i] = special[rng.IntN(len(special))]
		}
	}
	return v
}

// sampleAll makes one sample of every merge kind and accumulator.
func sampleAll(t testing.TB, rng *rand.Rand, n int) []sample {
	const rows, cols = 3, 5
	widths := make([]int, n)
	bounds := []int{0}
	for i := range widths {
		widths[i] = 1 + rng.IntN(4)
		bounds = append(bounds, bounds[i]+widths[i])
	}
	each := func(f func(i int) Partial) []Partial {
		p := make([]Partial, n)
		for i := range p {
			p[i] = f(i)
		}
		return p
	}
	floats := func(shape ...int) *tensor.Tensor {
		size, _ := tensor.Shape(shape).Elements()
		return f32s(t, sprinkle(rng, normals32(rng, size)), shape...)
	}
	ints := func(limit int, shape ...int) *tensor.Tensor {
		size, _ := tensor.Shape(shape).Elements()
		v := make([]int64, size)
		for i := range v {
			v[i] = int64(rng.IntN(limit))
		}
		return i64s(t, v, shape...)
	}
	same := each(func(int) Partial { return value(floats(rows, cols)) })
	parts := each(func(i int) Partial { return value(floats(rows, widths[i])) })
	samples := []sample{
		{"sum in F32", manifest.Merge{Kind: "sum", DType: tensor.F32, Acc: tensor.F32}, nil, same},
		{"sum in F64", manifest.Merge{Kind: "sum", DType: tensor.F32, Acc: tensor.F64, Init: []string{manifest.HexF64(0.1)}}, nil, same},
		{"sum in I64", manifest.Merge{Kind: "sum", DType: tensor.I64, Acc: tensor.I64}, nil, each(func(int) Partial { return value(ints(1000, rows)) })},
		{"mean", manifest.Merge{Kind: "mean", DType: tensor.F32, Acc: tensor.F32}, nil, same},
		{"max", manifest.Merge{Kind: "max", DType: tensor.F32}, nil, same},
		{"min", manifest.Merge{Kind: "min", DType: tensor.F64}, nil, same},
		{"concat", manifest.Merge{Kind: "concat", DType: tensor.F32, Dim: 1}, nil, parts},
		{"concat with bounds", manifest.Merge{Kind: "concat", DType: tensor.F64, Dim: 1, Bounds: bounds}, nil, parts},
		{"weighted mean", manifest.Merge{Kind: "weighted_mean", DType: tensor.F64}, nil, each(func(int) Partial {
			return Partial{"value": floats(rows, cols), "weight": ints(5, rows)}
		})},
		{"moments", manifest.Merge{Kind: "moments", DType: tensor.F64, Result: "variance"}, nil, each(func(int) Partial {
			return Partial{"count": ints(5, rows), "mean": floats(rows, cols), "m2": floats(rows, cols)}
		})},
		{"logsumexp", manifest.Merge{Kind: "logsumexp", DType: tensor.F64}, nil, each(func(int) Partial {
			return Partial{"max": floats(rows), "sumexp": floats(rows)}
		})},
		{"softmax", manifest.Merge{Kind: "softmax", DType: tensor.F32, Dim: 1}, nil, each(func(i int) Partial {
			return Partial{"value": floats(rows, widths[i]), "max": floats(rows), "sumexp": floats(rows)}
		})},
		{"vote", manifest.Merge{Kind: "vote", DType: tensor.I64}, nil, each(func(int) Partial { return Partial{"count": ints(3, rows, cols)} })},
	}
	samples = append(samples, topkSamples(t, rng, widths, bounds, floats)...)
	return append(samples, orderedSample(t, rng, parts, bounds[n]), scatterSample(t, rng, widths, floats))
}

func topkSamples(t testing.TB, rng *rand.Rand, widths, bounds []int, floats func(...int) *tensor.Tensor) []sample {
	partials := make([]Partial, len(widths))
	for i, w := range widths {
		var index []int64
		for range 3 {
			for _, p := range rng.Perm(w) {
				index = append(index, int64(p))
			}
		}
		partials[i] = Partial{"value": floats(3, w), "index": i64s(t, index, 3, w)}
	}
	m := manifest.Merge{Kind: "topk", DType: tensor.F32, Dim: 1, K: 4, Bounds: bounds, Result: "value"}
	at := m
	at.DType, at.Result = tensor.I32, "index"
	return []sample{{"topk values", m, nil, partials}, {"topk positions", at, nil, partials}}
}

func orderedSample(t testing.TB, rng *rand.Rand, parts []Partial, columns int) sample {
	to := make([]int32, columns)
	for c := range to {
		to[c] = int32(rng.IntN(2))
	}
	m := manifest.Merge{Kind: "ordered_sum", DType: tensor.F32, Acc: tensor.F32, Table: "to", Init: []string{manifest.HexF32(0.5), manifest.HexF32(-1)}}
	return sample{"ordered sum", m, tables{"to": i32s(t, to, columns)}, parts}
}

func scatterSample(t testing.TB, rng *rand.Rand, widths []int, floats func(...int) *tensor.Tensor) sample {
	total := 0
	for _, w := range widths {
		total += w
	}
	places := rng.Perm(total)
	partials := make([]Partial, len(widths))
	for i, w := range widths {
		index := make([]int64, w)
		for k := range index {
			index[k] = int64(places[k])
		}
		places = places[w:]
		partials[i] = Partial{"value": floats(w, 2), "index": i64s(t, index, w)}
	}
	return sample{"scatter back", manifest.Merge{Kind: "scatter_back", DType: tensor.F32}, nil, partials}
}

// permutations calls f with every order of n positions.
func permutations(n int, f func([]int)) {
	var extend func(done []int)
	extend = func(done []int) {
		if len(done) == n {
			f(done)
			return
		}
		for i := range n {
			if !slices.Contains(done, i) {
				extend(append(slices.Clone(done), i))
			}
		}
	}
	extend(nil)
}

func TestSamplesCoverEveryMergeKind(t *testing.T) {
	have := map[string]bool{}
	for _, s := range sampleAll(t, random(t), 2) {
		have[s.merge.Kind] = true
	}
	for _, feature := range manifest.Features() {
		if kind, ok := cutPrefix(feature, "merge."); ok && !have[kind] {
			t.Errorf("no sample of merge %s", kind)
		}
	}
	for _, kind := range []string{"concat", "sum", "ordered_sum"} {
		if !have[kind] {
			t.Errorf("no sample of merge %s", kind)
		}
	}
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):], true
	}
	return "", false
}

func TestArrivalOrderNeverChangesABit(t *testing.T) {
	rng := random(t)
	t.Run("every order of 5", func(t *testing.T) {
		for _, s := range sampleAll(t, rng, 5) {
			want := inOrder(t, s.merge, 2, s.tables, s.partials, nil)
			permutations(5, func(order []int) {
				if got := inOrder(t, s.merge, 2, s.tables, s.partials, order); !sameBits(got, want) {
					t.Fatalf("%s: order %v gives other bits than the order by position", s.name, order)
				}
			})
		}
	})
	for _, n := range []int{1, 2, 16, 17, 64, 300} {
		t.Run(fmt.Sprintf("random orders of %d", n), func(t *testing.T) {
			for _, s := range sampleAll(t, rng, n) {
				want := inOrder(t, s.merge, 16, s.tables, s.partials, nil)
				for range 5 {
					order := rng.Perm(n)
					if got := inOrder(t, s.merge, 16, s.tables, s.partials, order); !sameBits(got, want) {
						t.Fatalf("%s: order %v gives other bits than the order by position", s.name, order)
					}
				}
			}
		})
	}
}

func TestResultsShareNoMemoryWithPartials(t *testing.T) {
	for _, n := range []int{1, 3} {
		for _, s := range sampleAll(t, random(t), n) {
			got := inOrder(t, s.merge, 16, s.tables, s.partials, nil)
			before := string(got.Bytes())
			invert(s.partials)
			if string(got.Bytes()) != before {
				t.Errorf("%s of %d: changing a partial changed the result", s.name, n)
			}
			invert(s.partials) // samples may share them
		}
	}
}

// invert flips every bit of the partials.
func invert(partials []Partial) {
	for _, p := range partials {
		for _, c := range p {
			for j := range c.Bytes() {
				c.Bytes()[j] ^= 0xff
			}
		}
	}
}

// TestContributionsAreFoldedAsSoonAsTheyMayBe: by position, a tree keeps one accumulator per level; the rest keeps none.
func TestContributionsAreFoldedAsSoonAsTheyMayBe(t *testing.T) {
	const n, radix = 300, 16
	keepAll := map[string]bool{"concat": true, "softmax": true, "scatter back": true}
	for _, s := range sampleAll(t, random(t), n) {
		if keepAll[s.name] {
			continue
		}
		g, err := New(s.merge, n, radix, s.tables)
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		for i, p := range s.partials {
			if err := g.Add(i, p); err != nil {
				t.Fatal(err)
			}
			most = max(most, held(g))
		}
		if most > 3 {
			t.Errorf("%s: %d contributions and accumulators were kept, want at most 3 (the levels of the tree)", s.name, most)
		}
	}
}

// TestWaitingContributionsAreFoldedWithTheirPredecessor: in reverse order all wait but the last of each group that
// closes; a closed group leaves one accumulator.
func TestWaitingContributionsAreFoldedWithTheirPredecessor(t *testing.T) {
	const n, radix = 64, 16
	for _, s := range sampleAll(t, random(t), n) {
		if s.name != "sum in F32" && s.name != "moments" && s.name != "logsumexp" {
			continue
		}
		g, err := New(s.merge, n, radix, s.tables)
		if err != nil {
			t.Fatal(err)
		}
		for i := n - 1; i >= 0; i-- {
			if err := g.Add(i, s.partials[i]); err != nil {
				t.Fatal(err)
			}
			open, closed := i%radix, n/radix-(i+radix-1)/radix
			want := closed
			if open > 0 {
				want += radix - open
			}
			if i == 0 {
				want = 1
			}
			if kept := held(g); kept != want {
				t.Fatalf("%s: after positions %d to %d came, %d are kept, want %d", s.name, n-1, i, kept, want)
			}
		}
	}
}
