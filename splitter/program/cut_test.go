package program

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/parts"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// maker builds a small model with random weights.
type maker struct {
	g   *graph.Graph
	rng *rand.Rand
	in  tensor.Named
}

func newMaker(rng *rand.Rand, opset int64) *maker {
	return &maker{g: &graph.Graph{Name: "m", Opsets: map[string]int64{"": opset}, Weights: map[string]*graph.Weight{}}, rng: rng, in: tensor.Named{}}
}

func (m *maker) random(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] = float32(m.rng.NormFloat64())
	}
	return t
}

func (m *maker) input(name string, t *tensor.Tensor) string {
	v := graph.Value{Name: name, DType: t.DType(), Ranked: true}
	for _, d := range t.Shape() {
		v.Dims = append(v.Dims, graph.Dim{Size: d})
	}
	m.g.Inputs = append(m.g.Inputs, v)
	m.in[name] = t
	return name
}

func (m *maker) weight(name string, t *tensor.Tensor) string {
	m.g.Weights[name] = &graph.Weight{Name: name, DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
	return name
}

func (m *maker) w(name string, shape ...int) string { return m.weight(name, m.random(shape...)) }

func (m *maker) ints(name string, values ...int64) string {
	t, err := tensor.FromSlice(tensor.I64, values, len(values))
	if err != nil {
		panic(err)
	}
	return m.weight(name, t)
}

func (m *maker) node(op string, attrs map[string]graph.Attr, out string, in ...string) string {
	m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (m *maker) output(name string) { m.g.Outputs = append(m.g.Outputs, graph.Value{Name: name}) }

func intAttr(v int64) graph.Attr { return graph.Attr{Kind: graph.AttrInt, Int: v} }

func intsAttr(v ...int64) graph.Attr { return graph.Attr{Kind: graph.AttrInts, Ints: v} }

// evaluate computes every value of the graph.
func evaluate(t *testing.T, g *graph.Graph, in tensor.Named) tensor.Named {
	t.Helper()
	all := *g
	all.Outputs = nil
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			if o != "" {
				all.Outputs = append(all.Outputs, graph.Value{Name: o})
			}
		}
	}
	p, err := native.New().Compile(&all, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range in {
		out[name] = v
	}
	return out
}

// prepare gives the graph the types of its values as they come out.
func prepare(t *testing.T, m *maker) (*sharding.Graph, tensor.Named) {
	t.Helper()
	all := evaluate(t, m.g, m.in)
	types := map[string]graph.Value{}
	enter := func(name string, d tensor.DType, s tensor.Shape) {
		v := graph.Value{Name: name, DType: d, Ranked: true}
		for _, n := range s {
			v.Dims = append(v.Dims, graph.Dim{Size: n})
		}
		types[name] = v
	}
	for name, x := range all {
		enter(name, x.DType(), x.Shape())
	}
	for name, w := range m.g.Weights {
		enter(name, w.DType, w.Shape)
	}
	return sharding.New(m.g, types), all
}

// inMemory enters parts of weights as constants of the program.
func inMemory(t *testing.T) func(*graph.Graph, parts.Part) string {
	return func(g *graph.Graph, p parts.Part) string {
		f := parts.New("file", nil)
		name := f.Add(p)
		name = fmt.Sprintf("%s@%d.%d.%d-%d", name, p.Dim, p.Outer, p.Lo, p.Hi)
		data, err := p.Load(t.Context(), p.W.Data)
		if err != nil {
			t.Fatal(err)
		}
		g.Weights[name] = &graph.Weight{Name: name, DType: p.W.DType, Shape: p.Shape(), Data: data}
		return name
	}
}

// checkRegions cuts the model by every region that it has, into several numbers of shards, and compares every value that leaves a region
// with the uncut model's.
func checkRegions(t *testing.T, m *maker, wantRegions ...string) {
	t.Helper()
	g, all := prepare(t, m)
	regions := g.Regions()
	var found []string
	for _, r := range regions {
		found = append(found, describe(g, r))
		for _, n := range []int{1, 2, 3, 4, 7} {
			if n <= r.Units {
				checkCut(t, g, all, r, n)
			}
		}
	}
	for _, w := range wantRegions {
		if !slices.Contains(found, w) {
			t.Errorf("no region is %q; found:\n%q", w, found)
		}
	}
}

// describe is a region in one line: its nodes and its results' placements.
func describe(g *sharding.Graph, r *sharding.Region) string {
	s := fmt.Sprint(r.Units)
	for _, i := range r.Nodes {
		s += " " + g.Nodes[i].Name
	}
	for _, o := range r.Outputs {
		s += " -> " + o.Value + " " + o.Placement.String()
	}
	return s
}

func checkCut(t *testing.T, g *sharding.Graph, all tensor.Named, r *sharding.Region, n int) {
	t.Helper()
	checkBounds(t, g, all, r, r.Bounds(n))
}

func addOnce(t *testing.T, g *sharding.Graph, o *Output, partial *tensor.Tensor) *tensor.Tensor {
	nodes, consts := OnceNodes(g, o)
	bias := g.Nodes[o.Once].Inputs[2]
	consts[bias] = g.Weight(bias)
	v := g.Values[o.Of]
	v.Name = o.Name
	p, err := native.New().Compile(&graph.Graph{Name: "once", Opsets: g.Opsets, Inputs: []graph.Value{v}, Outputs: []graph.Value{{Name: o.Of}}, Nodes: nodes, Weights: consts}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(t.Context(), tensor.Named{o.Name: partial}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out[o.Of]
}

func blocks(t *tensor.Tensor, dim int) (outer, inner int) {
	outer, inner = 1, t.DType().Size()
	for d, n := range t.Shape() {
		if d < dim {
			outer *= n
		} else if d > dim {
			inner *= n
		}
	}
	return outer, inner
}

func cutTensor(t *tensor.Tensor, dim, lo, hi int) *tensor.Tensor {
	shape := t.Shape().Clone()
	shape[dim] = hi - lo
	out := tensor.New(t.DType(), shape...)
	outer, inner := blocks(t, dim)
	for o := range outer {
		copy(out.Bytes()[o*(hi-lo)*inner:(o+1)*(hi-lo)*inner], t.Bytes()[(o*t.Dim(dim)+lo)*inner:])
	}
	return out
}

func merge(p sharding.Placement, list []*tensor.Tensor) *tensor.Tensor {
	if p.Kind == sharding.Shard {
		shape := list[0].Shape().Clone()
		shape[p.Dim] = 0
		for _, t := range list {
			shape[p.Dim] += t.Dim(p.Dim)
		}
		out := tensor.New(list[0].DType(), shape...)
		at := 0
		for _, t := range list {
			outer, inner := blocks(t, p.Dim)
			run := t.Dim(p.Dim) * inner
			for o := range outer {
				copy(out.Bytes()[(o*shape[p.Dim]+at)*inner:], t.Bytes()[o*run:(o+1)*run])
			}
			at += t.Dim(p.Dim)
		}
		return out
	}
	out := tensor.New(list[0].DType(), list[0].Shape()...)
	for i := range tensor.Of[float32](out) {
		v := float64(tensor.Of[float32](list[0])[i])
		for _, t := range list[1:] {
			x := float64(tensor.Of[float32](t)[i])
			switch p.Op {
			case "sum":
				v += x
			case "max":
				v = max(v, x)
			case "min":
				v = min(v, x)
			}
		}
		tensor.Of[float32](out)[i] = float32(v)
	}
	return out
}

func close(want, got *tensor.Tensor) error {
	if !want.Shape().Equal(got.Shape()) || want.DType() != got.DType() {
		return fmt.Errorf("wanted %v, found %v", want, got)
	}
	if want.DType() != tensor.F32 {
		if !slices.Equal(want.Bytes(), got.Bytes()) {
			return fmt.Errorf("the elements differ")
		}
		return nil
	}
	scale, worst := 1e-6, 0.0
	for i, w := range tensor.Of[float32](want) {
		scale = max(scale, math.Abs(float64(w)))
		worst = max(worst, math.Abs(float64(w-tensor.Of[float32](got)[i])))
		if g := tensor.Of[float32](got)[i]; math.IsNaN(float64(g)) != math.IsNaN(float64(w)) {
			return fmt.Errorf("element %d: wanted %v, found %v", i, w, g)
		}
	}
	if worst > 1e-5*scale {
		return fmt.Errorf("differs by %g at a scale of %g", worst, scale)
	}
	return nil
}

func TestPerceptron(t *testing.T) {
	m := newMaker(seeded(t), 17)
	x := m.input("x", m.random(3, 20))
	h := m.node("Relu", nil, "relu", m.node("Gemm", map[string]graph.Attr{"transB": intAttr(1), "beta": {Kind: graph.AttrFloat, Float: 0.5}}, "fc1", x, m.w("w1", 24, 20), m.w("b1", 24)))
	y := m.node("Gemm", map[string]graph.Attr{"beta": {Kind: graph.AttrFloat, Float: 2}}, "fc2", h, m.w("w2", 24, 30), m.w("b2", 30))
	m.output(m.node("Add", nil, "out", y, m.w("b3", 1, 1)))
	checkRegions(t, m, "24 fc1 relu fc2 -> fc2 Partial(sum)", "20 fc1 -> fc1 Partial(sum)", "30 fc2 out -> out Shard(1)")
}

// attention is torch's: projections to heads, products over heads, and back.
func TestAttentionIsCutByHeads(t *testing.T) {
	const batch, steps, heads, size = 2, 5, 6, 8
	m := newMaker(seeded(t), 17)
	x := m.input("x", m.random(batch, steps, heads*size))
	m.ints("split", batch, steps, heads, size)
	m.ints("join", 0, 0, -1)
	project := func(name string, perm ...int64) string {
		p := m.node("Add", nil, name+"b", m.node("MatMul", nil, name, x, m.w("w"+name, heads*size, heads*size)), m.w("b"+name, heads*size))
		return m.node("Transpose", map[string]graph.Attr{"perm": intsAttr(perm...)}, name+"t", m.node("Reshape", nil, name+"r", p, "split"))
	}
	q, k, v := project("q", 0, 2, 1, 3), project("k", 0, 2, 3, 1), project("v", 0, 2, 1, 3)
	m.w("mask", 1, 1, steps, steps)
	scores := m.node("Softmax", map[string]graph.Attr{"axis": intAttr(-1)}, "soft", m.node("Add", nil, "masked", m.node("MatMul", nil, "qk", q, k), "mask"))
	c := m.node("Reshape", nil, "joined", m.node("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 2, 1, 3)}, "ct", m.node("MatMul", nil, "context", scores, v)), "join")
	o := m.node("Add", nil, "ob", m.node("MatMul", nil, "o", c, m.w("wo", heads*size, heads*size)), m.w("bo", heads*size))
	m.output(m.node("Add", nil, "residual", o, x))
	checkRegions(t, m, "6 q qb qr qt k kb kr kt v vb vr vt qk masked soft context ct joined o -> o Partial(sum)")
}

func TestEmbeddingTablesAreCutByRowsAndByColumns(t *testing.T) {
	rng := seeded(t)
	m := newMaker(rng, 17)
	ids := tensor.New(tensor.I64, 3, 4)
	for i := range tensor.Of[int64](ids) {
		tensor.Of[int64](ids)[i] = int64(rng.IntN(2*50) - 50)
	}
	e := m.node("Gather", nil, "lookup", m.w("table", 50, 12), m.input("ids", ids))
	p := m.node("Add", nil, "sum", e, m.w("positions", 4, 12))
	m.output(m.node("ReduceMean", map[string]graph.Attr{"axes": intsAttr(-1), "keepdims": intAttr(1)}, "mean", p))
	checkRegions(t, m, "50 lookup -> lookup Partial(sum)", "12 lookup sum -> sum Shard(2)")
}

// An index that no row has fails, whichever shard would have it.
func TestALookUpBeyondTheTableFails(t *testing.T) {
	for _, bad := range []int64{50, 1000, -51, -1000, math.MaxInt64, math.MinInt64} {
		m := newMaker(seeded(t), 17)
		m.output(m.node("Gather", nil, "lookup", m.w("table", 50, 12), m.input("ids", tensor.New(tensor.I64, 1))))
		g, all := prepare(t, m)
		for _, r := range g.Regions() {
			if !r.Lookup(0) {
				continue
			}
			s := NewStage("stage", g, []int{0, 1, 2}, []Piece{{Region: r, Bounds: r.Bounds(3)}})
			failed := 0
			for p := range 3 {
				compiled, err := native.New().Compile(s.Program(p, inMemory(t)), nil)
				if err != nil {
					t.Fatal(err)
				}
				ids := all["ids"].Bytes()
				binary.LittleEndian.PutUint64(ids, uint64(bad))
				if _, err := compiled.Run(t.Context(), tensor.Named{"ids": all["ids"]}, nil); err != nil {
					failed++
				}
			}
			if failed == 0 {
				t.Errorf("index %d: no shard failed", bad)
			}
		}
	}
}
