package elementwise

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// attribute is a float attribute of a function and its default.
type attribute struct {
	name  string
	value float64
}

// function is y = f(x; p0, p1) of F32 and F64.
type function struct {
	since  int64
	params [2]attribute
	f      func(x, p0, p1 float64) float64
}

// functions of one variable, with the version since which ai.onnx defines them (all up to today).
func functions() engine.Table {
	none := [2]attribute{}
	defs := map[string]function{
		"Neg":        {6, none, func(x, _, _ float64) float64 { return -x }},
		"Abs":        {6, none, func(x, _, _ float64) float64 { return math.Abs(x) }},
		"Reciprocal": {6, none, func(x, _, _ float64) float64 { return 1 / x }},
		"Sqrt":       {6, none, func(x, _, _ float64) float64 { return math.Sqrt(x) }},
		"Exp":        {6, none, func(x, _, _ float64) float64 { return math.Exp(x) }},
		"Log":        {6, none, func(x, _, _ float64) float64 { return math.Log(x) }},
		"Tanh":       {6, none, func(x, _, _ float64) float64 { return math.Tanh(x) }},
		"Erf":        {9, none, func(x, _, _ float64) float64 { return math.Erf(x) }},
		"Sigmoid":    {6, none, func(x, _, _ float64) float64 { return sigmoid(x) }},
		"Softplus":   {1, none, func(x, _, _ float64) float64 { return softplus(x) }},
		"Softsign":   {1, none, func(x, _, _ float64) float64 { return x / (1 + math.Abs(x)) }},
		"Relu":       {6, none, func(x, _, _ float64) float64 { return relu(x) }},
		"HardSwish": {14, none, func(x, _, _ float64) float64 {
			return x * math.Max(0, math.Min(1, float64(x/6)+0.5))
		}},
		"Mish": {18, none, func(x, _, _ float64) float64 { return x * math.Tanh(softplus(x)) }},
		"LeakyRelu": {6, [2]attribute{{"alpha", 0.01}}, func(x, alpha, _ float64) float64 {
			if x < 0 {
				return alpha * x
			}
			return x
		}},
		"Elu": {6, [2]attribute{{"alpha", 1}}, func(x, alpha, _ float64) float64 {
			if x < 0 {
				return alpha * math.Expm1(x)
			}
			return x
		}},
		"Celu": {12, [2]attribute{{"alpha", 1}}, func(x, alpha, _ float64) float64 {
			if x < 0 {
				return alpha * math.Expm1(x/alpha)
			}
			return x
		}},
		"Selu": {6, [2]attribute{{"alpha", 1.67326319217681884765625}, {"gamma", 1.05070102214813232421875}},
			func(x, alpha, gamma float64) float64 {
				if x <= 0 {
					return gamma * alpha * math.Expm1(x)
				}
				return gamma * x
			}},
		"ThresholdedRelu": {10, [2]attribute{{"alpha", 1}}, func(x, alpha, _ float64) float64 {
			if x > alpha || x != x {
				return x
			}
			return 0
		}},
		"HardSigmoid": {6, [2]attribute{{"alpha", 0.2}, {"beta", 0.5}}, func(x, alpha, beta float64) float64 {
			return math.Max(0, math.Min(1, float64(alpha*x)+beta))
		}},
	}
	t := engine.Table{}
	for name, d := range defs {
		t[engine.Key{Op: name}] = []engine.Operator{{Since: d.since, In: floats(), Half: true, Build: d.build}}
	}
	t[engine.Key{Op: "Gelu"}] = []engine.Operator{{Since: 20, In: floats(), Half: true, Build: gelu}}
	return t
}

func relu(x float64) float64 {
	if x < 0 {
		return 0
	}
	return x // NaN stays NaN
}

// sigmoid avoids the overflow of exp on either side.
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}

func (d function) build(s *engine.Site) (engine.Kernel, error) {
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	var names []string
	var p [2]float64
	for i, a := range d.params {
		if a.name != "" {
			names = append(names, a.name)
			// Attributes are 32-bit floats, and so are their defaults.
			p[i] = float64(s.Node.Float(a.name, float32(a.value)))
		}
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	return mapped(func(x float64) float64 { return d.f(x, p[0], p[1]) }), nil
}

// gelu is Gelu (ai.onnx 20 to today): x·Φ(x), or its approximation by tanh.
func gelu(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("approximate"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	switch kind := s.Node.Text("approximate", "none"); kind {
	case "none":
		return mapped(func(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) }), nil
	case "tanh":
		return mapped(func(x float64) float64 {
			return x * 0.5 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+float64(0.044715*x*x*x))))
		}), nil
	default:
		return nil, s.Refuse("approximate is %q, wanted none or tanh", kind)
	}
}

// mapped applies f to every element of a F32 or F64 tensor.
func mapped(f func(float64) float64) engine.Kernel {
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		out := x
		switch x.DType() {
		case tensor.F32:
			out = c.New(tensor.F32, x.Shape()...)
			dst := tensor.Of[float32](out)
			for i, v := range tensor.Of[float32](x) {
				dst[i] = float32(f(float64(v)))
			}
		case tensor.F64:
			out = c.New(tensor.F64, x.Shape()...)
			dst := tensor.Of[float64](out)
			for i, v := range tensor.Of[float64](x) {
				dst[i] = f(v)
			}
		default:
			return fmt.Errorf("input is %v, covered are F32 and F64", x)
		}
		c.Out[0] = out
		return nil
	})
}
