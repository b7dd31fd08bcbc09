package onnx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// What ONNX Runtime's own tools write is cut as what it is made of, and computes what ONNX Runtime computes.
func TestFusedOperatorsEqualONNXRuntime(t *testing.T) {
	list := casesOf(t, "testdata/fused")
	if len(list) != 8 {
		t.Fatalf("%d models, wanted 8", len(list))
	}
	for _, c := range list {
		info := inspect(t, c.path)
		if len(info.Opaque) > 0 {
			t.Errorf("%s: %+v", c.name, info.Opaque)
			continue
		}
		if c.name == "bert-11" && !strings.Contains(facts(info), "com.microsoft.SkipLayerNormalization, written as what it is made of (2 times)") {
			t.Errorf("facts %s", facts(info))
		}
		if info.MaxShards < 2 && c.name != "integers" { // the scale of a dynamic quantisation is of all places
			t.Errorf("%s cannot be cut", c.name)
		}
		for _, n := range slices.Compact([]int{1, 2, info.MaxShards}) {
			t.Run(fmt.Sprintf("%s/shards=%d", c.name, n), func(t *testing.T) {
				dir, m := split(t, c.path, n)
				got, plain := open(t, dir, m).run(c.inputs), reference(t, dir, m, c.inputs)
				for _, o := range m.Signature.Outputs {
					compare(t, o.Name+" sharded", got[o.Name], c.outputs[o.Name], o.Rules["sum"])
					compare(t, o.Name+" unsharded", plain[o.Name], c.outputs[o.Name], o.Rules["sum"])
				}
				if rows := c.name != "gpt" && c.name != "integers"; (m.Signature.Rows != manifest.RowsNone) != rows {
					t.Errorf("rows are %q", m.Signature.Rows)
				}
			})
		}
	}
}

// A form of such an operator that is not rewritten is refused by name, and the refusal says that it is the form.
func TestFormsOfFusedOperatorsThatStayAreRefused(t *testing.T) {
	for name, change := range map[string]func(n *graph.Node){
		"attribute": func(n *graph.Node) { n.Attrs["transC"] = integer(1) },
		"batches":   func(n *graph.Node) { n.Attrs["transBatchA"] = integer(1) },
		"absent":    func(n *graph.Node) { n.Inputs[1] = "" },
		"rotary": func(n *graph.Node) {
			n.Op, n.Attrs = "Attention", map[string]graph.Attr{"num_heads": integer(2), "do_rotary": integer(1)}
		},
		"activation": func(n *graph.Node) { n.Op, n.Attrs["activation"] = "FusedGemm", word("Erf") },
	} {
		g := layers()
		g.Opsets["com.microsoft"] = 1
		g.Nodes[0].Domain, g.Nodes[0].Op, g.Nodes[0].Attrs = "com.microsoft", "FusedMatMul", map[string]graph.Attr{}
		change(g.Nodes[0])
		info := inspect(t, encoded(t, g))
		if len(info.Opaque) != 1 || info.Opaque[0].First != "first" || !strings.Contains(info.Opaque[0].Reason, "this form") {
			t.Errorf("%s: %+v", name, info.Opaque)
		}
	}
}

// Operators of halves get constants of halves, and squares that leave the range of a half are computed in F32.
func TestFusedOperatorsOfHalves(t *testing.T) {
	for _, op := range []string{"SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "FastGelu"} {
		vector := func(v uint16) *graph.Weight {
			w := tensor.New(tensor.F16, 4)
			for i := range w.Len() {
				tensor.Of[uint16](w)[i] = v
			}
			return &graph.Weight{DType: tensor.F16, Shape: w.Shape(), Data: w.Bytes()}
		}
		g := layers()
		g.Opsets = map[string]int64{"": 13, "com.microsoft": 1}
		g.Inputs[0].DType, g.Outputs[0].DType = tensor.F16, tensor.F16
		g.Nodes = []*graph.Node{{Name: "node", Domain: "com.microsoft", Op: op, Inputs: []string{"x", "x", "gamma"}, Outputs: []string{"y"}}}
		g.Weights = map[string]*graph.Weight{"gamma": vector(0x3c00), "bias": vector(0)}
		if op == "FastGelu" {
			g.Nodes[0].Inputs = []string{"x", "bias"}
		}
		dir, m := split(t, encoded(t, g), 1)
		x, err := tensor.FromSlice(tensor.F16, []uint16{0x5c00, 0x5800, 0x5400, 0xdc00}, 1, 4) // 256, 128, 64, -256
		if err != nil {
			t.Fatal(err)
		}
		out, err := tensor.Convert(reference(t, dir, m, tensor.Named{"x": x})["y"], tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]float32{"SkipLayerNormalization": {1.1027, 0.4241, 0.0848, -1.6116}, "SkipSimplifiedLayerNormalization": {1.3152, 0.6576, 0.3288, -1.3152},
			"FastGelu": {256, 128, 64, 0}}[op]
		for i, v := range tensor.Of[float32](out) {
			if d := v - want[i]; d > 2e-3 || d < -2e-3 {
				t.Errorf("%s: element %d is %v, wanted %v", op, i, v, want[i])
			}
		}
	}
}
