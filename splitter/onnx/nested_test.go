package onnx_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// deepest is how many graphs a file can hold within each other: protobuf's libraries read 100 messages, three for each.
const deepest = 32

// nested is a graph of x [rows, 4] and another input, whose one node stands in others of its kind.
func nested(levels int, asked graph.Value, around func(level int, inner []*graph.Node, result string) *graph.Node) *graph.Graph {
	inner := []*graph.Node{{Name: "add", Op: "Add", Inputs: []string{"x", "x"}, Outputs: []string{"v0"}}}
	for i := 1; i <= levels; i++ {
		inner = []*graph.Node{around(i, inner, fmt.Sprint("v", i-1))}
	}
	return &graph.Graph{Name: "nested", Opsets: map[string]int64{"": 17},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1}, {Size: 4}}}, asked},
		Outputs: []graph.Value{{Name: fmt.Sprint("v", levels), DType: tensor.F32}}, Nodes: inner, Weights: map[string]*graph.Weight{}}
}

func subgraph(name string, inputs []graph.Value, nodes []*graph.Node, results ...string) graph.Attr {
	g := &graph.Graph{Name: name, Inputs: inputs, Nodes: nodes, Weights: map[string]*graph.Weight{}}
	for _, r := range results {
		g.Outputs = append(g.Outputs, graph.Value{Name: r})
	}
	return graph.Attr{Kind: graph.AttrGraph, Graph: g}
}

// nestedIfs are Ifs in the first branches of others; the second branches give -x.
func nestedIfs(levels int) *graph.Graph {
	return nested(levels, graph.Value{Name: "c", DType: tensor.Bool, Ranked: true}, func(i int, inner []*graph.Node, result string) *graph.Node {
		other := fmt.Sprint("other", i)
		return &graph.Node{Name: fmt.Sprint("if", i), Op: "If", Inputs: []string{"c"}, Outputs: []string{fmt.Sprint("v", i)}, Attrs: map[string]graph.Attr{
			"then_branch": subgraph(fmt.Sprint("then", i), nil, inner, result),
			"else_branch": subgraph(fmt.Sprint("else", i), nil, []*graph.Node{{Name: "neg", Op: "Neg", Inputs: []string{"x"}, Outputs: []string{other}}}, other)}}
	})
}

// nestedLoops are Loops in the bodies of others. Each carries rows to which its body adds those of the loop inside.
func nestedLoops(levels int) *graph.Graph {
	return nested(levels, graph.Value{Name: "m", DType: tensor.I64, Ranked: true}, func(i int, inner []*graph.Node, result string) *graph.Node {
		name := func(what string) string { return fmt.Sprint(what, i) }
		body := append(inner,
			&graph.Node{Name: name("go"), Op: "Identity", Inputs: []string{name("again")}, Outputs: []string{name("goes")}},
			&graph.Node{Name: name("grow"), Op: "Concat", Inputs: []string{name("h"), result}, Outputs: []string{name("grown")}, Attrs: map[string]graph.Attr{"axis": integer(0)}})
		from := "x"
		if i < levels {
			from = fmt.Sprint("h", i+1) // what the loop around carries
		}
		return &graph.Node{Name: name("loop"), Op: "Loop", Inputs: []string{"m", "", from}, Outputs: []string{name("v")}, Attrs: map[string]graph.Attr{
			"body": subgraph(name("body"), []graph.Value{{Name: name("turn"), DType: tensor.I64, Ranked: true}, {Name: name("again"), DType: tensor.Bool, Ranked: true},
				{Name: name("h"), DType: tensor.F32}}, body, name("goes"), name("grown"))}}
	})
}

// Inference takes time for each graph, not for each way through the graphs within graphs; so does what runs them.
func TestDeeplyNestedBodiesAreInspectedSplitAndRun(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	x := tensor.New(tensor.F32, 2, 4)
	for i := range x.Len() {
		tensor.Of[float32](x)[i] = r.Float32()
	}
	yes, err := tensor.FromSlice(tensor.Bool, []bool{true})
	if err != nil {
		t.Fatal(err)
	}
	one, err := tensor.FromSlice(tensor.I64, []int64{1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		g    *graph.Graph
		in   tensor.Named
		kept int // how often x stands in the result, before x + x
	}{
		"ifs":   {nestedIfs(deepest), tensor.Named{"x": x, "c": yes}, 0},
		"loops": {nestedLoops(deepest), tensor.Named{"x": x, "m": one}, deepest},
	} {
		t.Run(name, func(t *testing.T) {
			path := encoded(t, c.g)
			info := inspect(t, path)
			if len(info.Opaque) > 0 || info.Operators["If"]+info.Operators["Loop"] != deepest {
				t.Fatalf("seed %d: %v %+v", seed, info.Operators, info.Opaque)
			}
			dir, m := split(t, path, 1)
			got := open(t, dir, m).run(c.in)["v32"]
			if want := (tensor.Shape{2 * (c.kept + 1), 4}); !got.Shape().Equal(want) {
				t.Fatalf("seed %d: %v, wanted %v", seed, got, want)
			}
			for i, v := range tensor.Of[float32](got) {
				want := tensor.Of[float32](x)[i%x.Len()]
				if i >= c.kept*x.Len() {
					want *= 2
				}
				if v != want {
					t.Fatalf("seed %d: element %d is %v, wanted %v", seed, i, v, want)
				}
			}
		})
	}
}

func TestBodiesNestedDeeperThanProtobufReadsAreRefused(t *testing.T) {
	_, err := onnx.Encode(nestedIfs(deepest + 1))
	var u *onnx.UnsupportedError
	if !errors.As(err, &u) {
		t.Errorf("error %v", err)
	}
}
