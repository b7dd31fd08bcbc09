package program

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/aggregate"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// normed is two products with a normalisation between them.
type normed struct {
	rms    bool
	steps  int // rows that are normalised together, 1 for each on its own
	shift  float64
	bias   bool
	scalar bool // a scale of one element
}

// build is Linear, normalisation, Relu, Linear of random sizes. The hidden layer's width is returned.
func (c normed) build(m *maker) int {
	in, width, out, batch := 1+m.rng.IntN(6), 2+m.rng.IntN(30), 1+m.rng.IntN(5), 1+m.rng.IntN(3)
	x := m.input("x", m.random(batch, c.steps, in))
	shift := m.random(width)
	for i := range tensor.Of[float32](shift) {
		tensor.Of[float32](shift)[i] += float32(c.shift)
	}
	h := m.node("Add", nil, "h", m.node("MatMul", nil, "product", x, m.w("w1", in, width)), m.weight("shift", shift))
	shape, axis := []int{width}, int64(-1)
	if c.steps > 1 {
		shape, axis = []int{c.steps, width}, 1
	}
	if c.scalar {
		shape = []int{1}
	}
	inputs := []string{h, m.w("scale", shape...)}
	op := "LayerNormalization"
	if c.rms {
		op = "RMSNormalization"
	} else if c.bias {
		inputs = append(inputs, m.w("bias", shape...))
	}
	y := m.node(op, map[string]graph.Attr{"axis": intAttr(axis), "epsilon": {Kind: graph.AttrFloat, Float: 1e-3}}, "norm", inputs...)
	m.output(m.node("MatMul", nil, "out", m.node("Relu", nil, "relu", y), m.w("w2", width, out)))
	return width
}

// pair are the region in front of the normalisation and the one behind it.
func pair(t *testing.T, g *sharding.Graph) (front, behind *sharding.Region, n sharding.Norm) {
	t.Helper()
	for _, r := range g.Regions() {
		if list := g.Behind(r); len(list) == 1 {
			behind, n = r, list[0]
		}
	}
	for _, r := range g.Regions() {
		if slices.ContainsFunc(r.Outputs, func(b sharding.Border) bool { return b.Value == "h" && b.Placement.Kind == sharding.Shard }) {
			front = r
		}
	}
	if front == nil || behind == nil {
		t.Fatalf("regions in front %v and behind %v", front, behind)
	}
	return front, behind, n
}

// randomBounds cuts units into n parts, some of which may be empty.
func randomBounds(rng *rand.Rand, units, n int) []int {
	out := []int{0, units}
	for len(out) <= n {
		out = append(out, rng.IntN(units+1))
	}
	slices.Sort(out)
	return out
}

// stageValues runs a stage and merges what its shards yield as the manifest tells, in the order of arrival.
func stageValues(t *testing.T, s *Stage, all tensor.Named, order []int) tensor.Named {
	t.Helper()
	partials := map[int]tensor.Named{}
	for p := range s.Shards {
		g := s.Program(p, inMemory(t))
		if g == nil {
			continue
		}
		compiled, err := native.New().Compile(g, nil)
		if err != nil {
			t.Fatal(err)
		}
		in := tensor.Named{}
		for _, i := range s.Inputs() {
			if in[i.Name] = all[i.Value]; i.Placement.Kind == sharding.Shard {
				in[i.Name] = cutTensor(all[i.Value], i.Placement.Dim, i.Bounds[p], i.Bounds[p+1])
			}
		}
		if partials[p], err = compiled.Run(t.Context(), in, nil); err != nil {
			t.Fatal(err)
		}
	}
	out := tensor.Named{}
	for _, o := range s.Outputs() {
		merger, err := aggregate.New(mergeOf(&o), len(o.Positions), manifest.Radix, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range order {
			if at := slices.Index(o.Positions, p); at >= 0 {
				partial := aggregate.Partial{}
				for _, c := range o.Parts() {
					partial[c.Role] = partials[p][c.Name]
				}
				if err := merger.Add(at, partial); err != nil {
					t.Fatal(err)
				}
			}
		}
		if out[o.Name], err = merger.Result(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func mergeOf(o *Output) manifest.Merge {
	switch {
	case o.Merge != "":
		return manifest.Merge{Kind: o.Merge, Result: o.Result, DType: o.Type.DType}
	case o.Placement.Kind == sharding.Partial:
		return manifest.Merge{Kind: manifest.MergeSum, DType: o.Type.DType, Acc: tensor.F64}
	}
	return manifest.Merge{Kind: manifest.MergeConcat, DType: o.Type.DType, Dim: o.Placement.Dim, Bounds: o.Bounds}
}

// normTolerance is how far the result of the products may lie from the unsharded model's: 1e-5 of its largest value, as all sums do, and what rounding
// does before the second product. Mean and variance are float64 until they are whole, and rounded once; beside a mean of many deviations that is
// half a unit in the mean's last place over the deviation, for each element.
func normTolerance(g *graph.Graph, got tensor.Named, n sharding.Norm) tensor.Tolerance {
	ratio := 0.0
	for r, spread := range tensor.Of[float32](got[n.Spread]) {
		if !n.RMS {
			ratio = max(ratio, math.Abs(float64(tensor.Of[float32](got[n.Mean])[r]))/math.Sqrt(float64(spread)+1e-3))
		}
	}
	largest := func(name string) float64 {
		v := 0.0
		if w := g.Weights[name]; w != nil {
			for i := 0; i < len(w.Data); i += 4 {
				v = max(v, math.Abs(float64(math.Float32frombits(binary.LittleEndian.Uint32(w.Data[i:])))))
			}
		}
		return v
	}
	width := float64(g.Weights["w2"].Shape[0])
	return tensor.Tolerance{Scale: 1e-5, Abs: math.Exp2(-24) * width * largest("w2") * (largest("scale")*(ratio+8*math.Sqrt(float64(n.Count))) + 8*largest("bias"))}
}

// Normalisations over a cut dimension: for random sizes, numbers of shards and bounds, which need not be the same in front and behind, the shards' parts
// yield what the whole model does, with the same bits in whatever order they arrive.
func TestNormalisationOverACutDimensionByMoments(t *testing.T) {
	for _, c := range []normed{{steps: 1}, {steps: 1, bias: true}, {steps: 3, bias: true}, {steps: 1, scalar: true, bias: true}, {steps: 1, bias: true, shift: 1000}, {steps: 1, rms: true}, {steps: 4, rms: true}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			rng := seeded(t)
			for range 12 {
				m := newMaker(rng, 23)
				width := c.build(m)
				g, all := prepare(t, m)
				front, behind, n := pair(t, g)
				if !slices.ContainsFunc(behind.Nodes, func(i int) bool { return g.Nodes[i].Name == "relu" }) {
					t.Error("the function behind the normalisation is not the shards'")
				}
				shards := 1 + rng.IntN(min(width, 20))
				first, second := randomBounds(rng, front.Units, shards), randomBounds(rng, behind.Units, shards)
				a := stageOf("a", g, shards, Piece{Region: front, Bounds: first, Moments: map[string]sharding.Norm{n.X: n}})
				b := stageOf("b", g, shards, Piece{Region: behind, Bounds: second, Norms: map[string]sharding.Norm{n.Y: n}})
				run := func() tensor.Named {
					values := tensor.Named{"x": all["x"]}
					for _, s := range []*Stage{a, b} {
						for name, v := range stageValues(t, s, values, rng.Perm(shards)) {
							values[name] = v
						}
					}
					return values
				}
				once, again := run(), run()
				for name := range once {
					if !slices.Equal(once[name].Bytes(), again[name].Bytes()) {
						t.Errorf("%s has other bits in another order of arrival", name)
					}
				}
				d, err := tensor.Diff(once["out"], all["out"], normTolerance(m.g, once, n))
				if err != nil || d.Beyond > 0 {
					t.Errorf("%d shards, cut at %v and %v: %v %v", shards, first, second, d, err)
				}
				checkMoments(t, all["h"], once, n)
			}
		})
	}
}

func stageOf(name string, g *sharding.Graph, shards int, p Piece) *Stage {
	list := make([]int, shards)
	for i := range list {
		list[i] = i
	}
	return NewStage(name, g, list, []Piece{p})
}

// checkMoments compares merged moments with those of the whole in float64.
func checkMoments(t *testing.T, x *tensor.Tensor, got tensor.Named, n sharding.Norm) {
	t.Helper()
	elements := tensor.Of[float32](x)
	for r, spread := range tensor.Of[float32](got[n.Spread]) {
		row := elements[r*n.Count : (r+1)*n.Count]
		mean, m2 := 0.0, 0.0
		for _, v := range row {
			if !n.RMS {
				mean += float64(v) / float64(n.Count)
			}
		}
		for _, v := range row {
			m2 += (float64(v) - mean) * (float64(v) - mean)
		}
		if !n.RMS {
			m2 /= float64(n.Count)
			if got := float64(tensor.Of[float32](got[n.Mean])[r]); math.Abs(got-mean) > 1e-7*(math.Abs(mean)+math.Sqrt(m2)) {
				t.Errorf("row %d has the mean %v, wanted %v", r, got, mean)
			}
		}
		if math.Abs(float64(spread)-m2) > 1e-6*m2 {
			t.Errorf("row %d: %s is %v, wanted %v", r, n.Spread, spread, m2)
		}
	}
}
