package onnx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// dtypes are the known dtypes of a node's inputs.
func (c *cleaner) dtypes(n *graph.Node) map[string]tensor.DType {
	known := map[string]tensor.DType{}
	for _, name := range n.Inputs {
		known[name] = c.net.values[name].DType
	}
	return known
}

// remedyFor is what helps against a refusal of the engine.
func remedyFor(err error) string {
	var unsupported *engine.UnsupportedError
	switch {
	case !errors.As(err, &unsupported) || unsupported.DType == tensor.Invalid:
		return "export the model with other operators, or without this part"
	case unsupported.DType == tensor.F16 || unsupported.DType == tensor.BF16:
		return "export in float32"
	}
	return "export the model with other types here, or cast this input"
}

// accepts says why no request could ever run the node: shapes that the kernel refuses. It is nil when nothing is known
// against it.
func (c *cleaner) accepts(n *graph.Node) error {
	in := make([]graph.Value, len(n.Inputs))
	for i, name := range n.Inputs {
		in[i] = c.net.values[name]
	}
	return c.fits(n, in)
}

// fits checks what inference leaves open: what this engine's kernels do not take, and shapes that fit one number of rows
// alone.
func (c *cleaner) fits(n *graph.Node, in []graph.Value) error {
	if len(in) == 0 || n.Inputs[0] == "" || !in[0].Ranked {
		return nil
	}
	x := in[0]
	switch {
	case n.Domain == classicDomain && !anyRank(n.Op) && (len(x.Dims) < 1 || len(x.Dims) > 2):
		return fmt.Errorf("its input has shape %s, wanted [columns] or [rows, columns]", text(x.Dims))
	case n.Op == "Gemm":
		return c.fitsGemm(n, in)
	case n.Op == "BatchNormalization" && len(x.Dims) < 2:
		return fmt.Errorf("its input has shape %s, wanted at least 2 dimensions", text(x.Dims))
	case n.Op == "Clip":
		for i, b := range in[1:] {
			if size, ok := fixedShape(b); n.Inputs[i+1] != "" && ok && !single(size) {
				return fmt.Errorf("bound %q has shape %s, wanted one number", n.Inputs[i+1], text(b.Dims))
			}
		}
	}
	return nil
}

// anyRank are the operators of ai.onnx.ml that work element by element, or on the last dimension alone.
func anyRank(op string) bool {
	return slices.Contains([]string{"ArrayFeatureExtractor", "Binarizer", "CategoryMapper", "Imputer", "LabelEncoder", "OneHotEncoder"}, op)
}

func single(s tensor.Shape) bool {
	n, err := s.Elements()
	return err == nil && n == 1
}

// fitsGemm refuses rows of C against any number of rows: C would fit one number of rows alone.
func (c *cleaner) fitsGemm(n *graph.Node, in []graph.Value) error {
	if len(in) < 3 || n.Inputs[2] == "" || len(in[2].Dims) != 2 || len(in[0].Dims) != 2 {
		return nil
	}
	rows := in[0].Dims[0]
	if n.Int("transA", 0) != 0 {
		rows = in[0].Dims[1]
	}
	if size := in[2].Dims[0].Size; rows.Size < 0 && slices.Contains(c.net.leading, rows.Symbol) && size > 1 {
		return fmt.Errorf("C has shape %s, which does not broadcast to the result's rows, %s", text(in[2].Dims), rows.Symbol)
	}
	return nil
}
