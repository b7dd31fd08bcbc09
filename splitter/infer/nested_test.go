package infer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func bodyAttr(name string, inputs []graph.Value, nodes []*graph.Node, results ...string) graph.Attr {
	g := &graph.Graph{Name: name, Inputs: inputs, Nodes: nodes, Weights: map[string]*graph.Weight{}}
	for _, r := range results {
		g.Outputs = append(g.Outputs, graph.Value{Name: r})
	}
	return graph.Attr{Kind: graph.AttrGraph, Graph: g}
}

// nesting makes nodes within nodes: kinds are drawn by pick, and each level adds the rows of the level inside to its own.
func nesting(levels int, pick func(level int) string) *graph.Node {
	inner := []*graph.Node{{Name: "add", Op: "Add", Inputs: []string{"x", "x"}, Outputs: []string{"v0"}}}
	for i := 1; ; i++ {
		name := func(what string) string { return fmt.Sprint(what, i) }
		from := fmt.Sprint("h", i+1)
		if i == levels {
			from = "x"
		}
		result := fmt.Sprint("v", i-1)
		grow := &graph.Node{Name: name("grow"), Op: "Concat", Inputs: []string{name("h"), result}, Outputs: []string{name("grown")},
			Attrs: map[string]graph.Attr{"axis": {Kind: graph.AttrInt}}}
		start := &graph.Node{Name: name("start"), Op: "Identity", Inputs: []string{from}, Outputs: []string{name("h")}}
		h := graph.Value{Name: name("h"), DType: tensor.F32}
		n := &graph.Node{Name: name("node"), Op: pick(i), Outputs: []string{name("v")}}
		switch n.Op {
		case "If":
			n.Inputs = []string{"c"}
			n.Attrs = map[string]graph.Attr{"then_branch": bodyAttr(name("then"), nil, append([]*graph.Node{start}, append(inner, grow)...), name("grown")),
				"else_branch": bodyAttr(name("else"), nil, []*graph.Node{{Name: "neg", Op: "Neg", Inputs: []string{from}, Outputs: []string{name("other")}}}, name("other"))}
		case "Loop":
			n.Inputs = []string{"m", "", from}
			n.Attrs = map[string]graph.Attr{"body": bodyAttr(name("body"), []graph.Value{{Name: name("turn"), DType: tensor.I64, Ranked: true},
				{Name: name("again"), DType: tensor.Bool, Ranked: true}, h}, append(inner, grow), name("again"), name("grown"))}
		case "Scan":
			n.Inputs, n.Outputs = []string{from, "x"}, append(n.Outputs, name("rows"))
			n.Attrs = map[string]graph.Attr{"num_scan_inputs": {Kind: graph.AttrInt, Int: 1}, "body": bodyAttr(name("body"), []graph.Value{h, {Name: name("row"), DType: tensor.F32}},
				append(inner, grow, &graph.Node{Name: name("abs"), Op: "Abs", Inputs: []string{name("row")}, Outputs: []string{name("positive")}}), name("grown"), name("positive"))}
		}
		if i == levels {
			return n
		}
		inner = []*graph.Node{n}
	}
}

func nestingScope() *Scope {
	s := NewScope(map[string]int64{"": 17})
	s.Define("x", Value{DType: tensor.F32, Ranked: true, Dims: []Dim{Symbol("batch"), Const(4)}})
	s.Define("c", Value{DType: tensor.Bool, Ranked: true})
	s.Define("m", Value{DType: tensor.I64, Ranked: true})
	return s
}

// The number of ways through bodies within bodies is a power of their depth: 40 levels end only when each body is inferred
// for each type once.
func TestBodiesWithinBodiesAreInferredOnceForEachType(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for name, pick := range map[string]func(int) string{
		"If":   func(int) string { return "If" },
		"Loop": func(int) string { return "Loop" },
		"Scan": func(int) string { return "Scan" },
		"all":  func(int) string { return []string{"If", "Loop", "Scan"}[r.IntN(3)] },
	} {
		n := nesting(40, pick)
		out, err := nestingScope().Node(n)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, name, err)
		}
		if v := out[0]; v.DType != tensor.F32 || v.Rank() != 2 || !v.Dims[1].Is(4) {
			t.Errorf("seed %d: %s: %s", seed, name, v)
		}
		if _, known := out[0].Dims[0].Fixed(); known || out[0].Dims[0].Has("batch") {
			t.Errorf("seed %d: %s: %s, but the rows depend on the iterations", seed, name, out[0])
		}
		if name == "Scan" && (!out[1].Dims[0].Has("batch") || !out[1].Dims[1].Is(4)) {
			t.Errorf("%s: the scanned rows are %s", name, out[1])
		}
	}
}

// A body that has outputs of sizes of which nothing is known has other ones each time, so that a size that is the same in
// both iterations of a body was inferred to be so.
func TestSizesMadeUpForABodyAreMadeUpAnewEachTime(t *testing.T) {
	s := nestingScope()
	find := []*graph.Node{{Name: "find", Op: "NonZero", Inputs: []string{"x"}, Outputs: []string{"places"}}}
	n := &graph.Node{Name: "if", Op: "If", Inputs: []string{"c"}, Outputs: []string{"found"}, Attrs: map[string]graph.Attr{
		"then_branch": bodyAttr("then", nil, find, "places"), "else_branch": bodyAttr("else", nil, find, "places")}}
	n.Attrs["else_branch"] = n.Attrs["then_branch"] // the very same graph, inferred once
	out, err := s.Node(n)
	if err != nil {
		t.Fatal(err)
	}
	then, err := s.Node(&graph.Node{Name: "again", Op: "Identity", Inputs: []string{"found"}, Outputs: []string{"same"}})
	if err != nil || !then[0].Dims[1].Equal(out[0].Dims[1]) {
		t.Fatalf("%v %v", then, err)
	}
	c := &call{scope: s}
	a, errA := c.subgraph(n.Attrs["then_branch"].Graph, nil)
	b, errB := c.subgraph(n.Attrs["then_branch"].Graph, nil)
	if errA != nil || errB != nil || a[0].Dims[1].Equal(b[0].Dims[1]) || !a[0].Dims[0].Equal(b[0].Dims[0]) {
		t.Errorf("%v %v, %v %v", a, b, errA, errB)
	}
}
