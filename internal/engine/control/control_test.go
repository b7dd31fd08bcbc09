package control_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fl(values []float32, shape ...int) *tensor.Tensor { return of(tensor.F32, values, shape) }
func il(values []int64, shape ...int) *tensor.Tensor   { return of(tensor.I64, values, shape) }
func truth(v bool) *tensor.Tensor                      { return of(tensor.Bool, []bool{v}, nil) }

func of[T tensor.Element](d tensor.DType, values []T, shape tensor.Shape) *tensor.Tensor {
	t, err := tensor.FromSlice(d, values, shape...)
	if err != nil {
		panic(err)
	}
	return t
}

func node(op, in, out string, attrs ...any) *graph.Node {
	n := &graph.Node{Name: op + " " + out, Op: op, Attrs: map[string]graph.Attr{}}
	split := func(s string) []string {
		if s == "" {
			return nil
		}
		list := strings.Split(s, " ")
		for i := range list {
			list[i] = strings.Trim(list[i], "-") // a dash is an absent one
		}
		return list
	}
	n.Inputs, n.Outputs = split(in), split(out)
	for i := 0; i < len(attrs); i += 2 {
		var a graph.Attr
		switch v := attrs[i+1].(type) {
		case int:
			a = graph.Attr{Kind: graph.AttrInt, Int: int64(v)}
		case []int64:
			a = graph.Attr{Kind: graph.AttrInts, Ints: v}
		case *graph.Graph:
			a = graph.Attr{Kind: graph.AttrGraph, Graph: v}
		}
		n.Attrs[attrs[i].(string)] = a
	}
	return n
}

func constant(out string, t *tensor.Tensor) *graph.Node {
	n := node("Constant", "", out)
	n.Attrs["value"] = graph.Attr{Kind: graph.AttrTensor, Tensor: weight(t)}
	return n
}

func weight(t *tensor.Tensor) *graph.Weight {
	return &graph.Weight{DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
}

// body is a graph whose values are named in one string each; a name with a colon declares F32 of that many dimensions.
func body(in, out string, nodes ...*graph.Node) *graph.Graph {
	g := &graph.Graph{Name: "body", Nodes: nodes, Weights: map[string]*graph.Weight{}}
	for _, list := range []struct {
		text string
		to   *[]graph.Value
	}{{in, &g.Inputs}, {out, &g.Outputs}} {
		for _, name := range strings.Fields(list.text) {
			v := graph.Value{Name: name}
			if at := strings.Index(name, ":"); at >= 0 {
				v = graph.Value{Name: name[:at], DType: tensor.F32, Ranked: true}
				for range name[at+1] - '0' {
					v.Dims = append(v.Dims, graph.Dim{Size: -1})
				}
			}
			*list.to = append(*list.to, v)
		}
	}
	return g
}

// outermost is a graph around the nodes with one opset.
func outermost(opset int64, in tensor.Named, out string, nodes ...*graph.Node) *graph.Graph {
	g := body("", out, nodes...)
	g.Name, g.Opsets = "outermost", map[string]int64{"": opset}
	for _, name := range in.Names() {
		g.Inputs = append(g.Inputs, graph.Value{Name: name, DType: in[name].DType()})
	}
	return g
}

func run(t *testing.T, g *graph.Graph, w engine.Weights, in tensor.Named) (tensor.Named, error) {
	t.Helper()
	p, err := native.New().Compile(g, w)
	if err != nil {
		return nil, err
	}
	var out tensor.Named
	for range 3 { // traced, placed, used again
		again, err := p.Run(t.Context(), in, nil)
		if err != nil {
			return nil, err
		}
		for name, x := range out {
			if d, err := tensor.Diff(again[name], x, tensor.Tolerance{Exact: true}); err != nil || d.Unequal > 0 {
				t.Errorf("%s differs between runs: %v %v", name, d, err)
			}
		}
		out = again
	}
	return out, nil
}

func same(t *testing.T, what string, got, want *tensor.Tensor) {
	t.Helper()
	if got == nil {
		t.Errorf("%s: nothing", what)
		return
	}
	if d, err := tensor.Diff(got, want, tensor.Tolerance{Exact: true}); err != nil || d.Unequal > 0 {
		t.Errorf("%s: %v %v", what, d, err)
	}
}

func TestIfRunsOneBranchInTheScopeOfItsNode(t *testing.T) {
	for _, opset := range []int64{1, 11, 13, 16, 21, 25} {
		in := tensor.Named{"c": truth(true), "x": fl([]float32{1, 2}, 2)}
		then := body("", "y", node("Relu", "h", "t"), node("Neg", "t", "y"))
		other := body("", "y", node("Identity", "x", "y"))
		g := outermost(max(opset, 7), in, "z s", node("Neg", "x", "h"), node("If", "c", "z", "then_branch", then, "else_branch", other), node("Neg", "z", "s"))
		for _, c := range []struct {
			cond bool
			z    []float32
		}{{true, []float32{0, 0}}, {false, []float32{1, 2}}} {
			in["c"] = truth(c.cond)
			out, err := run(t, g, nil, in)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range tensor.Of[float32](out["z"]) {
				if v != c.z[i] || tensor.Of[float32](out["s"])[i] != -c.z[i] {
					t.Errorf("opset %d, %v: z[%d] is %v and s %v, wanted %v and its negative", opset, c.cond, i, v, tensor.Of[float32](out["s"])[i], c.z[i])
				}
			}
			// The branch hands the input on; the output is the caller's all the same.
			tensor.Of[float32](out["z"])[0] = 99
			if tensor.Of[float32](in["x"])[0] != 1 {
				t.Fatal("writing to the output changed the input")
			}
		}
	}
}

// A program whose branch changes from run to run departs from its memory layout and stays right.
func TestBranchesMayChangeFromRunToRun(t *testing.T) {
	in := tensor.Named{"c": truth(true), "x": fl([]float32{1, 2, 3, 4}, 4)}
	alias := body("", "y", node("Identity", "h", "y"))
	fresh := body("", "y", node("Add", "h h", "y"))
	g := outermost(17, in, "z", node("Neg", "x", "h"), node("If", "c", "i", "then_branch", alias, "else_branch", fresh),
		node("Abs", "x", "a"), node("Add", "a a", "b"), node("Mul", "b a", "d"), node("Add", "i d", "z"))
	p, err := native.New().Compile(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		cond := i%3 == 0 || i < 2
		in["c"] = truth(cond)
		out, err := p.Run(t.Context(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		for j, x := range []float32{1, 2, 3, 4} {
			want := -x + 2*x*x
			if !cond {
				want -= x
			}
			if got := tensor.Of[float32](out["z"])[j]; got != want {
				t.Fatalf("run %d, %v: element %d is %v, wanted %v", i, cond, j, got, want)
			}
		}
	}
}

// sums is a loop that adds x to its carried value, and gives each sum as a scan value; it goes on while the sum is small.
func sums(limit float32) *graph.Graph {
	return body("i cond s", "go s1 s1copy:1", node("Add", "s x", "s1"), node("Identity", "s1", "s1copy"),
		constant("limit", fl([]float32{limit}, 1)), node("Less", "s1 limit", "go"))
}

func TestLoopCarriesValuesAndGathersScanValues(t *testing.T) {
	x := fl([]float32{2}, 1)
	for name, c := range map[string]struct {
		inputs string
		most   int64
		cond   bool
		scan   []float32
	}{
		"both bounds":     {"m c s0", 3, true, []float32{3, 5, 7}},
		"by condition":    {"m c s0", 100, true, []float32{3, 5, 7, 9, 11}},
		"no count":        {"- c s0", 0, true, []float32{3, 5, 7, 9, 11}},
		"no condition":    {"m - s0", 2, false, []float32{3, 5}},
		"neither":         {"- - s0", 0, false, []float32{3, 5, 7, 9, 11}},
		"no iterations":   {"m c s0", 0, true, nil},
		"false at first":  {"m c s0", 5, false, nil},
		"negative counts": {"m c s0", -1, true, nil},
	} {
		for _, opset := range []int64{7, 11, 13, 16, 23} {
			in := tensor.Named{"m": il([]int64{c.most}), "c": truth(c.cond), "s0": fl([]float32{1}, 1), "x": x}
			out, err := run(t, outermost(opset, in, "s all", node("Loop", c.inputs, "s all", "body", sums(10))), nil, in)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			last := float32(1)
			if len(c.scan) > 0 {
				last = c.scan[len(c.scan)-1]
			}
			same(t, name+": carried", out["s"], fl([]float32{last}, 1))
			want := fl(c.scan, len(c.scan), 1)
			if len(c.scan) == 0 {
				want = fl(nil, 0, 0)
			}
			same(t, name+": scanned", out["all"], want)
		}
	}
}

// Names inside one body may stand in another, and bodies may stand in bodies.
func TestBodiesNestAndRepeatNames(t *testing.T) {
	inner := func() *graph.Graph {
		return body("i cond a", "ok a1", node("Add", "a w", "h"), node("Add", "h n", "a1"), node("Identity", "cond", "ok"))
	}
	one := inner()
	one.Weights["w"] = weight(fl([]float32{10}, 1))
	outer := body("i cond a", "ok a2", node("Cast", "i", "n", "to", 1), node("Loop", "two - a", "a1", "body", one), node("Add", "a1 x", "a2"), node("Identity", "cond", "ok"))
	in := tensor.Named{"x": fl([]float32{1}, 1), "a0": fl([]float32{0}, 1), "n": fl([]float32{100}, 1)}
	g := outermost(17, in, "r q", constant("two", il([]int64{2})), constant("three", il([]int64{3})),
		node("Loop", "three - a0", "r", "body", outer), node("Loop", "two - a0", "q", "body", inner()))
	g.Weights["w"] = weight(fl([]float32{7}, 1))
	out, err := run(t, g, nil, in)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "nested", out["r"], fl([]float32{3*(20+1) + 2*(0+1+2)}, 1))
	same(t, "flat", out["q"], fl([]float32{2 * 107}, 1))
}

// file counts what is fetched.
type file struct {
	tensors tensor.Named
	fetched []string
}

func (f *file) Weight(name string) (*tensor.Tensor, error) {
	f.fetched = append(f.fetched, name)
	if t, ok := f.tensors[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("no weight %q", name)
}

func stored(at int64) *graph.Weight {
	return &graph.Weight{DType: tensor.F32, Shape: tensor.Shape{1}, Location: "weights.safetensors", Offset: at, Length: 4}
}

func TestWeightsOfABranchAreFetchedWhenItRuns(t *testing.T) {
	then, other := body("", "y", node("Add", "x w", "y")), body("", "y", node("Add", "x v", "y"))
	then.Weights["w"] = stored(0)
	in := tensor.Named{"c": truth(false), "x": fl([]float32{1}, 1)}
	g := outermost(17, in, "z", node("If", "c", "z", "then_branch", then, "else_branch", other))
	g.Weights["v"] = stored(4)
	w := &file{tensors: tensor.Named{"w": fl([]float32{10}, 1), "v": fl([]float32{20}, 1)}}
	p, err := native.New().Compile(g, w)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		cond    bool
		want    float32
		fetched []string
	}{{false, 21, []string{"v"}}, {false, 21, []string{"v"}}, {true, 11, []string{"v", "w"}}} {
		in["c"] = truth(c.cond)
		out, err := p.Run(t.Context(), in, nil)
		if err != nil || tensor.Of[float32](out["z"])[0] != c.want || !slices.Equal(w.fetched, c.fetched) {
			t.Errorf("run %d: %v, fetched %v, error %v", i, out, w.fetched, err)
		}
	}
	other.Weights["w"] = stored(8)
	other.Nodes[0].Inputs[1] = "w"
	if _, err := native.New().Compile(g, w); err == nil || !strings.Contains(err.Error(), "rename") {
		t.Errorf("two weights of one name: error %v", err)
	}
}

func TestLoopsEndWithTheirContext(t *testing.T) {
	in := tensor.Named{"a": fl([]float32{1}, 1)}
	for name, b := range map[string]*graph.Graph{
		"a node":   body("i cond a", "cond2 a2", node("Neg", "a", "a2"), node("Identity", "cond", "cond2")),
		"no nodes": body("i cond a", "cond a"),
	} {
		p, err := native.New().Compile(outermost(17, in, "z", node("Loop", "- - a", "z", "body", b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := p.Run(ctx, in, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v", name, err)
		}
		cancel()
	}
}

func TestScanRunsAlongAxesInBothDirections(t *testing.T) {
	running := func() *graph.Graph {
		return body("s x", "s1 y:1", node("Add", "s x", "s1"), node("Identity", "s1", "y"))
	}
	in := tensor.Named{"s0": fl([]float32{0, 0}, 2), "x": fl([]float32{1, 2, 3, 4, 5, 6}, 3, 2), "t": fl([]float32{1, 3, 5, 2, 4, 6}, 2, 3)}
	for name, c := range map[string]struct {
		opset int64
		in    string
		attrs []any
		last  []float32
		want  *tensor.Tensor
	}{
		"forward":     {9, "s0 x", nil, []float32{9, 12}, fl([]float32{1, 2, 4, 6, 9, 12}, 3, 2)},
		"backward":    {11, "s0 x", []any{"scan_input_directions", []int64{1}}, []float32{9, 12}, fl([]float32{5, 6, 8, 10, 9, 12}, 3, 2)},
		"prepending":  {16, "s0 x", []any{"scan_output_directions", []int64{1}}, []float32{9, 12}, fl([]float32{9, 12, 4, 6, 1, 2}, 3, 2)},
		"other axis":  {19, "s0 t", []any{"scan_input_axes", []int64{-1}}, []float32{9, 12}, fl([]float32{1, 2, 4, 6, 9, 12}, 3, 2)},
		"output axis": {21, "s0 x", []any{"scan_output_axes", []int64{1}}, []float32{9, 12}, fl([]float32{1, 4, 9, 2, 6, 12}, 2, 3)},
	} {
		n := node("Scan", c.in, "s y", append([]any{"num_scan_inputs", 1, "body", running()}, c.attrs...)...)
		out, err := run(t, outermost(c.opset, in, "s y", n), nil, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name+": state", out["s"], fl(c.last, 2))
		same(t, name+": values", out["y"], c.want)
	}
}

func TestScanOfABatchKeepsToItsSequenceLengths(t *testing.T) {
	in := tensor.Named{"n": il([]int64{2, 3}, 2), "s0": fl([]float32{0, 100}, 2, 1), "x": fl([]float32{1, 2, 4, 10, 20, 40}, 2, 3, 1)}
	for name, c := range map[string]struct {
		in      string
		attrs   []any
		last, y []float32
	}{
		"lengths":  {"n s0 x", nil, []float32{3, 170}, []float32{1, 3, 0, 110, 130, 170}},
		"all":      {"- s0 x", nil, []float32{7, 170}, []float32{1, 3, 7, 110, 130, 170}},
		"backward": {"n s0 x", []any{"directions", []int64{1}}, []float32{3, 170}, []float32{2, 3, 0, 140, 160, 170}},
	} {
		b := body("s x", "s1 y:1", node("Add", "s x", "s1"), node("Identity", "s1", "y"))
		out, err := run(t, outermost(8, in, "s y", node("Scan", c.in, "s y", append([]any{"num_scan_inputs", 1, "body", b}, c.attrs...)...)), nil, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name+": state", out["s"], fl(c.last, 2, 1))
		same(t, name+": values", out["y"], fl(c.y, 2, 3, 1))
	}
}

func TestControlRefusesAndFailsByName(t *testing.T) {
	in := tensor.Named{"c": truth(true), "x": fl([]float32{1, 2}, 2), "m": il([]int64{math.MaxInt64})}
	id := func() *graph.Graph { return body("", "y", node("Identity", "x", "y")) }
	for name, c := range map[string]struct {
		n    *graph.Node
		want string
	}{
		"no branch":        {node("If", "c", "z", "then_branch", id()), `attribute "else_branch" is no graph`},
		"few outputs":      {node("If", "c", "z q", "then_branch", id(), "else_branch", id()), "1 outputs, wanted none and 2"},
		"float condition":  {node("If", "x", "z", "then_branch", id(), "else_branch", id()), "is F32, wanted BOOL"},
		"undefined":        {node("If", "c", "z", "then_branch", id(), "else_branch", body("", "y", node("Identity", "nope", "y"))), `else_branch: node Identity y (Identity): the value "nope"`},
		"inner operator":   {node("If", "c", "z", "then_branch", id(), "else_branch", body("", "y", node("Frob", "x", "y"))), "Frob"},
		"loop's inputs":    {node("Loop", "m c x", "z", "body", body("i cond", "cond", id().Nodes...)), "2 inputs"},
		"loop's condition": {node("Loop", "m c x", "z", "body", body("i cond a", "a a")), "iteration 0: the condition is F32[2]"},
		"scan values":      {node("Loop", "m - x", "z y", "body", body("i cond a", "cond b b", node("Concat", "a a", "b", "axis", 0))), "iteration 1: scan value 0"},
		"body's types":     {node("Loop", "m c m", "z", "body", body("i cond a:0", "cond a")), "input a of the body is I64[]"},
		"scan inputs":      {node("Scan", "x", "z", "num_scan_inputs", 2, "body", body("a", "a")), "num_scan_inputs is 2"},
		"scan axis":        {node("Scan", "x", "z", "num_scan_inputs", 1, "scan_input_axes", []int64{3}, "body", body("a", "a")), "axis 3"},
	} {
		_, err := run(t, outermost(17, in, "z", c.n), nil, in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted one with %q", name, err, c.want)
		}
	}
}
