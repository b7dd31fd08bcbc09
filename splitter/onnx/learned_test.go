package onnx_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// classic is x [rows, 3] -> the operator of ai.onnx.ml -> y.
func classic(op string, outputs int, attrs map[string]graph.Attr) *graph.Graph {
	g := &graph.Graph{Name: "classic", Opsets: map[string]int64{"": 17, "ai.onnx.ml": 3},
		Inputs:  []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1}, {Size: 3}}}},
		Nodes:   []*graph.Node{{Name: "node", Op: op, Domain: "ai.onnx.ml", Inputs: []string{"x"}, Attrs: attrs}},
		Weights: map[string]*graph.Weight{}}
	for i := range outputs {
		name := fmt.Sprint("y", i)
		g.Nodes[0].Outputs = append(g.Nodes[0].Outputs, name)
		g.Outputs = append(g.Outputs, graph.Value{Name: name})
	}
	return g
}

func numbers(v ...float32) graph.Attr { return graph.Attr{Kind: graph.AttrFloats, Floats: v} }
func integers(v ...int64) graph.Attr  { return graph.Attr{Kind: graph.AttrInts, Ints: v} }
func wordList(v ...string) graph.Attr { return graph.Attr{Kind: graph.AttrStrings, Strs: v} }
func integer(v int64) graph.Attr      { return graph.Attr{Kind: graph.AttrInt, Int: v} }
func word(v string) graph.Attr        { return graph.Attr{Kind: graph.AttrString, Str: v} }
func inline(shape ...int) graph.Attr {
	return graph.Attr{Kind: graph.AttrTensor, Tensor: zeroed(tensor.F64, shape...)}
}
func facts(info layout.Info) string { return fmt.Sprint(info.Facts) }
func repeated(n int) []float32      { return make([]float32, n) }
func tree(m map[string]graph.Attr) map[string]graph.Attr {
	// One test with a leaf on each side.
	for name, a := range map[string]graph.Attr{"nodes_treeids": integers(0, 0, 0), "nodes_nodeids": integers(0, 1, 2), "nodes_featureids": integers(1, 0, 0),
		"nodes_truenodeids": integers(1, 0, 0), "nodes_falsenodeids": integers(2, 0, 0), "nodes_modes": wordList("BRANCH_LEQ", "LEAF", "LEAF")} {
		m[name] = a
	}
	return m
}

func TestLearnedValuesInAttributesAreCounted(t *testing.T) {
	regressor := func(m map[string]graph.Attr) map[string]graph.Attr {
		m["target_treeids"], m["target_nodeids"], m["target_ids"] = integers(0, 0), integers(1, 2), integers(0, 0)
		return tree(m)
	}
	for name, c := range map[string]struct {
		g             *graph.Graph
		values, bytes int64
		dtypes        map[string]int64
		op            string
	}{
		"tree regressor": {classic("TreeEnsembleRegressor", 1, regressor(map[string]graph.Attr{"nodes_values": numbers(0.5, 0, 0), "target_weights": numbers(1, 2), "base_values": numbers(3)})),
			4, 6*4 + 21*8 + 18, map[string]int64{"F32": 24, "I64": 168, "STRING": 18}, "TreeEnsembleRegressor"},
		"tree regressor of doubles": {classic("TreeEnsembleRegressor", 1, regressor(map[string]graph.Attr{"nodes_values_as_tensor": inline(3), "target_weights_as_tensor": inline(2)})),
			3, 5*8 + 21*8 + 18, map[string]int64{"F64": 40, "I64": 168, "STRING": 18}, "TreeEnsembleRegressor"},
		"tree classifier": {classic("TreeEnsembleClassifier", 2, tree(map[string]graph.Attr{"nodes_values": numbers(0.5, 0, 0), "class_weights": numbers(1, 2, 3, 4),
			"class_treeids": integers(0, 0, 0, 0), "class_nodeids": integers(1, 1, 2, 2), "class_ids": integers(0, 1, 0, 1), "classlabels_int64s": integers(0, 1)})),
			5, 7*4 + 29*8 + 18, map[string]int64{"F32": 28, "I64": 232, "STRING": 18}, "TreeEnsembleClassifier"},
		"support vectors": {classic("SVMRegressor", 1, map[string]graph.Attr{"support_vectors": numbers(repeated(6)...), "coefficients": numbers(1, 2), "rho": numbers(1), "n_supports": integer(2)}),
			9, 36, map[string]int64{"F32": 36}, "SVMRegressor"},
		"scaler": {classic("Scaler", 1, map[string]graph.Attr{"offset": numbers(1, 2, 3), "scale": numbers(1, 2, 3)}), 6, 24, map[string]int64{"F32": 24}, "Scaler"},
		"labels": {classic("LabelEncoder", 1, map[string]graph.Attr{"keys_floats": numbers(1, 2), "values_strings": wordList("yes", "no"), "default_string": word("?")}),
			2, 8 + 5, map[string]int64{"F32": 8, "STRING": 5}, "LabelEncoder"},
	} {
		info := inspect(t, encoded(t, c.g))
		if len(info.Opaque) > 0 {
			t.Errorf("%s: %+v", name, info.Opaque)
		}
		if info.Parameters != c.values || info.Bytes != c.bytes || fmt.Sprint(info.Dtypes) != fmt.Sprint(c.dtypes) {
			t.Errorf("%s: %d values, %d bytes, %v; wanted %d, %d, %v", name, info.Parameters, info.Bytes, info.Dtypes, c.values, c.bytes, c.dtypes)
		}
		if want := fmt.Sprintf("%d of ai.onnx.ml.%s", c.values, c.op); !strings.Contains(facts(info), want) {
			t.Errorf("%s: facts %s, wanted %q", name, facts(info), want)
		}
	}
}

// A linear classifier becomes a product, whose weights are counted as such, once.
func TestLearnedValuesOfLinearModelsAreCountedOnce(t *testing.T) {
	info := inspect(t, encoded(t, classic("LinearClassifier", 2, map[string]graph.Attr{"coefficients": numbers(repeated(9)...), "intercepts": numbers(1, 2, 3),
		"classlabels_ints": integers(0, 1, 2), "post_transform": word("SOFTMAX")})))
	if info.Parameters != 12 {
		t.Errorf("%d learned values, wanted 12: %v %v", info.Parameters, info.Operators, facts(info))
	}
}
