package elementwise

import (
	"maps"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/single"
)

// activations of floats, with the version since which ai.onnx defines them (all to today):
//
//	Relu 1             max(x, 0), of integers too since 14
//	LeakyRelu 1        x, or alpha·x below 0
//	Elu 1              x, or alpha·(exp(x) - 1) below 0
//	Selu 1             gamma·x, or gamma·alpha·(exp(x) - 1) up to 0
//	Celu 12            max(0, x) + min(0, alpha·(exp(x/alpha) - 1))
//	ThresholdedRelu 10 x above alpha, else 0
//	HardSigmoid 1      alpha·x + beta, between 0 and 1
//	HardSwish 14       x·HardSigmoid(x; 1/6, 1/2)
//	Softplus 1         log(1 + exp(x))
//	Softsign 1         x / (1 + |x|)
//	Mish 18            x·tanh(Softplus(x))
//	Swish 24           x·Sigmoid(alpha·x)
//	Shrink 9           x + bias below -lambd, x - bias above lambd, else 0; of integers too
//	Gelu 20            x·Φ(x), or its approximation by tanh
func activations() engine.Table {
	t := table(smooth())
	maps.Copy(t, table(linear()))
	selu := func(since, until int64, alpha, gamma float32) engine.Operator {
		f := function{since: since, params: []attribute{{"alpha", alpha}, {"gamma", gamma}}, loops: func(p []float64) loops { return unit(p[1], p[0]) }}
		op := f.operators()[0]
		op.Until = until
		return op
	}
	t[engine.Key{Op: "Selu"}] = []engine.Operator{
		selu(1, 5, 1.6732, 1.0507), selu(6, 0, 1.67326319217681884765625, 1.05070102214813232421875)}
	t[engine.Key{Op: "Gelu"}] = []engine.Operator{{Since: 20, Build: gelu, In: []engine.Types{engine.Floats()}, Half: true}}
	return t
}

// linear are the activations that are straight lines in pieces.
func linear() map[string]function {
	return map[string]function{
		"Relu": {since: 1, loops: plainly(overFloats(relu[float32], relu[float64]).signed(relu[int8], relu[int16], relu[int32], relu[int64]))},
		"LeakyRelu": {since: 1, params: []attribute{{"alpha", 0.01}}, loops: func(p []float64) loops {
			return overFloats(leaky[float32](p[0]), leaky[float64](p[0]))
		}},
		"ThresholdedRelu": {since: 10, params: []attribute{{"alpha", 1}}, loops: func(p []float64) loops {
			return overFloats(thresholded[float32](p[0]), thresholded[float64](p[0]))
		}},
		"HardSigmoid": {since: 1, params: []attribute{{"alpha", 0.2}, {"beta", 0.5}}, loops: func(p []float64) loops {
			return overFloats(hardSigmoid[float32](p[0], p[1]), hardSigmoid[float64](p[0], p[1]))
		}},
		"HardSwish": {since: 14, loops: plainly(overFloats(hardSwish[float32], hardSwish[float64]))},
		"Softsign":  {since: 1, loops: plainly(overFloats(softsign[float32], softsign[float64]))},
		"Shrink": {since: 9, params: []attribute{{"bias", 0}, {"lambd", 0.5}}, loops: func(p []float64) loops {
			b, l := p[0], p[1]
			return overFloats(shrink[float32](b, l), shrink[float64](b, l)).
				signed(shrink[int8](b, l), shrink[int16](b, l), shrink[int32](b, l), shrink[int64](b, l)).
				unsigned(shrink[uint8](b, l), shrink[uint16](b, l), shrink[uint32](b, l), shrink[uint64](b, l))
		}},
	}
}

// smooth are the activations made of exponentials. For float64 they are written with package math.
func smooth() map[string]function {
	return map[string]function{
		"Elu": {since: 1, params: []attribute{{"alpha", 1}}, loops: func(p []float64) loops { return unit(1, p[0]) }},
		"Celu": {since: 12, params: []attribute{{"alpha", 1}}, loops: func(p []float64) loops {
			f := func(x float64) float64 { return max(0, x) + min(0, p[0]*math.Expm1(x/p[0])) }
			if p[0] > 0 {
				return overFloats(single.ExponentialUnit(1, p[0], p[0]), eachWide(f))
			}
			return through(f)
		}},
		"Softplus": {since: 1, loops: plainly(throughEach(single.Softplus, softplus))},
		"Mish":     {since: 18, loops: plainly(throughEach(single.Mish, func(x float64) float64 { return x * math.Tanh(softplus(x)) }))},
		"Swish": {since: 24, params: []attribute{{"alpha", 1}}, loops: func(p []float64) loops {
			return overFloats(single.SwishAll(p[0]), eachWide(func(x float64) float64 { return x * sigmoid(p[0]*x) }))
		}},
	}
}

// unit is gain·x from 0 on and gain·alpha·(exp(x) - 1) below.
func unit(gain, alpha float64) loops {
	return overFloats(single.ExponentialUnit(gain, alpha, 1), eachWide(func(x float64) float64 {
		if x < 0 {
			x = alpha * math.Expm1(x)
		}
		return gain * x
	}))
}

// relu keeps NaN.
func relu[T float | signed](dst, x []T) {
	for i, v := range x[:len(dst)] {
		dst[i] = max(v, 0)
	}
}

func leaky[T float](alpha float64) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x[:len(dst)] {
			if v < 0 {
				v = T(alpha * float64(v))
			}
			dst[i] = v
		}
	}
}

// thresholded keeps NaN.
func thresholded[T float](alpha float64) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x[:len(dst)] {
			if float64(v) <= alpha {
				v = 0
			}
			dst[i] = v
		}
	}
}

func hardSigmoid[T float](alpha, beta float64) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x[:len(dst)] {
			dst[i] = T(max(0, min(1, float64(alpha*float64(v))+beta)))
		}
	}
}

func hardSwish[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		w := float64(v)
		dst[i] = T(w * max(0, min(1, float64(w/6)+0.5)))
	}
}

func softsign[T float](dst, x []T) {
	for i, v := range x[:len(dst)] {
		w := float64(v)
		dst[i] = T(w / (1 + math.Abs(w)))
	}
}

func shrink[T number](bias, lambda float64) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x[:len(dst)] {
			switch w := float64(v); {
			case w < -lambda:
				v = T(w + bias)
			case w > lambda:
				v = T(w - bias)
			case w == w:
				v = 0
			}
			dst[i] = v
		}
	}
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
		return overFloats(single.GeluAll, eachWide(func(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) })).kernel(), nil
	case "tanh":
		return throughEach(single.GeluTanh, func(x float64) float64 {
			return x * 0.5 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+float64(0.044715*x*x*x))))
		}).kernel(), nil
	default:
		return nil, s.Refuse("approximate is %q, wanted none or tanh", kind)
	}
}
