package classic

import (
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/nodetest"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// table is the family's table as nodetest looks operators up.
func table() engine.Table {
	t := engine.Table{}
	for k, v := range Table() {
		t[engine.Key{Op: k.Op}] = v
	}
	return t
}

func floatsAttr(v ...float32) graph.Attr { return graph.Attr{Kind: graph.AttrFloats, Floats: v} }
func intsAttr(v ...int64) graph.Attr     { return graph.Attr{Kind: graph.AttrInts, Ints: v} }
func wordsAttr(v ...string) graph.Attr   { return graph.Attr{Kind: graph.AttrStrings, Strs: v} }

// inline is a tensor attribute.
func inline(x *tensor.Tensor) graph.Attr {
	w := &graph.Weight{DType: x.DType(), Shape: x.Shape(), Data: x.Bytes()}
	if x.DType() == tensor.String {
		w.Data = nil
		for i := range x.Len() {
			w.Strings = append(w.Strings, x.StringAt(i))
		}
	}
	return graph.Attr{Kind: graph.AttrTensor, Tensor: w}
}

func with(kv ...any) map[string]graph.Attr {
	m := map[string]graph.Attr{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1].(graph.Attr)
	}
	return m
}

func TestLabelEncoderTakesTheKindsOfItsKeysAndValues(t *testing.T) {
	nan := float32(math.NaN())
	doubles := nodetest.Of(tensor.F64, []float64{0.5, math.NaN()}, 2)
	shorts := nodetest.Of(tensor.I16, []int16{7, 8}, 2)
	byWord := with("keys_strings", wordsAttr("a", "b"), "values_int64s", intsAttr(1, 2))
	for version := int64(2); version <= 4; version += 2 {
		nodetest.Check(t, table(), []nodetest.Case{
			{Node: nodetest.Node{Op: "LabelEncoder", Opset: version, Attrs: byWord, In: []*tensor.Tensor{nodetest.Words([]string{"b", "x", "a"}, 3)}}, Want: nodetest.I64([]int64{2, -1, 1}, 3)},
			{Node: nodetest.Node{Op: "LabelEncoder", Opset: version, Attrs: byWord, In: []*tensor.Tensor{nodetest.I64([]int64{1}, 1)}}},
			{Node: nodetest.Node{Op: "LabelEncoder", Opset: version, Attrs: with("keys_int64s", intsAttr(3, 4), "values_strings", wordsAttr("x", "y")),
				In: []*tensor.Tensor{nodetest.I64([]int64{4, 9}, 1, 2)}}, Want: nodetest.Words([]string{"y", "_Unused"}, 1, 2)},
			{Node: nodetest.Node{Op: "LabelEncoder", Opset: version, Attrs: with("keys_int64s", intsAttr(3, 3), "values_strings", wordsAttr("x", "y")), In: []*tensor.Tensor{nodetest.I64([]int64{4}, 1)}}},
			{Node: nodetest.Node{Op: "LabelEncoder", Opset: version, Attrs: with("keys_int64s", intsAttr(3), "values_strings", wordsAttr("x", "y")), In: []*tensor.Tensor{nodetest.I64([]int64{4}, 1)}}},
		})
	}
	nodetest.Check(t, table(), []nodetest.Case{
		{Node: nodetest.Node{Op: "LabelEncoder", Opset: 2, Attrs: with("keys_floats", floatsAttr(nan, 1), "values_int64s", intsAttr(5, 6)),
			In: []*tensor.Tensor{nodetest.F32([]float32{nan, 1}, 2)}}, Want: nodetest.I64([]int64{-1, 6}, 2)},
		{Node: nodetest.Node{Op: "LabelEncoder", Opset: 4, Attrs: with("keys_tensor", inline(doubles), "values_tensor", inline(shorts), "default_tensor", inline(nodetest.Of(tensor.I16, []int16{-3}, 1))),
			In: []*tensor.Tensor{nodetest.Of(tensor.F64, []float64{math.NaN(), 2, 0.5}, 3)}}, Want: nodetest.Of(tensor.I16, []int16{8, -3, 7}, 3)},
		{Node: nodetest.Node{Op: "LabelEncoder", Opset: 2, Attrs: with("keys_tensor", inline(doubles), "values_tensor", inline(shorts)), In: []*tensor.Tensor{doubles}}},
	})
}

func TestColumnsAreEncodedByKind(t *testing.T) {
	encode := func(zeros int64, attrs map[string]graph.Attr, x, want *tensor.Tensor) nodetest.Case {
		attrs["zeros"] = graph.Attr{Kind: graph.AttrInt, Int: zeros}
		return nodetest.Case{Node: nodetest.Node{Op: "OneHotEncoder", Opset: 1, Attrs: attrs, In: []*tensor.Tensor{x}}, Want: want}
	}
	impute := func(attrs map[string]graph.Attr, x, want *tensor.Tensor) nodetest.Case {
		return nodetest.Case{Node: nodetest.Node{Op: "Imputer", Opset: 1, Attrs: attrs, In: []*tensor.Tensor{x}}, Want: want}
	}
	whole := nodetest.I64([]int64{2, 5}, 2)
	missing := with("imputed_value_floats", floatsAttr(7, 8), "replaced_value_float", graph.Attr{Kind: graph.AttrFloat, Float: float32(math.NaN())})
	nodetest.Check(t, table(), []nodetest.Case{
		encode(1, with("cats_int64s", intsAttr(2, 4)), whole, nodetest.F32([]float32{1, 0, 0, 0}, 2, 2)),
		encode(0, with("cats_int64s", intsAttr(2, 4)), whole, nil),
		encode(1, with("cats_int64s", intsAttr(2, 4)), nodetest.Of(tensor.F64, []float64{4.9, math.NaN()}, 1, 2), nodetest.F32([]float32{0, 1, 0, 0}, 1, 2, 2)),
		encode(1, with("cats_int64s", intsAttr(2, 4)), nodetest.Words([]string{"2"}, 1), nil),
		encode(1, with("cats_strings", wordsAttr("b", "a")), nodetest.Words([]string{"a", "c"}, 2, 1), nodetest.F32([]float32{0, 1, 0, 0}, 2, 1, 2)),
		encode(1, with("cats_strings", wordsAttr("b"), "cats_int64s", intsAttr(1)), whole, nil),
		impute(missing, nodetest.F32([]float32{float32(math.NaN()), 1, 2, float32(math.NaN())}, 2, 2), nodetest.F32([]float32{7, 1, 2, 8}, 2, 2)),
		impute(missing, nodetest.Of(tensor.F64, []float64{math.NaN(), 1}, 1, 2), nodetest.Of(tensor.F64, []float64{7, 1}, 1, 2)),
		impute(missing, nodetest.F32([]float32{1, 2, 3}, 1, 3), nil),
		impute(missing, nodetest.I64([]int64{1, 2}, 1, 2), nil),
		impute(with("imputed_value_int64s", intsAttr(9), "replaced_value_int64", graph.Attr{Kind: graph.AttrInt, Int: 2}), whole, nodetest.I64([]int64{9, 5}, 2)),
		impute(with("imputed_value_int64s", intsAttr(9), "imputed_value_floats", floatsAttr(1)), whole, nil),
		{Node: nodetest.Node{Op: "CategoryMapper", Opset: 1, Attrs: with("cats_strings", wordsAttr("a", "b"), "cats_int64s", intsAttr(7, 8)), In: []*tensor.Tensor{nodetest.I64([]int64{8, 1}, 2)}},
			Want: nodetest.Words([]string{"b", "_Unused"}, 2)},
		{Node: nodetest.Node{Op: "LabelEncoder", Opset: 1, Attrs: with("classes_strings", wordsAttr("a", "b")), In: []*tensor.Tensor{nodetest.Words([]string{"b", "c"}, 2)}}, Want: nodetest.I64([]int64{1, -1}, 2)},
		{Node: nodetest.Node{Op: "FeatureVectorizer", Opset: 1, Attrs: with("inputdimensions", intsAttr(1, 3)), In: []*tensor.Tensor{nodetest.F32([]float32{1, 2}, 1, 2), nodetest.I64([]int64{3, 4}, 1, 2)}},
			Want: nodetest.F32([]float32{1, 3, 4, 0}, 1, 4)},
	})
}

// A linear classifier with one row of coefficients: 1 - s and s, and the second label where s > 0.
func TestOneRowOfCoefficientsSeparatesTwoClasses(t *testing.T) {
	n := nodetest.Node{Op: "LinearClassifier", Opset: 1, Outputs: 2, Attrs: with("coefficients", floatsAttr(1, -1), "intercepts", floatsAttr(0.5), "classlabels_strings", wordsAttr("no", "yes")),
		In: []*tensor.Tensor{nodetest.F32([]float32{1, 1, 0, 1}, 2, 2)}}
	out, err := n.Run(table())
	if err != nil {
		t.Fatal(err)
	}
	if got := out[0].StringAt(0) + " " + out[0].StringAt(1); got != "yes no" {
		t.Errorf("labels are %s, want yes no", got)
	}
	for i, want := range []float32{0.5, 0.5, 1.5, -0.5} {
		if got := tensor.Of[float32](out[1])[i]; got != want {
			t.Errorf("score %d is %v, want %v", i, got, want)
		}
	}
}

func TestModelsThatRuntimesDisagreeOnAreRefused(t *testing.T) {
	tree := func(role string, more ...any) map[string]graph.Attr {
		a := with(more...)
		for name, v := range with("nodes_treeids", intsAttr(0), "nodes_nodeids", intsAttr(0), "nodes_featureids", intsAttr(0), "nodes_truenodeids", intsAttr(0), "nodes_falsenodeids", intsAttr(0),
			"nodes_values", floatsAttr(0), "nodes_modes", wordsAttr("LEAF"), role+"_treeids", intsAttr(0), role+"_nodeids", intsAttr(0), role+"_weights", floatsAttr(1)) {
			a[name] = v
		}
		return a
	}
	two := intsAttr(0, 1)
	for _, c := range []struct {
		op     string
		attrs  map[string]graph.Attr
		reason string
	}{
		{"TreeEnsembleClassifier", tree("class", "class_ids", intsAttr(0), "classlabels_int64s", two, "base_values", floatsAttr(1, 2)), "runtimes disagree"},
		{"TreeEnsembleClassifier", tree("class", "class_ids", intsAttr(1), "classlabels_int64s", two, "base_values", floatsAttr(1)), "runtimes disagree"},
		{"TreeEnsembleClassifier", tree("class", "class_ids", intsAttr(0), "classlabels_int64s", intsAttr(4)), "one class"},
		{"TreeEnsembleRegressor", tree("target", "target_ids", intsAttr(0), "base_values", floatsAttr(1, 2)), "2 base values for 1 targets"},
		{"TreeEnsembleRegressor", tree("target", "target_ids", intsAttr(0), "aggregate_function", graph.Attr{Kind: graph.AttrString, Str: "MEDIAN"}), "MEDIAN"},
		{"SVMClassifier", with("coefficients", floatsAttr(1, 2), "rho", floatsAttr(0), "classlabels_ints", two), "runtimes disagree"},
		{"SVMClassifier", with("coefficients", floatsAttr(1, 2), "rho", floatsAttr(0), "classlabels_ints", two, "support_vectors", floatsAttr(1, 2), "vectors_per_class", intsAttr(1, 2)), "2 coefficients"},
		{"LinearRegressor", with("coefficients", floatsAttr(1, 2, 3), "targets", graph.Attr{Kind: graph.AttrInt, Int: 2}), "3 coefficients"},
	} {
		n := nodetest.Node{Op: c.op, Opset: 1, Attrs: c.attrs, In: []*tensor.Tensor{nodetest.F32([]float32{1}, 1, 1)}}
		if _, err := n.Run(table()); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, wanted a refusal with %q", c.op, err, c.reason)
		}
	}
}
