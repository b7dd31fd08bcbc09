package onnx

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// operands says which inputs of an operator must be of which types for the engine's kernel to run. A test holds it to
// the kernels.
type operands struct {
	count int // the first so many inputs, 0 for all of them
	types []tensor.DType
}

func floatTypes() []tensor.DType  { return []tensor.DType{tensor.F32, tensor.F64} }
func numberTypes() []tensor.DType { return append(floatTypes(), tensor.I32, tensor.I64) }
func fixedTypes() []tensor.DType {
	return []tensor.DType{tensor.Bool, tensor.U8, tensor.U16, tensor.U32, tensor.U64, tensor.I8, tensor.I16, tensor.I32, tensor.I64,
		tensor.F16, tensor.BF16, tensor.F32, tensor.F64}
}

// operandsOf are the operands of the node that are checked; ok is false where every type runs.
func operandsOf(n *graph.Node) (o operands, ok bool) {
	if n.Domain == classicDomain {
		return operands{1, fixedTypes()}, n.Op != "ArrayFeatureExtractor"
	}
	switch n.Op {
	case "Add", "Sub", "Mul", "Greater", "Less":
		return operands{types: numberTypes()}, true
	case "Equal":
		return operands{types: append(numberTypes(), tensor.Bool)}, true
	case "Min", "Max", "Sum":
		return operands{types: floatTypes()}, len(n.Inputs) > 1 // one input is handed on
	case "Div", "Pow", "PRelu", "Gemm", "MatMul", "Clip", "BatchNormalization":
		return operands{types: floatTypes()}, true
	case "And", "Or", "Not":
		return operands{types: []tensor.DType{tensor.Bool}}, true
	case "Where":
		return operands{1, []tensor.DType{tensor.Bool}}, true
	case "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin":
		return operands{1, floatTypes()}, n.Int("noop_with_empty_axes", 0) == 0
	case "ArgMax", "ArgMin":
		return operands{1, numberTypes()}, true
	case "Concat":
		return operands{types: fixedTypes()}, true
	case "Transpose", "Cast":
		return operands{1, fixedTypes()}, true
	case "Identity", "Dropout":
		return operands{}, false
	}
	return operands{1, floatTypes()}, slices.Contains(sameAsInput(), n.Op)
}

// accepts says why no request could ever run the node, as far as its inputs' types are known: no kernel for a dtype, or
// shapes that the kernel refuses. The remedy goes with the reason; both are "" when nothing is known against it.
func (c *cleaner) accepts(n *graph.Node) (reason, remedy string) {
	in := make([]graph.Value, len(n.Inputs))
	for i, name := range n.Inputs {
		in[i] = c.net.values[name]
	}
	if o, ok := operandsOf(n); ok {
		count := len(in)
		if o.count > 0 {
			count = min(count, o.count)
		}
		for i, v := range in[:count] {
			if n.Inputs[i] == "" || v.DType == tensor.Invalid || slices.Contains(o.types, v.DType) {
				continue
			}
			remedy := "export the model with other types here, or cast this input"
			if v.DType == tensor.F16 || v.DType == tensor.BF16 {
				remedy = "export in float32"
			}
			return fmt.Sprintf("its input %q is %s, for which it is not covered", n.Inputs[i], v.DType), remedy
		}
	}
	if err := c.fits(n, in); err != nil {
		return err.Error(), remedyCheck
	}
	return "", ""
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
