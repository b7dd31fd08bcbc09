package optimise_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/optimise"
)

// maker builds a small model with random constants, and inputs for it.
type maker struct {
	g   *graph.Graph
	rng *rand.Rand
	in  tensor.Named
}

func newMaker(t *testing.T, opset int64) *maker {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return &maker{g: &graph.Graph{Name: "m", Opsets: map[string]int64{"": opset}, Weights: map[string]*graph.Weight{}}, rng: rand.New(rand.NewPCG(seed, 0)), in: tensor.Named{}}
}

func (m *maker) random(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] = float32(m.rng.NormFloat64())
	}
	return t
}

// input enters an input with the given dimensions: a string is a symbol, of size 3.
func (m *maker) input(name string, dims ...any) string {
	v := graph.Value{Name: name, DType: tensor.F32, Ranked: true}
	var shape []int
	for _, d := range dims {
		if s, ok := d.(string); ok {
			v.Dims, shape = append(v.Dims, graph.Dim{Size: -1, Symbol: s}), append(shape, 3)
		} else {
			v.Dims, shape = append(v.Dims, graph.Dim{Size: d.(int)}), append(shape, d.(int))
		}
	}
	m.g.Inputs = append(m.g.Inputs, v)
	m.in[name] = m.random(shape...)
	return name
}

func (m *maker) weight(t *tensor.Tensor) string {
	name := fmt.Sprintf("c%d", len(m.g.Weights))
	m.g.Weights[name] = &graph.Weight{Name: name, DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
	return name
}

func (m *maker) w(shape ...int) string { return m.weight(m.random(shape...)) }

// positive are numbers from 0.5 to 1.5.
func (m *maker) positive(shape ...int) string {
	t := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] = 0.5 + m.rng.Float32()
	}
	return m.weight(t)
}

func (m *maker) number(v float32) string {
	t := tensor.New(tensor.F32)
	tensor.Of[float32](t)[0] = v
	return m.weight(t)
}

func (m *maker) ints(values ...int64) string {
	t := tensor.New(tensor.I64, len(values))
	copy(tensor.Of[int64](t), values)
	return m.weight(t)
}

func (m *maker) node(op string, attrs map[string]graph.Attr, in ...string) string {
	out := fmt.Sprintf("v%d", len(m.g.Nodes))
	m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (m *maker) op(op string, in ...string) string { return m.node(op, nil, in...) }

func (m *maker) output(name string) { m.g.Outputs = append(m.g.Outputs, graph.Value{Name: name}) }

// attrs takes names and values in turn.
func attrs(pairs ...any) map[string]graph.Attr {
	out := map[string]graph.Attr{}
	for i := 0; i < len(pairs); i += 2 {
		a := graph.Attr{}
		switch v := pairs[i+1].(type) {
		case int:
			a = graph.Attr{Kind: graph.AttrInt, Int: int64(v)}
		case float64:
			a = graph.Attr{Kind: graph.AttrFloat, Float: float32(v)}
		case []int64:
			a = graph.Attr{Kind: graph.AttrInts, Ints: v}
		case string:
			a = graph.Attr{Kind: graph.AttrString, Str: v}
		}
		out[pairs[i].(string)] = a
	}
	return out
}

// ops are the graph's operators in order.
func (m *maker) ops() []string {
	var out []string
	for _, n := range m.g.Nodes {
		out = append(out, n.Op)
	}
	return out
}

func run(t *testing.T, g *graph.Graph, in tensor.Named) tensor.Named {
	t.Helper()
	p, err := native.New().Compile(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// memory is a model whose constants are all in memory.
type memory struct{}

func (memory) Read(*graph.Weight) ([]byte, error) { return nil, errors.New("nothing is read") }

func (memory) CanDerive(*graph.Weight) bool { return false }

func (memory) Derive(*graph.Weight, *graph.Weight, func([]byte) ([]byte, error)) {
	panic("nothing is derived")
}

// optimised runs the passes and compares every output before and after: bit by bit when exact, else within 1e-6 of its
// scale.
func (m *maker) optimised(t *testing.T, exact bool) optimise.Summary {
	t.Helper()
	before := run(t, m.g, m.in)
	done, err := optimise.Run(m.g, memory{})
	if err != nil {
		t.Fatal(err)
	}
	bags, err := optimise.Own(m.g, memory{})
	if err != nil {
		t.Fatal(err)
	}
	after := run(t, m.g, m.in)
	for _, name := range before.Names() {
		equal(t, name, after[name], before[name], exact)
	}
	again, err := optimise.Run(m.g, memory{})
	if err != nil || again.Any() {
		t.Errorf("a second run changes the graph: %s, error %v", again, err)
	}
	return done.Add(bags)
}

func equal(t *testing.T, name string, got, want *tensor.Tensor, exact bool) {
	t.Helper()
	if got == nil || got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Errorf("%s is %v, wanted %v", name, got, want)
		return
	}
	if exact || !want.DType().Float() {
		if !slices.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s has other bits", name)
		}
		return
	}
	a, b := tensor.Of[float32](got), tensor.Of[float32](want)
	scale := 0.0
	for _, v := range b {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i := range b {
		if d := math.Abs(float64(a[i]) - float64(b[i])); d > 1e-6*scale {
			t.Errorf("%s: element %d is %g, wanted %g (scale %g)", name, i, a[i], b[i], scale)
			return
		}
	}
}

func scales(list ...float32) *tensor.Tensor {
	t := tensor.New(tensor.F32, len(list))
	copy(tensor.Of[float32](t), list)
	return t
}

func box(list ...float32) *tensor.Tensor {
	t := tensor.New(tensor.F32, 1, len(list))
	copy(tensor.Of[float32](t), list)
	return t
}
