// Package classic is the family of the ai.onnx.ml domain, which exports of scikit-learn, XGBoost and LightGBM use: encoders of
// categories, scalers, linear models, support vector machines and tree ensembles (package ensemble walks those).
//
// Where the standard leaves a case open, or ONNX Runtime differs from it, the kernels do what ONNX Runtime does; their
// comments say so. The splitter's importer turns most linear models into matrix products, which can be sharded, and takes
// ZipMap away. DictVectorizer and CastMap, whose inputs are dictionaries, are not covered: a dictionary is no input of a
// sharded model.
//
// The package is called by internal/engine/native alone.
package classic

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Domain is the operators' domain.
const Domain = "ai.onnx.ml"

// Table is the family's operators.
func Table() engine.Table {
	numbers := engine.TypesOf(tensor.I32, tensor.I64, tensor.F32, tensor.F64)
	t := engine.Table{}
	for op, definitions := range map[string][]engine.Operator{
		"ArrayFeatureExtractor":  {{Since: 1, In: []engine.Types{engine.Any(), engine.TypesOf(tensor.I32, tensor.I64)}, Build: extractor}},
		"Binarizer":              {{Since: 1, In: []engine.Types{engine.Fixed()}, Build: binarizer}},
		"CategoryMapper":         {{Since: 1, In: []engine.Types{engine.TypesOf(tensor.I64, tensor.String)}, Build: categoryMapper}},
		"FeatureVectorizer":      {{Since: 1, In: []engine.Types{numbers}, Build: vectorizer}},
		"Imputer":                {{Since: 1, In: []engine.Types{numbers}, Build: imputer}},
		"LinearClassifier":       {{Since: 1, In: []engine.Types{numbers}, Build: linearClassifier}},
		"LinearRegressor":        {{Since: 1, In: []engine.Types{numbers}, Build: linearRegressor}},
		"Normalizer":             {{Since: 1, In: []engine.Types{engine.Fixed()}, Build: normalizer}},
		"OneHotEncoder":          {{Since: 1, In: []engine.Types{numbers | engine.TypesOf(tensor.String)}, Build: oneHot}},
		"SVMClassifier":          {{Since: 1, In: []engine.Types{numbers}, Build: svmClassifier}},
		"SVMRegressor":           {{Since: 1, In: []engine.Types{numbers}, Build: svmRegressor}},
		"Scaler":                 {{Since: 1, In: []engine.Types{engine.Fixed()}, Build: scaler}},
		"TreeEnsemble":           {{Since: 5, In: []engine.Types{engine.Floats()}, Half: true, Build: treeEnsemble}},
		"TreeEnsembleClassifier": {{Since: 1, In: []engine.Types{numbers}, Build: treeClassifier}},
		"TreeEnsembleRegressor":  {{Since: 1, In: []engine.Types{numbers}, Build: treeRegressor}},
		"LabelEncoder": {
			{Since: 1, Until: 1, In: []engine.Types{engine.TypesOf(tensor.I64, tensor.String)}, Build: firstLabelEncoder},
			{Since: 2, In: []engine.Types{numbers | engine.TypesOf(tensor.I16, tensor.String)}, Build: labelEncoder},
		},
	} {
		t[engine.Key{Domain: Domain, Op: op}] = definitions
	}
	return engine.Strict(t)
}
