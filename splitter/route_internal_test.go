package splitter

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine/embedding"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// lookUp is a model that can be routed, and a maker of requests with so many rows.
type lookUp struct {
	name  string
	kind  string
	exact bool // the sharded model has the whole one's bits
	build func(m *routeModel, table, width int)
	in    func(m *routeModel, table, rows int) tensor.Named
}

func intsOf(v ...int64) graph.Attr { return graph.Attr{Kind: graph.AttrInts, Ints: v} }

func gatherOf(dims ...int) func(m *routeModel, table, width int) {
	return func(m *routeModel, table, width int) {
		ids := m.input("ids", tensor.I64, dims...)
		m.output(m.node(&graph.Node{Op: "Gather", Inputs: []string{m.weight("table", m.floats(table, width)), ids}, Outputs: []string{"y"}}, tensor.F32, append(slices.Clone(dims), width)...))
	}
}

func pooledOf(op string, d tensor.DType, keep int64) func(m *routeModel, table, width int) {
	return func(m *routeModel, table, width int) {
		x := m.node(&graph.Node{Op: "Gather", Inputs: []string{m.weight("table", m.floats(table, width)), m.input("ids", d, -1, 3)}, Outputs: []string{"x"}}, tensor.F32, -1, 3, width)
		n := &graph.Node{Op: op, Inputs: []string{x}, Outputs: []string{"y"}, Attrs: map[string]graph.Attr{"keepdims": {Kind: graph.AttrInt, Int: keep}}}
		if op == "ReduceSum" {
			axes, _ := tensor.FromSlice(tensor.I64, []int64{1}, 1)
			n.Inputs = append(n.Inputs, m.weight("axes", axes))
		} else {
			n.Attrs["axes"] = intsOf(-2)
		}
		dims := []int{-1, width}
		if keep == 1 {
			dims = []int{-1, 1, width}
		}
		m.output(m.node(n, tensor.F32, dims...))
	}
}

func bagOf(mode string, factors bool) func(m *routeModel, table, width int) {
	return func(m *routeModel, table, width int) {
		m.rows = manifest.RowsNone
		m.g.Opsets[graph.ShardwiseDomain] = embedding.Version
		n := &graph.Node{Domain: graph.ShardwiseDomain, Op: embedding.OpBag, Outputs: []string{"y"}, Attrs: map[string]graph.Attr{embedding.AttrMode: {Kind: graph.AttrString, Str: mode}}}
		m.values["ids"] = graph.Value{}
		symbol := func(name, symbol string, d tensor.DType) string {
			v := graph.Value{Name: name, DType: d, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: symbol}}}
			m.values[name], m.g.Inputs = v, append(m.g.Inputs, v)
			return name
		}
		n.Inputs = []string{m.weight("table", m.floats(table, width)), symbol("ids", "indices", tensor.I64), symbol("offsets", "starts", tensor.I32)}
		if factors {
			n.Inputs = append(n.Inputs, symbol("factors", "indices", tensor.F32))
		}
		m.node(n, tensor.F32, -1, width)
		m.values["y"].Dims[0].Symbol = "bags"
		m.output("y")
	}
}

func idsOf(d tensor.DType, more ...int) func(m *routeModel, table, rows int) tensor.Named {
	return func(m *routeModel, table, rows int) tensor.Named {
		return tensor.Named{"ids": indices(m.rng, d, table, append([]int{rows}, more...)...)}
	}
}

// bagsIn are bags of 0 to 5 indices. The first offset is 0, or behind it, as offsets of a slice may be.
func bagsIn(factors bool) func(m *routeModel, table, rows int) tensor.Named {
	return func(m *routeModel, table, rows int) tensor.Named {
		starts := tensor.New(tensor.I32, rows+1)
		at := int32(m.rng.IntN(2))
		for i := range tensor.Of[int32](starts) {
			tensor.Of[int32](starts)[i] = at
			at += int32(m.rng.IntN(6))
		}
		n := int(tensor.Of[int32](starts)[rows])
		in := tensor.Named{"ids": indices(m.rng, tensor.I64, table, n), "offsets": starts}
		if factors {
			in["factors"] = m.floats(n)
		}
		return in
	}
}

func lookUps() []lookUp {
	return []lookUp{
		{"one index a row", manifest.RouteIndex, true, gatherOf(-1), idsOf(tensor.I64)},
		{"several indices a row", manifest.RouteIndex, true, gatherOf(-1, 3), idsOf(tensor.I64, 3)},
		{"indices in three dimensions", manifest.RouteIndex, true, gatherOf(-1, 2, 2), idsOf(tensor.I64, 2, 2)},
		{"pooled sum", manifest.RouteRow, false, pooledOf("ReduceSum", tensor.I64, 0), idsOf(tensor.I64, 3)},
		{"pooled mean of I32", manifest.RouteRow, false, pooledOf("ReduceMean", tensor.I32, 1), idsOf(tensor.I32, 3)},
		{"bag sum", manifest.RouteBag, false, bagOf(embedding.ModeSum, false), bagsIn(false)},
		{"bag sum with factors", manifest.RouteBag, false, bagOf(embedding.ModeSum, true), bagsIn(true)},
		{"bag maximum", manifest.RouteBag, true, bagOf(embedding.ModeMax, true), bagsIn(true)},
	}
}

// same compares bits; near allows the promise of the mode.
func same(a, b *tensor.Tensor) error {
	if a.DType() != b.DType() || !a.Shape().Equal(b.Shape()) {
		return fmt.Errorf("wanted %v, found %v", a, b)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		return fmt.Errorf("the bits differ:\n%v\n%v", tensor.Of[float32](a), tensor.Of[float32](b))
	}
	return nil
}

func near(a, b *tensor.Tensor) error {
	if !a.Shape().Equal(b.Shape()) {
		return fmt.Errorf("wanted %v, found %v", a, b)
	}
	scale := 1e-30
	for _, v := range tensor.Of[float32](a) {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i, v := range tensor.Of[float32](a) {
		if w := tensor.Of[float32](b)[i]; math.Abs(float64(v-w)) > 1e-5*scale {
			return fmt.Errorf("element %d is %v, wanted %v", i, w, v)
		}
	}
	return nil
}

func seed(t *testing.T) *rand.Rand {
	t.Helper()
	s := rand.Uint64()
	t.Logf("seed %d", s)
	return rand.New(rand.NewPCG(s, 0))
}

// Routed and masked look-ups have the same bits, those of the uncut model where nothing is added, at any number of shards of any sizes;
// only shards that own an index are asked, and the report lists the others.
func TestRoutedLookUpsEqualMaskedAndWholeOnes(t *testing.T) {
	for _, l := range lookUps() {
		t.Run(l.name, func(t *testing.T) {
			rng := seed(t)
			for range 4 {
				table, width, shards := 7+rng.IntN(60), 1+rng.IntN(9), 1+rng.IntN(7)
				m := newRouteModel(rng)
				l.build(m, table, width)
				b := bounds(rng, table, shards)
				cluster, routed, made := m.cut(t, b, true)
				_, masked, _ := m.cut(t, b, false)
				if r := made.Steps[0].Stage.Routes; len(r) != 1 || r[0].Kind != l.kind || !slices.Contains(made.Requires, "stage.routes") {
					t.Fatalf("routes %+v, the manifest requires %q; wanted one of kind %q", r, made.Requires, l.kind)
				}
				for range 3 {
					in := l.in(m, table, 1+rng.IntN(6))
					checkRouted(t, m, l.exact, in, b, routed, masked, len(cluster.Calls()), func() int { return len(cluster.Calls()) })
				}
			}
		})
	}
}

func checkRouted(t *testing.T, m *routeModel, exact bool, in tensor.Named, b []int, routed, masked *coordinator.Coordinator, before int, calls func() int) {
	t.Helper()
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
	compare := near
	if exact {
		compare = same
	}
	if err := compare(want["y"], got.Outputs["y"]); err != nil {
		t.Errorf("bounds %v: routed and whole: %v", b, err)
	}
	if err := same(other.Outputs["y"], got.Outputs["y"]); err != nil {
		t.Errorf("bounds %v: routed and masked: %v", b, err)
	}
	asked := owners(in, b)
	if n := calls() - before; n != len(asked) || len(got.Report.Spared) != len(b)-1-len(asked) || len(got.Report.Attempts) != n {
		t.Errorf("bounds %v: %d calls, %d spared; wanted calls of %v", b, n, len(got.Report.Spared), asked)
	}
	for _, s := range got.Report.Spared {
		if asked[s.Shard] || s.Step != "stage-0" {
			t.Errorf("bounds %v: %+v is spared, and %v own an index", b, s, asked)
		}
	}
}

// owners are the shards that own an index of the request that is in a bag.
func owners(in tensor.Named, b []int) map[int]bool {
	keys, _ := tensor.Convert(in["ids"], tensor.I64)
	list, rows := tensor.Of[int64](keys), int64(b[len(b)-1])
	if o := in["offsets"]; o != nil {
		list = list[tensor.Of[int32](o)[0]:]
	}
	out := map[int]bool{}
	for _, k := range list {
		for s := range len(b) - 1 {
			if k = (k + rows) % rows; k >= int64(b[s]) && k < int64(b[s+1]) {
				out[s] = true
			}
		}
	}
	return out
}

// An index in no row fails as in the uncut model on one shard, with the same kind and words, and no shard is asked.
func TestARoutedIndexBeyondTheTableFailsAsUnsharded(t *testing.T) {
	for _, l := range lookUps() {
		for _, bad := range []int64{50, 1000, -51, -1000} {
			rng := seed(t)
			m := newRouteModel(rng)
			l.build(m, 50, 4)
			in := l.in(m, 50, 3)
			if len(in["ids"].Bytes()) == 0 || in["offsets"] != nil && len(owners(in, []int{0, 50})) == 0 {
				continue
			}
			last := in["ids"].Len() - 1
			if in["ids"].DType() == tensor.I32 {
				tensor.Of[int32](in["ids"])[last] = int32(bad)
			} else {
				tensor.Of[int64](in["ids"])[last] = bad
			}
			_, reason := m.whole(t, in)
			_, single, _ := m.cut(t, []int{0, 50}, false)
			_, unsharded := single.Run(t.Context(), coordinator.Request{Inputs: in})
			cluster, c, _ := m.cut(t, []int{0, 20, 30, 50}, true)
			_, err := c.Run(t.Context(), coordinator.Request{Inputs: in})
			if err == nil || unsharded == nil || shard.KindOf(err) != shard.KindOf(unsharded) {
				t.Fatalf("%s, index %d: error %v, unsharded %v", l.name, bad, err, unsharded)
			}
			if words := reason.Error()[strings.Index(reason.Error(), "index "):]; !strings.Contains(err.Error(), words) {
				t.Errorf("%s, index %d: error %v, wanted %q", l.name, bad, err, words)
			}
			if len(cluster.Calls()) != 0 {
				t.Errorf("%s, index %d: %d shards were asked", l.name, bad, len(cluster.Calls()))
			}
		}
	}
}

// Neither the order of arrival nor a repeated attempt changes a bit.
func TestRoutedBitsDoNotDependOnArrivalOrRetries(t *testing.T) {
	for _, l := range lookUps() {
		rng := seed(t)
		m := newRouteModel(rng)
		l.build(m, 40, 5)
		cluster, c, _ := m.cut(t, []int{0, 7, 20, 40}, true)
		in := l.in(m, 40, 40)
		for len(owners(in, []int{0, 7, 20, 40})) < 3 {
			in = l.in(m, 40, 40)
		}
		first, err := c.Run(t.Context(), coordinator.Request{Inputs: in})
		if err != nil {
			t.Fatal(err)
		}
		for i, order := range [][]int{{2, 1, 0}, {1, 2, 0}, {0, 1, 2}} {
			cluster.Arrive(order...)
			if i == 1 {
				cluster.Arrive()
				cluster.Fail(0, shard.Throttled)
				cluster.Kill(2, 1)
			}
			got, err := c.Run(context.WithoutCancel(t.Context()), coordinator.Request{Inputs: in})
			if err != nil {
				t.Fatal(err)
			}
			if err := same(first.Outputs["y"], got.Outputs["y"]); err != nil {
				t.Errorf("%s, order %v: %v", l.name, order, err)
			}
			if i == 1 && got.Report.Retried() != 2 {
				t.Errorf("%s: %d attempts repeated, wanted 2", l.name, got.Report.Retried())
			}
		}
	}
}

// Routed requests and replies are smaller: with four shards each gets a quarter of the numbers and answers for those.
func TestRoutedMessagesAreSmaller(t *testing.T) {
	rng := seed(t)
	m := newRouteModel(rng)
	gatherOf(-1, 4)(m, 1000, 32)
	b := []int{0, 250, 500, 750, 1000}
	_, routed, _ := m.cut(t, b, true)
	_, masked, _ := m.cut(t, b, false)
	ids := tensor.New(tensor.I64, 64, 4)
	for i := range tensor.Of[int64](ids) {
		tensor.Of[int64](ids)[i] = int64(rng.IntN(1000))
	}
	var bytes [2]int
	for i, c := range []*coordinator.Coordinator{routed, masked} {
		got, err := c.Run(t.Context(), coordinator.Request{Inputs: tensor.Named{"ids": ids}})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range got.Report.Attempts {
			bytes[i] += a.RequestBytes + a.ReplyBytes
		}
	}
	t.Logf("routed %d bytes, masked %d", bytes[0], bytes[1])
	if 3*bytes[0] > bytes[1] {
		t.Errorf("routed messages have %d bytes, masked ones %d", bytes[0], bytes[1])
	}
}

// Requests of more rows than a message carries are cut into blocks, each routed for itself.
func TestRoutedRequestsAreCutIntoBlocks(t *testing.T) {
	rng := seed(t)
	m := newRouteModel(rng)
	gatherOf(-1)(m, 50, 4096)
	_, c, _ := m.cut(t, []int{0, 3, 50}, true)
	in := tensor.Named{"ids": indices(rng, tensor.I64, 50, 700)}
	want, err := m.whole(t, in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Run(t.Context(), coordinator.Request{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	if err := same(want["y"], got.Outputs["y"]); err != nil || got.Report.Blocks < 2 {
		t.Errorf("%d blocks: %v", got.Report.Blocks, err)
	}
}
