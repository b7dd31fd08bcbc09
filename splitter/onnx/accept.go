package onnx

import (
	"errors"
	"fmt"

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

// fits checks what inference leaves open: shapes that only the kernel looks at.
func (c *cleaner) fits(n *graph.Node, in []graph.Value) error {
	if len(in) == 0 || n.Inputs[0] == "" || !in[0].Ranked {
		return nil
	}
	x := in[0]
	switch {
	case n.Domain == classicDomain && n.Op != "ArrayFeatureExtractor":
		return fitsRows(n, x)
	case n.Op == "Softmax" || n.Op == "LogSoftmax":
		_, err := axis(n.Int("axis", softmaxAxis(c.net.graph.Opsets[""])), len(x.Dims))
		return err
	case n.Op == "Gemm":
		return fitsGemm(n, in)
	case n.Op == "BatchNormalization":
		return fitsChannels(in)
	case n.Op == "Concat":
		return fitsConcat(n, in)
	case n.Op == "Gather":
		return c.fitsGather(n, x)
	case n.Op == "Clip":
		for i, b := range in[1:] {
			if size, ok := fixedShape(b); n.Inputs[i+1] != "" && ok && !single(size) {
				return fmt.Errorf("bound %q has shape %s, wanted one number", n.Inputs[i+1], text(b.Dims))
			}
		}
	}
	return nil
}

// softmaxAxis is the default axis of Softmax and LogSoftmax.
func softmaxAxis(opset int64) int64 {
	if opset < 13 {
		return 1
	}
	return -1
}

func single(s tensor.Shape) bool {
	n, err := s.Elements()
	return err == nil && n == 1
}

// fitsGemm checks that C broadcasts one way to the result. Rows of C against any number of rows can not: C would fit
// one number of rows alone.
func fitsGemm(n *graph.Node, in []graph.Value) error {
	if len(in) < 3 || n.Inputs[2] == "" || !in[2].Ranked || !in[1].Ranked || len(in[0].Dims) != 2 || len(in[1].Dims) != 2 {
		return nil
	}
	rows, columns := in[0].Dims[0], in[1].Dims[1]
	if n.Int("transA", 0) != 0 {
		rows = in[0].Dims[1]
	}
	if n.Int("transB", 0) != 0 {
		columns = in[1].Dims[0]
	}
	c := in[2]
	if c.DType != tensor.Invalid && in[0].DType != tensor.Invalid && c.DType != in[0].DType {
		return fmt.Errorf("C is %s, its operands are %s", c.DType, in[0].DType)
	}
	ok := len(c.Dims) <= 2
	if last := len(c.Dims) - 1; ok && last >= 0 {
		ok = c.Dims[last].Size == 1 || agree(c.Dims[last], columns)
		if last == 1 && c.Dims[0].Size != 1 {
			ok = ok && agree(c.Dims[0], rows) && (rows.Symbol != batchSymbol || c.Dims[0].Size < 0)
		}
	}
	if !ok {
		return fmt.Errorf("C has shape %s, which does not broadcast to the result's %s", text(c.Dims), text([]graph.Dim{rows, columns}))
	}
	return nil
}

func fitsChannels(in []graph.Value) error {
	x := in[0]
	if len(x.Dims) < 2 {
		return fmt.Errorf("its input has shape %s, wanted at least 2 dimensions", text(x.Dims))
	}
	for i, p := range in[1:] {
		if p.Ranked && (len(p.Dims) != 1 || !agree(p.Dims[0], x.Dims[1])) {
			return fmt.Errorf("its input %d has shape %s, wanted one number for each channel of %s", i+1, text(p.Dims), text(x.Dims))
		}
		if p.DType != tensor.Invalid && x.DType != tensor.Invalid && p.DType != x.DType {
			return fmt.Errorf("its input %d is %s, its first %s", i+1, p.DType, x.DType)
		}
	}
	return nil
}

func fitsConcat(n *graph.Node, in []graph.Value) error {
	x := in[0]
	at, err := axis(n.Int("axis", 0), len(x.Dims))
	if err != nil {
		return err
	}
	for i, v := range in {
		if v.DType != tensor.Invalid && x.DType != tensor.Invalid && v.DType != x.DType {
			return fmt.Errorf("its inputs are %s and %s", x.DType, v.DType)
		}
		if !v.Ranked {
			continue
		}
		fits := len(v.Dims) == len(x.Dims)
		for d := 0; fits && d < len(x.Dims); d++ {
			fits = d == at || agree(x.Dims[d], v.Dims[d])
		}
		if !fits {
			return fmt.Errorf("its inputs 0 and %d have shapes %s and %s, which do not fit together along axis %d", i, text(x.Dims), text(v.Dims), at)
		}
	}
	return nil
}

// fitsGather checks constant indices against a dimension of known size.
func (c *cleaner) fitsGather(n *graph.Node, x graph.Value) error {
	at, err := axis(n.Int("axis", 0), len(x.Dims))
	if err != nil || len(n.Inputs) < 2 || x.Dims[at].Size < 0 {
		return err
	}
	for _, d := range c.ints[n.Inputs[1]] {
		if d.Symbol != "" {
			continue
		}
		if size := x.Dims[at].Size; d.Size >= size || d.Size < -size {
			return fmt.Errorf("index %d lies outside dimension %d of %s", d.Size, at, text(x.Dims))
		}
	}
	return nil
}

// fitsRows checks the operators of ai.onnx.ml that work row by row.
func fitsRows(n *graph.Node, x graph.Value) error {
	if len(x.Dims) < 1 || len(x.Dims) > 2 {
		return fmt.Errorf("its input has shape %s, wanted [columns] or [rows, columns]", text(x.Dims))
	}
	columns := x.Dims[len(x.Dims)-1]
	for _, name := range []string{"offset", "scale"} {
		if count := len(n.Attrs[name].Floats); n.Op == "Scaler" && count > 1 && !agree(columns, graph.Dim{Size: count}) {
			return fmt.Errorf("it has %d numbers of %s for %d columns", count, name, columns.Size)
		}
	}
	return nil
}
