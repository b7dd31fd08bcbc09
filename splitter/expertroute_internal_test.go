package splitter

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/plan"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// expertLayer is a layer of experts as the model, of lead dimensions behind the batch.
func expertLayer(m *routeModel, count, columns, inner, width int, lead ...int) {
	dims := append([]int{-1}, lead...)
	n := &graph.Node{Domain: graph.ShardwiseDomain, Op: experts.Op, Outputs: []string{"y"}, Attrs: map[string]graph.Attr{experts.AttrWidth: {Kind: graph.AttrInt, Int: int64(width)}}}
	m.g.Opsets[graph.ShardwiseDomain] = experts.Version
	n.Inputs = []string{m.input("x", tensor.F32, append(slices.Clone(dims), columns)...), m.input("gates", tensor.F32, append(slices.Clone(dims), count)...)}
	for e := range count {
		name := func(s string) string { return fmt.Sprintf("e%d.%s", e, s) }
		body := &graph.Graph{Name: name("body"), Weights: map[string]*graph.Weight{}, Outputs: []graph.Value{{Name: name("y"), DType: tensor.F32}},
			Inputs: []graph.Value{{Name: name("x"), DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "rows"}, {Size: columns}}}},
			Nodes: []*graph.Node{
				{Name: name("up"), Op: "MatMul", Inputs: []string{name("x"), m.weight(name("w1"), m.floats(columns, inner))}, Outputs: []string{name("h")}},
				{Name: name("relu"), Op: "Relu", Inputs: []string{name("h")}, Outputs: []string{name("r")}},
				{Name: name("down"), Op: "MatMul", Inputs: []string{name("r"), m.weight(name("w2"), m.floats(inner, width))}, Outputs: []string{name("y")}}}}
		n.Attrs[experts.BodyName(e)] = graph.Attr{Kind: graph.AttrGraph, Graph: body}
	}
	m.node(n, tensor.F32, append(slices.Clone(dims), width)...)
	m.output("y")
}

// gatesFor are weights of top experts a row, some of them equal, with rows that have none.
func gatesFor(m *routeModel, count, top int, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.F32, append(slices.Clone(shape), count)...)
	v := tensor.Of[float32](t)
	for r := range t.Len() / count {
		if m.rng.IntN(6) == 0 {
			continue
		}
		for _, e := range m.rng.Perm(count)[:top] {
			v[r*count+e] = float32(1+m.rng.IntN(3)) / 4
		}
	}
	return t
}

// Routed and masked experts have the same bits, and the uncut layer's where a row has no more than two of them; only shards whose experts were chosen
// are asked.
func TestRoutedExpertsEqualMaskedAndWholeOnes(t *testing.T) {
	rng := seed(t)
	for trial := range 8 {
		count := 2 + rng.IntN(7)
		columns, inner, width, shards, top := 1+rng.IntN(9), 1+rng.IntN(9), 1+rng.IntN(9), 1+rng.IntN(count), 1+rng.IntN(min(count, 3))
		lead := [][]int{nil, {3}, {2, 2}}[trial%3]
		m := newRouteModel(rng)
		expertLayer(m, count, columns, inner, width, lead...)
		b := bounds(rng, count, shards)
		cluster, routed, made := m.cut(t, b, true)
		_, masked, _ := m.cut(t, b, false)
		if r := made.Steps[0].Stage.Routes; len(r) != 1 || r[0].Kind != manifest.RouteGate || !slices.Equal(r[0].Bounds, b) {
			t.Fatalf("routes %+v, wanted one by gate with bounds %v", r, b)
		}
		for range 3 {
			shape := append([]int{1 + rng.IntN(4)}, lead...)
			in := tensor.Named{"x": m.floats(append(slices.Clone(shape), columns)...), "gates": gatesFor(m, count, top, shape...)}
			before := len(cluster.Calls())
			want, err := m.whole(t, in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := routed.Run(t.Context(), coordinator.Request{Inputs: in})
			if err != nil {
				t.Fatalf("bounds %v: %v", b, err)
			}
			other, err := masked.Run(t.Context(), coordinator.Request{Inputs: in})
			if err != nil {
				t.Fatal(err)
			}
			compare := same
			if top > 2 {
				compare = near
			}
			if err := errors.Join(compare(want["y"], got.Outputs["y"]), same(other.Outputs["y"], got.Outputs["y"])); err != nil {
				t.Errorf("bounds %v, %d of %d experts a row: %v", b, top, count, err)
			}
			asked := choosing(in["gates"], b)
			if n := len(cluster.Calls()) - before; n != len(asked) || len(got.Report.Spared) != shards-n {
				t.Errorf("bounds %v: %d calls and %d spared, wanted calls of %v", b, n, len(got.Report.Spared), asked)
			}
		}
	}
}

// choosing are the shards of which a row has an expert.
func choosing(gates *tensor.Tensor, b []int) map[int]bool {
	out, count := map[int]bool{}, b[len(b)-1]
	for i, v := range tensor.Of[float32](gates) {
		for s := range len(b) - 1 {
			if e := i % count; v != 0 && e >= b[s] && e < b[s+1] {
				out[s] = true
			}
		}
	}
	return out
}

func TestRoutedExpertsDoNotDependOnArrivalOrRetries(t *testing.T) {
	m := newRouteModel(seed(t))
	expertLayer(m, 6, 5, 7, 4)
	cluster, c, _ := m.cut(t, []int{0, 1, 4, 6}, true)
	in := tensor.Named{"x": m.floats(40, 5), "gates": gatesFor(m, 6, 3, 40)}
	first, err := c.Run(t.Context(), coordinator.Request{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	for i, order := range [][]int{{2, 1, 0}, nil, {1, 2, 0}} {
		cluster.Arrive(order...)
		if i == 1 {
			cluster.Fail(0, shard.Throttled)
			cluster.Kill(1, 1)
		}
		got, err := c.Run(t.Context(), coordinator.Request{Inputs: in})
		if err != nil {
			t.Fatal(err)
		}
		if err := same(first.Outputs["y"], got.Outputs["y"]); err != nil || i == 1 && got.Report.Retried() != 2 {
			t.Errorf("order %v: %d repeated, %v", order, got.Report.Retried(), err)
		}
	}
}

// A layer of five experts is cut into as many shards at most, each with its own experts' weights; the refusal of more names that number.
func TestALayerOfExpertsIsCutByExpert(t *testing.T) {
	m := newRouteModel(seed(t))
	const count = 5
	expertLayer(m, count, 64, 1024, 64)
	p := m.partitioned()
	for n := 2; n <= count; n++ {
		l, err := plan.Layout(t.Context(), p, layout.Options{Shards: n, Name: "m", Version: "1"})
		if err != nil {
			t.Fatalf("%d shards: %v", n, err)
		}
		best, err := plan.New(sharding.New(p.Graph, p.Values), plan.Options{}).Best(n)
		if err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for i, s := range l.Manifest.Shards {
			if w, need := best.Estimate.ShardWeights[i], best.Estimate.ShardNeeds[i]; w != s.Memory.Weights || need != partition.Need(s.Memory) {
				t.Errorf("%d shards: shard %d is reckoned to have %d and need %d bytes, the layout has %+v", n, i, w, need, s.Memory)
			}
			if total += s.Memory.Weights; s.Memory.Weights < 64*1024*8 {
				t.Errorf("%d shards: one has %d bytes of weights", n, s.Memory.Weights)
			}
		}
		if slices.ContainsFunc(l.Manifest.Steps, func(s manifest.Step) bool { return s.Local != nil }) || total != count*64*1024*8 {
			t.Errorf("%d shards have %d bytes of weights together", n, total)
		}
	}
	var refused *layout.RefusalError
	if _, err := plan.Layout(t.Context(), p, layout.Options{Shards: count + 1, Name: "m", Version: "1"}); !errors.As(err, &refused) || !strings.Contains(err.Error(), fmt.Sprint(count)) {
		t.Errorf("%d shards: %v", count+1, err)
	}
}

// What PyTorch exports of a mixture is cut by expert and routed; a request of one row that has one expert asks one shard.
func TestAModelFileWithExpertsIsRouted(t *testing.T) {
	file := expertsFile(t)
	dir := filepath.Join(t.TempDir(), "parts")
	made, err := Split(t.Context(), file, dir, layout.Options{Shards: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(made.Steps, func(s manifest.Step) bool { return s.Stage != nil && len(s.Stage.Routes) > 0 })
	if i < 0 || made.Steps[i].Stage.Routes[0].Kind != manifest.RouteGate {
		t.Fatalf("steps %+v have no routed experts", made.Steps)
	}
	if made.Signature.Rows != "" {
		t.Errorf("rows are %q", made.Signature.Rows)
	}
	cluster := shardtest.New(t, dir)
	c, err := coordinator.Open(dir, coordinator.Options{Invoker: cluster})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	x := tensor.New(tensor.F32, 1, 48)
	for i := range tensor.Of[float32](x) {
		tensor.Of[float32](x)[i] = float32(i%7) - 3
	}
	got, err := c.Run(t.Context(), coordinator.Request{Inputs: tensor.Named{"x": x}})
	if err != nil {
		t.Fatal(err)
	}
	if len(cluster.Calls()) != 1 || len(got.Report.Spared) != 2 || len(got.Report.Attempts) != 1 {
		t.Errorf("%d calls, spared %+v", len(cluster.Calls()), got.Report.Spared)
	}
}
