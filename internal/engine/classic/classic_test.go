package classic

import (
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// table is the family's table as optest looks operators up.
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

func TestLabelEncoderTakesTheKindsOfItsKeysAndValues(t *testing.T) {
	nan := float32(math.NaN())
	doubles := optest.Of(tensor.F64, []float64{0.5, math.NaN()}, 2)
	shorts := optest.Of(tensor.I16, []int16{7, 8}, 2)
	byWord := optest.Attrs("keys_strings", wordsAttr("a", "b"), "values_int64s", intsAttr(1, 2))
	for version := int64(2); version <= 4; version += 2 {
		optest.Check(t, table(), []optest.Wanted{
			{Case: optest.Case{Op: "LabelEncoder", Opset: version, Attrs: byWord, In: []*tensor.Tensor{optest.Words([]string{"b", "x", "a"}, 3)}}, Want: optest.I64([]int64{2, -1, 1}, 3)},
			{Case: optest.Case{Op: "LabelEncoder", Opset: version, Attrs: byWord, In: []*tensor.Tensor{optest.I64([]int64{1}, 1)}}},
			{Case: optest.Case{Op: "LabelEncoder", Opset: version, Attrs: optest.Attrs("keys_int64s", intsAttr(3, 4), "values_strings", wordsAttr("x", "y")),
				In: []*tensor.Tensor{optest.I64([]int64{4, 9}, 1, 2)}}, Want: optest.Words([]string{"y", "_Unused"}, 1, 2)},
			{Case: optest.Case{Op: "LabelEncoder", Opset: version, Attrs: optest.Attrs("keys_int64s", intsAttr(3, 3), "values_strings", wordsAttr("x", "y")), In: []*tensor.Tensor{optest.I64([]int64{4}, 1)}}},
			{Case: optest.Case{Op: "LabelEncoder", Opset: version, Attrs: optest.Attrs("keys_int64s", intsAttr(3), "values_strings", wordsAttr("x", "y")), In: []*tensor.Tensor{optest.I64([]int64{4}, 1)}}},
		})
	}
	optest.Check(t, table(), []optest.Wanted{
		{Case: optest.Case{Op: "LabelEncoder", Opset: 2, Attrs: optest.Attrs("keys_floats", floatsAttr(nan, 1), "values_int64s", intsAttr(5, 6)),
			In: []*tensor.Tensor{optest.F32([]float32{nan, 1}, 2)}}, Want: optest.I64([]int64{-1, 6}, 2)},
		{Case: optest.Case{Op: "LabelEncoder", Opset: 4, Attrs: optest.Attrs("keys_tensor", inline(doubles), "values_tensor", inline(shorts), "default_tensor", inline(optest.Of(tensor.I16, []int16{-3}, 1))),
			In: []*tensor.Tensor{optest.Of(tensor.F64, []float64{math.NaN(), 2, 0.5}, 3)}}, Want: optest.Of(tensor.I16, []int16{8, -3, 7}, 3)},
		{Case: optest.Case{Op: "LabelEncoder", Opset: 2, Attrs: optest.Attrs("keys_tensor", inline(doubles), "values_tensor", inline(shorts)), In: []*tensor.Tensor{doubles}}},
	})
}

func TestColumnsAreEncodedByKind(t *testing.T) {
	encode := func(zeros int64, attrs map[string]any, x, want *tensor.Tensor) optest.Wanted {
		attrs["zeros"] = graph.Attr{Kind: graph.AttrInt, Int: zeros}
		return optest.Wanted{Case: optest.Case{Op: "OneHotEncoder", Opset: 1, Attrs: attrs, In: []*tensor.Tensor{x}}, Want: want}
	}
	impute := func(attrs map[string]any, x, want *tensor.Tensor) optest.Wanted {
		return optest.Wanted{Case: optest.Case{Op: "Imputer", Opset: 1, Attrs: attrs, In: []*tensor.Tensor{x}}, Want: want}
	}
	whole := optest.I64([]int64{2, 5}, 2)
	missing := optest.Attrs("imputed_value_floats", floatsAttr(7, 8), "replaced_value_float", graph.Attr{Kind: graph.AttrFloat, Float: float32(math.NaN())})
	optest.Check(t, table(), []optest.Wanted{
		encode(1, optest.Attrs("cats_int64s", intsAttr(2, 4)), whole, optest.F32([]float32{1, 0, 0, 0}, 2, 2)),
		encode(0, optest.Attrs("cats_int64s", intsAttr(2, 4)), whole, nil),
		encode(1, optest.Attrs("cats_int64s", intsAttr(2, 4)), optest.Of(tensor.F64, []float64{4.9, math.NaN()}, 1, 2), optest.F32([]float32{0, 1, 0, 0}, 1, 2, 2)),
		encode(1, optest.Attrs("cats_int64s", intsAttr(2, 4)), optest.Words([]string{"2"}, 1), nil),
		encode(1, optest.Attrs("cats_strings", wordsAttr("b", "a")), optest.Words([]string{"a", "c"}, 2, 1), optest.F32([]float32{0, 1, 0, 0}, 2, 1, 2)),
		encode(1, optest.Attrs("cats_strings", wordsAttr("b"), "cats_int64s", intsAttr(1)), whole, nil),
		impute(missing, optest.F32([]float32{float32(math.NaN()), 1, 2, float32(math.NaN())}, 2, 2), optest.F32([]float32{7, 1, 2, 8}, 2, 2)),
		impute(missing, optest.Of(tensor.F64, []float64{math.NaN(), 1}, 1, 2), optest.Of(tensor.F64, []float64{7, 1}, 1, 2)),
		impute(missing, optest.F32([]float32{1, 2, 3}, 1, 3), nil),
		impute(missing, optest.I64([]int64{1, 2}, 1, 2), nil),
		impute(optest.Attrs("imputed_value_int64s", intsAttr(9), "replaced_value_int64", graph.Attr{Kind: graph.AttrInt, Int: 2}), whole, optest.I64([]int64{9, 5}, 2)),
		impute(optest.Attrs("imputed_value_int64s", intsAttr(9), "imputed_value_floats", floatsAttr(1)), whole, nil),
		{Case: optest.Case{Op: "CategoryMapper", Opset: 1, Attrs: optest.Attrs("cats_strings", wordsAttr("a", "b"), "cats_int64s", intsAttr(7, 8)), In: []*tensor.Tensor{optest.I64([]int64{8, 1}, 2)}},
			Want: optest.Words([]string{"b", "_Unused"}, 2)},
		{Case: optest.Case{Op: "LabelEncoder", Opset: 1, Attrs: optest.Attrs("classes_strings", wordsAttr("a", "b")), In: []*tensor.Tensor{optest.Words([]string{"b", "c"}, 2)}}, Want: optest.I64([]int64{1, -1}, 2)},
		{Case: optest.Case{Op: "FeatureVectorizer", Opset: 1, Attrs: optest.Attrs("inputdimensions", intsAttr(1, 3)), In: []*tensor.Tensor{optest.F32([]float32{1, 2}, 1, 2), optest.I64([]int64{3, 4}, 1, 2)}},
			Want: optest.F32([]float32{1, 3, 4, 0}, 1, 4)},
	})
}

// A linear classifier with one row of coefficients: 1 - s and s, and the second label where s > 0.
func TestOneRowOfCoefficientsSeparatesTwoClasses(t *testing.T) {
	n := optest.Case{Op: "LinearClassifier", Opset: 1, Outputs: 2, Attrs: optest.Attrs("coefficients", floatsAttr(1, -1), "intercepts", floatsAttr(0.5), "classlabels_strings", wordsAttr("no", "yes")),
		In: []*tensor.Tensor{optest.F32([]float32{1, 1, 0, 1}, 2, 2)}}
	out, err := optest.Run(t, table(), n)
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
	tree := func(role string, more ...any) map[string]any {
		a := optest.Attrs(more...)
		for name, v := range optest.Attrs("nodes_treeids", intsAttr(0), "nodes_nodeids", intsAttr(0), "nodes_featureids", intsAttr(0), "nodes_truenodeids", intsAttr(0), "nodes_falsenodeids", intsAttr(0),
			"nodes_values", floatsAttr(0), "nodes_modes", wordsAttr("LEAF"), role+"_treeids", intsAttr(0), role+"_nodeids", intsAttr(0), role+"_weights", floatsAttr(1)) {
			a[name] = v
		}
		return a
	}
	two := intsAttr(0, 1)
	for _, c := range []struct {
		op     string
		attrs  map[string]any
		reason string
	}{
		{"TreeEnsembleClassifier", tree("class", "class_ids", intsAttr(0), "classlabels_int64s", two, "base_values", floatsAttr(1, 2)), "runtimes disagree"},
		{"TreeEnsembleClassifier", tree("class", "class_ids", intsAttr(1), "classlabels_int64s", two, "base_values", floatsAttr(1)), "runtimes disagree"},
		{"TreeEnsembleClassifier", tree("class", "class_ids", intsAttr(0), "classlabels_int64s", intsAttr(4)), "one class"},
		{"TreeEnsembleRegressor", tree("target", "target_ids", intsAttr(0), "base_values", floatsAttr(1, 2)), "2 base values for 1 targets"},
		{"TreeEnsembleRegressor", tree("target", "target_ids", intsAttr(0), "aggregate_function", graph.Attr{Kind: graph.AttrString, Str: "MEDIAN"}), "MEDIAN"},
		{"SVMClassifier", optest.Attrs("coefficients", floatsAttr(1, 2), "rho", floatsAttr(0), "classlabels_ints", two), "runtimes disagree"},
		{"SVMClassifier", optest.Attrs("coefficients", floatsAttr(1, 2), "rho", floatsAttr(0), "classlabels_ints", two, "support_vectors", floatsAttr(1, 2), "vectors_per_class", intsAttr(1, 2)), "2 coefficients"},
		{"LinearRegressor", optest.Attrs("coefficients", floatsAttr(1, 2, 3), "targets", graph.Attr{Kind: graph.AttrInt, Int: 2}), "3 coefficients"},
	} {
		n := optest.Case{Op: c.op, Opset: 1, Attrs: c.attrs, In: []*tensor.Tensor{optest.F32([]float32{1}, 1, 1)}}
		if _, err := optest.Run(t, table(), n); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, wanted a refusal with %q", c.op, err, c.reason)
		}
	}
}
