package onnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// learnedLists names, by operator, the attributes that fitting a model fills with numbers or categories. What only numbers
// nodes of trees, targets or columns is not among them. Of the attributes in one word, "a|b", the first that the node has
// counts: they are forms of the same.
func learnedLists() map[string][]string {
	nodes := []string{"nodes_values|nodes_values_as_tensor", "base_values|base_values_as_tensor"}
	keys := "keys_floats|keys_int64s|keys_strings|keys_tensor|classes_strings"
	linear := []string{"coefficients", "intercepts"}
	vectors := []string{"support_vectors", "coefficients", "rho", "prob_a", "prob_b"}
	return map[string][]string{
		"ai.onnx.ml.CategoryMapper":         {"cats_strings"},
		"ai.onnx.ml.DictVectorizer":         {"string_vocabulary|int64_vocabulary"},
		"ai.onnx.ml.Imputer":                {"imputed_value_floats|imputed_value_int64s"},
		"ai.onnx.ml.LabelEncoder":           {keys},
		"ai.onnx.ml.LinearClassifier":       linear,
		"ai.onnx.ml.LinearRegressor":        linear,
		"ai.onnx.ml.OneHotEncoder":          {"cats_int64s|cats_strings"},
		"ai.onnx.ml.SVMClassifier":          vectors,
		"ai.onnx.ml.SVMRegressor":           vectors,
		"ai.onnx.ml.Scaler":                 {"offset", "scale"},
		"ai.onnx.ml.TreeEnsemble":           {"nodes_splits", "membership_values", "leaf_weights"},
		"ai.onnx.ml.TreeEnsembleClassifier": append(slices.Clip(nodes), "class_weights|class_weights_as_tensor"),
		"ai.onnx.ml.TreeEnsembleRegressor":  append(slices.Clip(nodes), "target_weights|target_weights_as_tensor"),
		"TfIdfVectorizer":                   {"pool_int64s|pool_strings", "weights"},
	}
}

// learned counts the values that a node's attributes hold. A leaf of a tree has an entry among the thresholds, which says
// nothing and is not counted.
func learned(n *graph.Node, lists []string) int64 {
	total := int64(0)
	for _, forms := range lists {
		for name := range strings.SplitSeq(forms, "|") {
			if a, ok := n.Attrs[name]; ok {
				total += entries(a)
				break
			}
		}
	}
	for _, mode := range n.Attrs["nodes_modes"].Strs {
		if mode == "LEAF" {
			total--
		}
	}
	return max(total, 0)
}

// entries is the number of elements of a list or tensor.
func entries(a graph.Attr) int64 {
	if a.Tensor != nil {
		n, err := a.Tensor.Shape.Elements()
		if err != nil {
			return 0 // attributes refuses it
		}
		return int64(n)
	}
	return int64(len(a.Floats) + len(a.Ints) + len(a.Strs))
}

// listBytes are the bytes of a list or tensor, and their type.
func listBytes(a graph.Attr) (string, int64) {
	switch a.Kind {
	case graph.AttrFloats:
		return tensor.F32.String(), 4 * int64(len(a.Floats))
	case graph.AttrInts:
		return tensor.I64.String(), 8 * int64(len(a.Ints))
	case graph.AttrStrings:
		total := int64(0)
		for _, s := range a.Strs {
			total += int64(len(s))
		}
		return tensor.String.String(), total
	case graph.AttrTensor:
		if n, err := a.Tensor.Bytes(); err == nil {
			return a.Tensor.Type(), n
		}
	}
	return "", 0
}

// attributeValues enters the learned values that stand in attributes, with all lists of their nodes, and gives the numbers
// of values by operator.
func (m *model) attributeValues(info *layout.Info) map[string]int64 {
	found, lists := map[string]int64{}, learnedLists()
	for g := range m.net.graph.All() {
		for _, n := range g.Nodes {
			op := operator(n)
			values := learned(n, lists[op])
			if values == 0 {
				continue
			}
			found[op] += values
			info.Parameters += values
			for _, a := range n.Attrs {
				if kind, bytes := listBytes(a); bytes > 0 {
					info.Bytes += bytes
					info.Dtypes[kind] += bytes
				}
			}
		}
	}
	return found
}

// attributesFact says by operator how many of the learned values stand in attributes.
func attributesFact(found map[string]int64, add func(name, format string, args ...any)) {
	var parts []string
	for _, op := range sorted(found) {
		parts = append(parts, fmt.Sprintf("%d of %s", found[op], op))
	}
	if len(parts) > 0 {
		add("values in attributes", "%s", strings.Join(parts, ", "))
	}
}
