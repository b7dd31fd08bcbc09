package native

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// chain is a graph of n nodes of the operators in turn, from x to y.
func chain(n int, ops ...string) *graph.Graph {
	g := &graph.Graph{Name: "chain", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{},
		Inputs: []graph.Value{value("x", tensor.F32, -1, 8)}}
	last := "x"
	for i := range n {
		out := fmt.Sprint("v", i)
		node := &graph.Node{Name: out, Op: ops[i%len(ops)], Inputs: []string{last}, Outputs: []string{out}}
		switch node.Op {
		case "Reshape":
			g.Weights["shape"] = weight(il([]int64{0, -1}, 2))
			node.Inputs = append(node.Inputs, "shape")
		case "Gemm", "MatMul":
			g.Weights["w"] = weight(tensor.New(tensor.F32, 8, 8))
			node.Inputs = append(node.Inputs, "w")
		}
		g.Nodes, last = append(g.Nodes, node), out
	}
	g.Outputs = []graph.Value{value(last, tensor.F32, -1, 8)}
	return g
}

// No allocation per operator: a warm run of a deep graph allocates what a run of a shallow one does.
func TestRunsAllocateNothingPerOperator(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector drops what is pooled")
	}
	for _, ops := range [][]string{{"Relu"}, {"Relu", "Gemm"}, {"MatMul", "Sigmoid"}, {"Neg", "Reshape"}, {"Exp", "Identity", "Squeeze", "Flatten", "Relu"}} {
		count := func(n int) float64 {
			p := compile(t, chain(n, append(ops, "Relu")...), nil)
			in := tensor.Named{"x": tensor.New(tensor.F32, 3, 8)}
			run := func() {
				if _, err := p.Run(t.Context(), in, nil); err != nil {
					t.Fatal(err)
				}
			}
			run()
			return testing.AllocsPerRun(20, run)
		}
		few, many := count(2*(len(ops)+1)), count(100*(len(ops)+1))
		t.Logf("%v: %v allocations with few nodes, %v with many", ops, few, many)
		if many > few+1 {
			t.Errorf("%v: %v allocations per run with few nodes, %v with many", ops, few, many)
		}
	}
}

// Cells whose lives overlap never share a place, whatever the graph.
func TestPlacesOfLivingCellsAreDisjoint(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		l := &layout{}
		peak := make([]int, 60)
		for range 1 + rng.IntN(120) {
			begin := int32(rng.IntN(40))
			c := spot{dtype: tensor.U8, bytes: rng.IntN(5000), begin: begin, end: begin + int32(rng.IntN(20)), fresh: rng.IntN(10) == 0}
			l.cells = append(l.cells, c)
			for s := c.begin; s <= c.end && !c.fresh; s++ {
				peak[s] += c.bytes + cellAlignment
			}
		}
		l.place()
		most := 0
		for _, p := range peak {
			most = max(most, p)
		}
		for i, a := range l.cells {
			for _, b := range l.cells[:i] {
				if a.fresh || b.fresh || a.end < b.begin || b.end < a.begin || a.bytes == 0 || b.bytes == 0 {
					continue
				}
				if a.offset < b.offset+b.bytes && b.offset < a.offset+a.bytes {
					t.Fatalf("cells %+v and %+v overlap", a, b)
				}
			}
		}
		if l.size > 2*most {
			t.Errorf("a slab of %d bytes, where at most %d live at once", l.size, most)
		}
	}
}

// Layouts are kept for the shapes used last, and runs of any shapes, at once, do not disturb each other.
func TestManyShapesAtOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := deep(t, rng, 8, 32, 16, 8)
	out := g.Outputs[0].Name
	p := compile(t, g, nil)
	const most = 3 * maxLayouts
	data := make([]float32, most*8)
	for i := range data {
		data[i] = float32(rng.NormFloat64())
	}
	whole, err := p.Run(t.Context(), tensor.Named{"v0": f32(t, data, most, 8)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		rng := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for range 100 {
				n := 1 + rng.IntN(most)
				if rng.IntN(2) == 0 {
					n = 1 + rng.IntN(3)
				}
				got, err := p.Run(t.Context(), tensor.Named{"v0": f32(t, data[:n*8], n, 8)}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for i, v := range tensor.Of[float32](got[out]) {
					if v != tensor.Of[float32](whole[out])[i] {
						t.Errorf("%d rows: element %d is %v, in the whole batch %v", n, i, v, tensor.Of[float32](whole[out])[i])
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if kept := len(p.(*program).all.schedule.layouts); kept != maxLayouts {
		t.Errorf("%d layouts are kept, wanted %d", kept, maxLayouts)
	}
}

// Shapes that depend on data depart from the layout of the first run, and come out right.
func TestShapesThatDependOnData(t *testing.T) {
	g := &graph.Graph{Name: "data", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{"zero": weight(il([]int64{0}, 1)), "one": weight(il([]int64{1}, 1))},
		Inputs:  []graph.Value{value("x", tensor.F32, 6), {Name: "n", DType: tensor.I64}},
		Outputs: []graph.Value{{Name: "y"}, {Name: "b"}},
		Nodes: []*graph.Node{
			{Name: "a", Op: "Neg", Inputs: []string{"x"}, Outputs: []string{"a"}},
			{Name: "b", Op: "Slice", Inputs: []string{"a", "zero", "n"}, Outputs: []string{"b"}},
			{Name: "c", Op: "Add", Inputs: []string{"b", "b"}, Outputs: []string{"c"}},
			{Name: "d", Op: "Abs", Inputs: []string{"a"}, Outputs: []string{"d"}},
			{Name: "e", Op: "ReduceSum", Inputs: []string{"d"}, Outputs: []string{"e"}},
			{Name: "f", Op: "Mul", Inputs: []string{"c", "e"}, Outputs: []string{"f"}},
			{Name: "y", Op: "Unsqueeze", Inputs: []string{"f", "one"}, Outputs: []string{"y"}},
		}}
	p := compile(t, g, nil)
	x := f32(t, []float32{1, 2, 3, 4, 5, 6}, 6)
	for i, n := range []int64{3, 3, 3, 5, 0, 6, 3, 5, 1, 3} {
		out, err := p.Run(t.Context(), tensor.Named{"x": x, "n": il([]int64{n}, 1)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := out["y"].Shape(); !got.Equal(tensor.Shape{int(n), 1}) || out["b"].Len() != int(n) {
			t.Fatalf("run %d: shape %v, wanted [%d, 1]", i, got, n)
		}
		for j, v := range tensor.Of[float32](out["y"]) {
			if want := -2 * float32(j+1) * 21; v != want || tensor.Of[float32](out["b"])[j] != -float32(j+1) {
				t.Errorf("run %d: element %d is %v, wanted %v", i, j, v, want)
			}
			tensor.Of[float32](out["y"])[j], tensor.Of[float32](out["b"])[j] = 99, 99 // the caller's
		}
	}
}

// Outputs that are views of one another are separate buffers, in traced runs and in those that follow.
func TestOutputsThatShareMemoryAreSeparated(t *testing.T) {
	g := chain(2, "Relu", "Reshape")
	g.Outputs = append(g.Outputs, value("v0", tensor.F32, -1, 8), value("i", tensor.F32, -1, 8), value("w", tensor.F32, 1))
	g.Nodes = append(g.Nodes, &graph.Node{Name: "i", Op: "Identity", Inputs: []string{"x"}, Outputs: []string{"i"}})
	g.Weights["w"] = weight(f32(t, []float32{5}, 1))
	p := compile(t, g, nil)
	x := f32(t, []float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 8)
	for i := range 4 {
		out, err := p.Run(t.Context(), tensor.Named{"x": x}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, o := range out {
			before := tensor.Of[float32](o)[0]
			if name == "w" && before != 5 || name != "w" && before != 1 {
				t.Errorf("run %d: %s is %v", i, name, before)
			}
			tensor.Of[float32](o)[0] = -1
		}
		for name, o := range out {
			if tensor.Of[float32](o)[0] != -1 {
				t.Errorf("run %d: %s", i, name)
			}
		}
		if tensor.Of[float32](x)[0] != 1 {
			t.Fatal("the input was changed")
		}
		for name, o := range out {
			for other, q := range out {
				if name != other && overlaps(o, q) {
					t.Errorf("run %d: %s and %s share memory", i, name, other)
				}
			}
		}
	}
}

func BenchmarkThousandTrivialNodes(b *testing.B) {
	p := compile(b, chain(1000, "Relu"), nil)
	in := tensor.Named{"x": tensor.New(tensor.F32, 1, 8)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Run(b.Context(), in, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/node")
}
