package infer

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/tensor"
)

// reduceRules are the operators that reduce, search and select.
func reduceRules() map[string]rule {
	return merge(
		onnxRules(inferReduce, "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
			"ReduceSumSquare"),
		onnxRules(inferArg, "ArgMax", "ArgMin"),
		onnxRules(inferTopK, "TopK"),
		onnxRules(inferUnique, "Unique"),
		onnxRules(inferNonZero, "NonZero"),
		onnxRules(inferCompress, "Compress"),
		onnxRules(inferNonMaxSuppression, "NonMaxSuppression"),
		onnxRules(inferLoss, "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"),
	)
}

func inferReduce(c *call) error {
	x := c.input(0)
	list, given, known := c.ints("axes", 1)
	if x.Rank() < 0 || !known && c.node.Int("keepdims", 1) == 0 {
		c.dtype(0, x.DType)
		return nil
	}
	if !known { // some are 1, the others stay
		c.set(0, x.DType, make([]Dim, x.Rank())...)
		return nil
	}
	if (!given || len(list) == 0) && c.node.Int("noop_with_empty_axes", 0) != 0 {
		return same(c)
	}
	if err := c.drop(x, list, x.DType); err != nil {
		return err
	}
	if n, ok := x.Dims, x.Elems != nil && len(x.Dims) == 1; ok && len(n) == 1 {
		c.out[0].Elems = reduced(c.node.Op, x.Elems)
	}
	return nil
}

// reduced folds a vector's elements.
func reduced(op string, elems []Dim) []Dim {
	fold := map[string]func(a, b Dim) Dim{"ReduceSum": Dim.Add, "ReduceProd": Dim.Mul, "ReduceMax": Max, "ReduceMin": Min}[op]
	if fold == nil || len(elems) == 0 {
		return nil
	}
	out := elems[0]
	for _, e := range elems[1:] {
		out = fold(out, e)
	}
	return []Dim{out}
}

// drop sets output 0 to x without the axes, or with 1 in their places; no axes are all.
func (c *call) drop(x Value, list []int64, d tensor.DType) error {
	gone, err := axes(list, x.Rank())
	if err != nil {
		return err
	}
	var dims []Dim
	for i, dim := range x.Dims {
		switch {
		case !gone[i] && len(list) > 0:
			dims = append(dims, dim)
		case c.node.Int("keepdims", 1) != 0:
			dims = append(dims, Const(1))
		}
	}
	c.set(0, d, dims...)
	return nil
}

func inferArg(c *call) error {
	x := c.input(0)
	if x.Rank() < 0 {
		c.dtype(0, tensor.I64)
		return nil
	}
	return c.drop(x, []int64{c.node.Int("axis", 0)}, tensor.I64)
}

func inferTopK(c *call) error {
	x := c.input(0)
	c.like(0, x, x.DType)
	c.like(1, x, tensor.I64)
	if x.Rank() < 0 {
		return nil
	}
	at, err := axis(c.node.Int("axis", -1), x.Rank())
	if err != nil {
		return err
	}
	k := Dim{}
	if e := c.input(1).Elems; len(e) == 1 {
		k = e[0]
	}
	if c.opset < 10 {
		k = Const(c.node.Int("k", 0))
	}
	n, okN := x.Dims[at].Fixed()
	if want, ok := k.Fixed(); ok && (want < 0 || okN && want > n) {
		return fmt.Errorf("it wants the %d largest along axis %d of %s", want, at, x)
	}
	for i := range min(2, len(c.out)) {
		c.out[i].Dims[at] = k
	}
	return nil
}

func inferUnique(c *call) error {
	x := c.input(0)
	for i := 1; i < len(c.out); i++ {
		c.set(i, tensor.I64, Dim{})
	}
	if _, along := c.node.Attrs["axis"]; !along {
		c.set(0, x.DType, Dim{})
		return nil
	}
	c.like(0, x, x.DType)
	if x.Rank() < 0 {
		return nil
	}
	at, err := axis(c.node.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	c.out[0].Dims[at] = Dim{}
	return nil
}

func inferNonZero(c *call) error {
	if r := c.input(0).Rank(); r >= 0 {
		c.set(0, tensor.I64, Const(int64(r)), Dim{})
		return nil
	}
	c.set(0, tensor.I64, Dim{}, Dim{})
	return nil
}

func inferCompress(c *call) error {
	x := c.input(0)
	if _, along := c.node.Attrs["axis"]; !along {
		c.set(0, x.DType, Dim{})
		return nil
	}
	c.like(0, x, x.DType)
	if x.Rank() < 0 {
		return nil
	}
	at, err := axis(c.node.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	c.out[0].Dims[at] = Dim{}
	return nil
}

func inferNonMaxSuppression(c *call) error {
	c.set(0, tensor.I64, Dim{}, Const(3))
	return nil
}

func inferLoss(c *call) error {
	x, target := c.input(0), c.input(1)
	if c.node.Text("reduction", "mean") == "none" {
		c.like(0, target, x.DType)
	} else {
		c.set(0, x.DType)
	}
	c.like(1, x, x.DType)
	return nil
}
