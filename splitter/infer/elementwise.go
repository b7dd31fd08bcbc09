package infer

import (
	"math"

	"github.com/shardwise/shardwise/internal/tensor"
)

// elementwiseRules are the operators that compute every element from the elements in its place.
func elementwiseRules() map[string]rule {
	return merge(
		onnxRules(same, "Abs", "Reciprocal", "Sqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Tanh", "Asinh",
			"Acosh", "Atanh", "Erf", "Sign", "Sigmoid", "HardSigmoid", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Gelu", "Mish", "HardSwish", "Softplus",
			"Softsign", "ThresholdedRelu", "Shrink", "Swish", "BitwiseNot"),
		onnxRules(inferRounding, "Floor", "Ceil", "Round"),
		onnxRules(inferNeg, "Neg"),
		onnxRules(inferNot, "Not", "IsNaN", "IsInf"),
		onnxRules(inferClip, "Clip"),
		onnxRules(inferCast, "Cast", "CastLike", "BitCast"),
		onnxRules(inferArithmetic, "Add", "Sub", "Mul", "Div", "Mod", "PRelu", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Min", "Max", "Sum", "Mean"),
		onnxRules(inferPow, "Pow"),
		onnxRules(inferCompare, "And", "Or", "Xor", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"),
		onnxRules(inferWhere, "Where"),
	)
}

func inferRounding(c *call) error {
	err := same(c)
	v := c.input(0)
	if v.Floats == nil {
		c.out[0].Elems = v.Elems // whole numbers already
		return err
	}
	list := make([]float64, len(v.Floats))
	for i, f := range v.Floats {
		switch c.node.Op {
		case "Floor":
			list[i] = math.Floor(f)
		case "Ceil":
			list[i] = math.Ceil(f)
		default:
			list[i] = math.RoundToEven(f)
		}
	}
	c.out[0].Floats, c.out[0].Elems = list, wholes(list)
	return err
}

func inferNeg(c *call) error {
	err := same(c)
	for _, e := range c.input(0).Elems {
		c.out[0].Elems = append(c.out[0].Elems, e.Mul(Const(-1)))
	}
	return err
}

func inferNot(c *call) error {
	c.like(0, c.input(0), tensor.Bool)
	if c.node.Op == "Not" {
		for _, e := range c.input(0).Elems {
			c.out[0].Elems = append(c.out[0].Elems, Const(1).Sub(e))
		}
	}
	return nil
}

func inferClip(c *call) error {
	if _, err := c.oneType(c.all(0)...); err != nil {
		return err
	}
	return same(c)
}

func inferCast(c *call) error {
	v := c.input(0)
	to := c.typeAttr("to")
	if c.node.Op == "CastLike" {
		to = c.input(1).DType
	}
	c.like(0, v, to)
	if to == tensor.String || v.DType == tensor.String || to == tensor.Bool || c.node.Op == "BitCast" {
		return nil
	}
	c.out[0].Elems = v.Elems
	if to.Float() {
		c.out[0].Floats = v.Floats
		if list, ok := v.Ints(); ok && v.Floats == nil {
			for _, n := range list {
				c.out[0].Floats = append(c.out[0].Floats, float64(n))
			}
		}
	} else if v.Floats != nil { // rounds towards 0
		list := make([]float64, len(v.Floats))
		for i, f := range v.Floats {
			list[i] = math.Trunc(f)
		}
		c.out[0].Elems = wholes(list)
	}
	return nil
}

// legacy reports whether the node is of a version before 7, where only the second operand broadcasts, from an axis on.
func (c *call) legacy() bool { return c.opset > 0 && c.opset < 7 && len(c.in) == 2 }

func inferArithmetic(c *call) error {
	d, err := c.oneType(c.all(0)...)
	if err != nil {
		return err
	}
	if c.legacy() {
		c.like(0, c.input(0), d)
		return nil
	}
	dims, known, err := c.broadcastInputs(c.all(0)...)
	if err != nil || !known {
		c.dtype(0, d)
		return err
	}
	c.set(0, d, dims...)
	if len(c.in) == 2 {
		c.out[0].Elems, c.out[0].Floats = arithmetic(c.node.Op, c.in[0], c.in[1])
	}
	return nil
}

// arithmetic follows elements through an operator on two vectors or scalars.
func arithmetic(op string, a, b Value) (elems []Dim, floats []float64) {
	if a.Floats != nil && b.Floats != nil {
		floats = zip(a.Floats, b.Floats, func(x, y float64) float64 { return floatOf(op, x, y) })
		return wholes(floats), floats
	}
	if a.Elems == nil || b.Elems == nil {
		return nil, nil
	}
	return zip(a.Elems, b.Elems, func(x, y Dim) Dim { return dimOf(op, x, y, a.DType.Float()) }), nil
}

func floatOf(op string, x, y float64) float64 {
	switch op {
	case "Add", "Sum":
		return x + y
	case "Sub":
		return x - y
	case "Mul":
		return x * y
	case "Div":
		return x / y
	case "Min":
		return math.Min(x, y)
	case "Max":
		return math.Max(x, y)
	}
	return math.NaN()
}

func dimOf(op string, x, y Dim, float bool) Dim {
	switch op {
	case "Add", "Sum":
		return x.Add(y)
	case "Sub":
		return x.Sub(y)
	case "Mul":
		return x.Mul(y)
	case "Div":
		if q, ok := x.Exact(y); ok {
			return q
		}
		if float || !x.Known() || !y.Known() || !notNegative(x) || !notNegative(y) {
			return Dim{} // integers are divided towards 0, which is rounding down only from 0 on
		}
		return x.Div(y)
	case "Mod":
		if y.Known() && x.Known() && notNegative(x) && notNegative(y) && !float {
			return x.Sub(x.Div(y).Mul(y))
		}
	case "Min":
		return Min(x, y)
	case "Max":
		return Max(x, y)
	}
	return Dim{}
}

// zip applies f to elements in the same place; a single element goes with every other. It is nil for other lengths.
func zip[T, R any](a, b []T, f func(x, y T) R) []R {
	n := max(len(a), len(b))
	if len(a) == 0 || len(b) == 0 || len(a) != n && len(a) != 1 || len(b) != n && len(b) != 1 {
		return nil
	}
	out := make([]R, n)
	for i := range out {
		out[i] = f(a[min(i, len(a)-1)], b[min(i, len(b)-1)])
	}
	return out
}

func inferPow(c *call) error {
	d := c.input(0).DType // the exponent's may differ
	if c.legacy() {
		c.like(0, c.input(0), d)
		return nil
	}
	dims, known, err := c.broadcastInputs(0, 1)
	if err != nil || !known {
		c.dtype(0, d)
		return err
	}
	c.set(0, d, dims...)
	return nil
}

func inferCompare(c *call) error {
	if _, err := c.oneType(0, 1); err != nil {
		return err
	}
	if c.legacy() {
		c.like(0, c.input(0), tensor.Bool)
		return nil
	}
	dims, known, err := c.broadcastInputs(0, 1)
	if err != nil || !known {
		c.dtype(0, tensor.Bool)
		return err
	}
	c.set(0, tensor.Bool, dims...)
	c.out[0].Elems = zip(c.input(0).Elems, c.input(1).Elems, func(x, y Dim) Dim { return compare(c.node.Op, x, y) })
	return nil
}

// compare decides a comparison of whole numbers when it comes out the same for all sizes. A size is at least 0, so that
// it differs from every negative number.
func compare(op string, x, y Dim) Dim {
	diff := x.Sub(y)
	if !diff.Known() {
		return Dim{}
	}
	n, fixed := diff.Fixed()
	truth := func(yes bool) Dim {
		if yes {
			return Const(1)
		}
		return Const(0)
	}
	switch {
	case fixed && op == "Equal":
		return truth(n == 0)
	case fixed && op == "Greater":
		return truth(n > 0)
	case fixed && op == "Less":
		return truth(n < 0)
	case fixed && op == "GreaterOrEqual":
		return truth(n >= 0)
	case fixed && op == "LessOrEqual":
		return truth(n <= 0)
	case op == "Equal" && (positive(diff) || positive(diff.Mul(Const(-1)))):
		return truth(false)
	}
	return Dim{}
}

// positive reports whether the expression is surely 1 or more.
func positive(d Dim) bool { return d.Known() && notNegative(d) && notNegative(d.Sub(Const(1))) }

func inferWhere(c *call) error {
	d, err := c.oneType(1, 2)
	if err != nil {
		return err
	}
	dims, known, err := c.broadcastInputs(0, 1, 2)
	if err != nil || !known {
		c.dtype(0, d)
		return err
	}
	c.set(0, d, dims...)
	cond, x, y := c.input(0).Elems, c.input(1).Elems, c.input(2).Elems
	n := max(len(cond), len(x), len(y))
	for _, list := range [][]Dim{cond, x, y} {
		if len(list) != 1 && len(list) != n || n == 0 {
			return nil
		}
	}
	for i := range n {
		e := Dim{}
		switch v := cond[min(i, len(cond)-1)]; {
		case v.Is(1):
			e = x[min(i, len(x)-1)]
		case v.Is(0):
			e = y[min(i, len(y)-1)]
		}
		c.out[0].Elems = append(c.out[0].Elems, e)
	}
	return nil
}
