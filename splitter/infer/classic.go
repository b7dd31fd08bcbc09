package infer

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// classicRules are the operators of ai.onnx.ml.
func classicRules() map[string]rule {
	out := map[string]rule{}
	for op, r := range map[string]rule{
		"ArrayFeatureExtractor": inferArrayFeatureExtractor, "Binarizer": same, "CastMap": nil, "CategoryMapper": inferCategoryMapper, "DictVectorizer": nil,
		"FeatureVectorizer": inferFeatureVectorizer, "Imputer": same, "LabelEncoder": inferLabelEncoder, "LinearClassifier": inferClassifier,
		"LinearRegressor": inferRegressor, "Normalizer": inferFloats, "OneHotEncoder": inferOneHotEncoder, "SVMClassifier": inferClassifier,
		"SVMRegressor": inferRegressor, "Scaler": inferFloats, "TreeEnsemble": inferTreeEnsemble, "TreeEnsembleClassifier": inferClassifier,
		"TreeEnsembleRegressor": inferRegressor, "ZipMap": inferZipMap,
	} {
		out[key("ai.onnx.ml", op)] = r
	}
	return out
}

func inferFloats(c *call) error {
	if err := c.rank(0, 1, 2); err != nil {
		return err
	}
	if x := c.input(0); c.node.Op == "Scaler" && x.Rank() > 0 {
		for _, name := range []string{"offset", "scale"} {
			if n := len(c.node.Attrs[name].Floats); n > 1 && !agree(x.Dims[x.Rank()-1], Const(int64(n))) {
				return fmt.Errorf("it has %d numbers of %s for %s", n, name, x)
			}
		}
	}
	c.like(0, c.input(0), tensor.F32)
	return nil
}

// rows is the first dimension of a table; a vector is one row.
func (c *call) rows() Dim {
	switch x := c.input(0); x.Rank() {
	case -1:
		return Dim{}
	case 0, 1:
		return Const(1)
	default:
		return x.Dims[0]
	}
}

func inferArrayFeatureExtractor(c *call) error {
	x, index := c.input(0), c.input(1)
	if x.Rank() < 1 || index.Rank() < 0 {
		c.dtype(0, x.DType)
		return nil
	}
	count := Product(index.Dims)
	if x.Rank() == 1 {
		c.set(0, x.DType, Const(1), count)
		return nil
	}
	c.set(0, x.DType, append(append([]Dim{}, x.Dims[:x.Rank()-1]...), count)...)
	return nil
}

func inferCategoryMapper(c *call) error {
	d := tensor.Invalid
	switch c.input(0).DType {
	case tensor.String:
		d = tensor.I64
	case tensor.I64:
		d = tensor.String
	}
	c.like(0, c.input(0), d)
	return nil
}

func inferFeatureVectorizer(c *call) error {
	width := Const(0)
	for _, n := range c.list("inputdimensions") {
		width = width.Add(Const(n))
	}
	c.set(0, tensor.F32, c.rows(), width)
	return nil
}

func inferLabelEncoder(c *call) error {
	d := c.input(0).DType
	for name, a := range c.node.Attrs {
		switch name {
		case "values_strings":
			d = tensor.String
		case "values_int64s":
			d = tensor.I64
		case "values_floats":
			d = tensor.F32
		case "values_tensor":
			if a.Tensor != nil {
				d = a.Tensor.DType
			}
		case "classes_strings": // version 1 goes between labels and their positions
			if d == tensor.String {
				d = tensor.I64
			} else {
				d = tensor.String
			}
		}
	}
	c.like(0, c.input(0), d)
	return nil
}

// inferClassifier: a label and a score for each class, of each row.
func inferClassifier(c *call) error {
	labels, count := tensor.I64, 0
	for _, name := range []string{"classlabels_strings", "classlabels_ints", "classlabels_int64s"} {
		a := c.node.Attrs[name]
		if n := len(a.Strs) + len(a.Ints); n > 0 {
			count = n
			if a.Kind == graph.AttrStrings {
				labels = tensor.String
			}
		}
	}
	c.set(0, labels, c.rows())
	scores := Dim{}
	if count > 1 {
		scores = Const(int64(count))
	}
	if c.node.Op == "SVMClassifier" && len(c.node.Attrs["vectors_per_class"].Ints) > 0 && len(c.node.Attrs["prob_a"].Floats) == 0 {
		scores = Dim{} // one score for each pair of classes, by some runtimes
	}
	c.set(1, tensor.F32, c.rows(), scores)
	return nil
}

func inferRegressor(c *call) error {
	targets := Const(max(c.node.Int("targets", c.node.Int("n_targets", 1)), 0))
	c.set(0, tensor.F32, c.rows(), targets)
	return nil
}

func inferTreeEnsemble(c *call) error {
	c.set(0, c.input(0).DType, c.rows(), Const(max(c.node.Int("n_targets", 1), 0)))
	return nil
}

func inferOneHotEncoder(c *call) error {
	n := len(c.node.Attrs["cats_int64s"].Ints) + len(c.node.Attrs["cats_strings"].Strs)
	c.like(0, c.input(0), tensor.F32)
	if c.ranked(0) {
		c.out[0].Dims = append(c.out[0].Dims, Const(int64(n)))
	}
	return nil
}

func inferZipMap(c *call) error {
	c.out[0] = Value{Kind: Sequence, Element: &Value{Kind: Map}}
	return nil
}
