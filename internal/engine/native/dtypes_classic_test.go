package native

import (
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// classicSamples are attributes of ai.onnx.ml for inputs of one element.
func classicSamples() map[string]sample {
	reals := func(v ...float32) graph.Attr { return graph.Attr{Kind: graph.AttrFloats, Floats: v} }
	words := func(v ...string) graph.Attr { return graph.Attr{Kind: graph.AttrStrings, Strs: v} }
	one := []tensor.Shape{{1, 1}}
	leaf := func(role string) map[string]graph.Attr {
		return attrs("nodes_treeids", list(0), "nodes_nodeids", list(0), "nodes_featureids", list(0), "nodes_truenodeids", list(0), "nodes_falsenodeids", list(0),
			"nodes_values", reals(0), "nodes_modes", words("LEAF"), role+"_treeids", list(0), role+"_nodeids", list(0), role+"_ids", list(0), role+"_weights", reals(1))
	}
	classes := leaf("class")
	classes["classlabels_int64s"] = list(0, 1)
	return map[string]sample{
		"FeatureVectorizer":      {attrs: attrs("inputdimensions", list(1)), shapes: one},
		"LinearClassifier":       {attrs: attrs("coefficients", reals(1, 2), "classlabels_ints", list(0, 1)), shapes: one},
		"LinearRegressor":        {attrs: attrs("coefficients", reals(1)), shapes: one},
		"SVMClassifier":          {attrs: attrs("coefficients", reals(1, -1), "support_vectors", reals(1, 2), "vectors_per_class", list(1, 1), "rho", reals(0), "classlabels_ints", list(0, 1)), shapes: one},
		"SVMRegressor":           {attrs: attrs("coefficients", reals(1), "rho", reals(0)), shapes: one},
		"TreeEnsembleClassifier": {attrs: classes, shapes: one},
		"TreeEnsembleRegressor":  {attrs: leaf("target"), shapes: one},
	}
}
