package optimise_test

import (
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
	"github.com/shardwise/shardwise/splitter/optimise"
)

// packedLayer is a com.microsoft.MoE of 3 experts over rows of 4, with an inner width of 5.
func packedLayer(t *testing.T, change func(m *maker, n *graph.Node)) (*maker, *graph.Node) {
	m := newMaker(t, 17)
	m.g.Opsets["com.microsoft"] = 1
	n := &graph.Node{Name: "y", Domain: "com.microsoft", Op: "MoE", Outputs: []string{"y"}, Attrs: attrs("k", 2),
		Inputs: []string{m.input("x", "batch", 4), m.input("logits", "batch", 3), m.w(3, 5, 4), m.w(3, 5), m.w(3, 4, 5), m.w(3, 4)}}
	change(m, n)
	m.g.Nodes = append(m.g.Nodes, n)
	m.output("y")
	return m, n
}

// What the layer computes is held against ONNX Runtime in tests/parity; here it is which layers become which operators.
func TestPackedExpertsBecomeALayerOfTheirOwn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *maker, n *graph.Node)
		taken  bool
	}{
		"as it is":           {func(*maker, *graph.Node) {}, true},
		"without biases":     {func(_ *maker, n *graph.Node) { n.Inputs[3], n.Inputs = "", n.Inputs[:5] }, true},
		"in parts":           {func(_ *maker, n *graph.Node) { n.Attrs["normalize_routing_weights"] = attrs("v", 1)["v"] }, true},
		"gelu":               {func(_ *maker, n *graph.Node) { n.Attrs["activation_type"] = attrs("v", "gelu")["v"] }, true},
		"pairs":              {func(m *maker, n *graph.Node) { pairs(m, n, 1) }, true},
		"halves":             {func(m *maker, n *graph.Node) { pairs(m, n, 2) }, false},
		"another activation": {func(_ *maker, n *graph.Node) { n.Attrs["activation_type"] = attrs("v", "tanh")["v"] }, false},
		"a sparse mixer":     {func(_ *maker, n *graph.Node) { n.Attrs["use_sparse_mixer"] = attrs("v", 1)["v"] }, false},
		"a third product":    {func(m *maker, n *graph.Node) { n.Inputs = append(n.Inputs, m.w(3, 5, 4)) }, false},
		"computed weights":   {func(m *maker, n *graph.Node) { n.Inputs[2] = m.op("Neg", m.input("w", 3, 5, 4)) }, false},
		"too many experts":   {func(_ *maker, n *graph.Node) { n.Attrs["k"] = attrs("v", 4)["v"] }, false},
		"another width":      {func(m *maker, n *graph.Node) { n.Inputs[4] = m.w(3, 4, 6) }, false},
		"another bias":       {func(m *maker, n *graph.Node) { n.Inputs[5] = m.w(3, 5) }, false},
		"other experts":      {func(m *maker, n *graph.Node) { n.Inputs[1] = m.input("z", "batch", 2) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, n := packedLayer(t, c.change)
			types := make([]infer.Value, len(n.Inputs))
			for i, in := range n.Inputs {
				if w := m.g.Weights[in]; w != nil {
					types[i] = infer.OfWeight(w)
				}
				if at := slices.IndexFunc(m.g.Inputs, func(v graph.Value) bool { return v.Name == in }); at >= 0 {
					types[i] = infer.OfValue(m.g.Inputs[at])
				}
			}
			if got := optimise.Packed(n, m.g.Weights, types); got != c.taken {
				t.Errorf("taken: %v", got)
			}
			before := map[string]*graph.Weight{}
			for name, w := range m.g.Weights {
				before[name] = w
			}
			inputs := slices.Clone(n.Inputs)
			done, err := optimise.Own(m.g, memory{})
			if err != nil || (done.Experts == 3) != c.taken || experts.Is(n) != c.taken {
				t.Fatalf("%s, error %v: %v", done, err, m.ops())
			}
			if !c.taken {
				return
			}
			run(t, m.g, m.in)
			second := before[inputs[4]]
			body := n.Attrs[experts.BodyName(2)].Graph
			w := m.g.Weights[body.Nodes[len(body.Nodes)-1].Inputs[1]]
			if want := second.Data[2*len(second.Data)/3:]; !w.Shape.Equal(tensor.Shape{4, 5}) || !slices.Equal(w.Data, want) {
				t.Errorf("expert 2 has %v, not the last third of %v", w, second)
			}
		})
	}
}

// pairs makes the first product one of twice as many columns.
func pairs(m *maker, n *graph.Node, fusion int) {
	n.Inputs[2], n.Inputs[3] = m.w(3, 10, 4), m.w(3, 10)
	n.Attrs = attrs("k", 2, "activation_type", "swiglu", "swiglu_fusion", fusion, "swiglu_limit", 0.5)
}

// Rows of two leading dimensions are laid out flat and back.
func TestPackedExpertsOfSequences(t *testing.T) {
	m, n := packedLayer(t, func(m *maker, n *graph.Node) {
		n.Inputs[0] = m.input("s", "batch", "steps", 4)
		n.Inputs[1] = m.op("Reshape", m.input("r", "batch", "steps", 3), m.ints(-1, 3))
	})
	if done, err := optimise.Own(m.g, memory{}); err != nil || done.Experts != 3 || n.Op != "Reshape" {
		t.Fatalf("%s, error %v: %v", done, err, m.ops())
	}
	if y := run(t, m.g, m.in)["y"]; !y.Shape().Equal(m.in["s"].Shape()) {
		t.Errorf("y is %v", y)
	}
}
