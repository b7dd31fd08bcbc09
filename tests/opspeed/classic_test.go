package opspeed

import (
	"math/rand/v2"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// numbers are n random ones that are the same each time.
func numbers(n int, fill filling) []float32 {
	rng := rand.New(rand.NewPCG(3, 4))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(fill(i, rng))
	}
	return out
}

func counted(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

// classical are the operators of ai.onnx.ml.
func classical() []entry {
	x := f32(normal, rows, columns)
	narrow := f32(normal, rows, 32)
	ml := func(op string, in input, attrs map[string]any) entry {
		return entry{op: "ai.onnx.ml." + op, attrs: attrs, in: []input{in}}
	}
	svm := map[string]any{"kernel_type": "RBF", "kernel_params": []float64{0.1, 0, 3}, "coefficients": numbers(100, normal), "support_vectors": numbers(100*32, normal),
		"rho": []float64{0.3}}
	regressor, classifier := map[string]any{"n_supports": 100}, map[string]any{"vectors_per_class": []int{50, 50}, "classlabels_ints": []int{0, 1}}
	for name, v := range svm {
		regressor[name], classifier[name] = v, v
	}
	svc := ml("SVMClassifier", narrow, classifier)
	svc.outputs = 2
	linear := ml("LinearClassifier", x, map[string]any{"coefficients": numbers(10*columns, inside), "intercepts": numbers(10, inside), "classlabels_ints": counted(10),
		"post_transform": "SOFTMAX"})
	linear.outputs = 2
	forest := ml("TreeEnsembleClassifier", narrow, merge(trees("class", 50, 6), map[string]any{"classlabels_int64s": []int{0, 1}}))
	forest.outputs = 2
	list := []entry{
		ml("Binarizer", x, map[string]any{"threshold": 0.1}),
		ml("Imputer", x, map[string]any{"imputed_value_floats": []float64{1}, "replaced_value_float": 0.0}),
		ml("LabelEncoder", i64(below(100), rows, columns), map[string]any{"keys_int64s": counted(100), "values_int64s": counted(100)}),
		ml("LinearRegressor", x, map[string]any{"coefficients": numbers(10*columns, inside), "intercepts": numbers(10, inside), "targets": 10}),
		linear,
		ml("Normalizer", x, map[string]any{"norm": "L2"}),
		ml("OneHotEncoder", i64(below(50), 4096), map[string]any{"cats_int64s": counted(50)}),
		ml("Scaler", x, map[string]any{"offset": numbers(columns, inside), "scale": numbers(columns, inside)}),
		ml("SVMRegressor", narrow, regressor), svc,
		ml("TreeEnsembleRegressor", narrow, trees("target", 50, 6)), forest,
		{op: "ai.onnx.ml.FeatureVectorizer", attrs: map[string]any{"inputdimensions": []int{columns, 32}}, in: []input{x, narrow}},
		{op: "TfIdfVectorizer", attrs: map[string]any{"min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0, "mode": "TF", "ngram_counts": []int{0, 64},
			"ngram_indexes": counted(96), "pool_int64s": counted(128)}, in: []input{i64(below(100), 64, 256)}},
		{op: "ai.onnx.ml.TreeEnsemble", opset: 5, attrs: tensorTrees(50, 6), in: []input{narrow}},
	}
	return list
}

func merge(a, b map[string]any) map[string]any {
	for k, v := range b {
		a[k] = v
	}
	return a
}

// trees are full binary trees of a depth over 32 features in the list form, with leaves for role "target" or "class".
func trees(role string, count, depth int) map[string]any {
	var treeIDs, nodeIDs, features, yes, no, leafTrees, leafNodes, ids []int64
	var modes []string
	rng := rand.New(rand.NewPCG(5, 6))
	var values, weights []float32
	inner, total := 1<<depth-1, 1<<(depth+1)-1
	for t := range count {
		for n := range total {
			treeIDs, nodeIDs = append(treeIDs, int64(t)), append(nodeIDs, int64(n))
			if n >= inner {
				features, yes, no, modes, values = append(features, 0), append(yes, 0), append(no, 0), append(modes, "LEAF"), append(values, 0)
				leafTrees, leafNodes, ids = append(leafTrees, int64(t)), append(leafNodes, int64(n)), append(ids, 0)
				weights = append(weights, rng.Float32())
				continue
			}
			features, modes, values = append(features, int64(rng.IntN(32))), append(modes, "BRANCH_LEQ"), append(values, float32(rng.NormFloat64()))
			yes, no = append(yes, int64(2*n+1)), append(no, int64(2*n+2))
		}
	}
	attrs := map[string]any{"nodes_treeids": treeIDs, "nodes_nodeids": nodeIDs, "nodes_featureids": features, "nodes_modes": modes, "nodes_values": values,
		"nodes_truenodeids": yes, "nodes_falsenodeids": no, role + "_treeids": leafTrees, role + "_nodeids": leafNodes, role + "_ids": ids, role + "_weights": weights}
	if role == "target" {
		attrs["n_targets"] = 1
	}
	return attrs
}

// tensorTrees are such trees in the form of version 5: inner nodes and leaves are counted apart.
func tensorTrees(count, depth int) map[string]any {
	inner, leaves := 1<<depth-1, 1<<depth
	var roots, features, yes, no, yesLeaf, noLeaf, targets []int64
	rng := rand.New(rand.NewPCG(5, 6))
	var splits, weights []float32
	for t := range count {
		roots = append(roots, int64(t*inner))
		for n := range inner {
			features, splits = append(features, int64(rng.IntN(32))), append(splits, float32(rng.NormFloat64()))
			a, b, leaf := t*inner+2*n+1, t*inner+2*n+2, int64(0)
			if 2*n+1 >= inner {
				a, b, leaf = t*leaves+2*n+1-inner, t*leaves+2*n+2-inner, 1
			}
			yes, no, yesLeaf, noLeaf = append(yes, int64(a)), append(no, int64(b)), append(yesLeaf, leaf), append(noLeaf, leaf)
		}
		for range leaves {
			targets, weights = append(targets, 0), append(weights, rng.Float32())
		}
	}
	return map[string]any{"tree_roots": roots, "nodes_featureids": features, "nodes_truenodeids": yes, "nodes_falsenodeids": no, "nodes_trueleafs": yesLeaf,
		"nodes_falseleafs": noLeaf, "leaf_targetids": targets, "n_targets": 1, "nodes_splits": weighed(tensor.F32, splits), "leaf_weights": weighed(tensor.F32, weights),
		"nodes_modes": weighed(tensor.U8, make([]uint8, len(splits)))}
}

func weighed[T tensor.Element](d tensor.DType, values []T) *graph.Weight {
	x, err := tensor.FromSlice(d, values, len(values))
	if err != nil {
		panic(err)
	}
	return &graph.Weight{DType: d, Shape: x.Shape(), Data: x.Bytes()}
}
