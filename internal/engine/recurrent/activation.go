package recurrent

import (
	"math"
	"strings"

	"github.com/shardwise/shardwise/internal/engine"
)

// activation is a function of one gate, computed in float64.
type activation func(x float64) float64

// activations reads count functions for each direction. The lists activation_alpha and activation_beta hold a value for
// each function that has that parameter, in order; where they end the function's default counts.
func activations(s *engine.Site, directions int, defaults ...string) ([]activation, error) {
	names := s.Node.Attrs["activations"].Strs
	count := len(defaults) * directions
	for i := len(names); len(s.Node.Attrs["activations"].Strs) == 0 && i < count; i++ {
		names = append(names, defaults[i%len(defaults)])
	}
	if len(names) != count {
		return nil, s.Refuse("activations has %d functions, wanted %d", len(names), count)
	}
	alphas, betas := s.Node.Attrs["activation_alpha"].Floats, s.Node.Attrs["activation_beta"].Floats
	next := func(list *[]float32, def float64) float64 {
		if len(*list) == 0 {
			return def
		}
		v := float64((*list)[0])
		*list = (*list)[1:]
		return v
	}
	out := make([]activation, count)
	for i, name := range names {
		if out[i] = function(name, func(def float64) float64 { return next(&alphas, def) }, func(def float64) float64 { return next(&betas, def) }); out[i] == nil {
			return nil, s.Refuse("the activation %q is not known", name)
		}
	}
	return out, nil
}

// function is the activation of that name, nil when there is none; alpha and beta fetch its parameters.
func function(name string, alpha, beta func(def float64) float64) activation {
	switch strings.ToLower(name) {
	case "sigmoid":
		return sigmoid
	case "tanh":
		return math.Tanh
	case "relu":
		return func(x float64) float64 { return max(x, 0) }
	case "softsign":
		return func(x float64) float64 { return x / (1 + math.Abs(x)) }
	case "softplus":
		return func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	case "affine":
		a, b := alpha(1), beta(0)
		return func(x float64) float64 { return a*x + b }
	case "scaledtanh":
		a, b := alpha(1), beta(1)
		return func(x float64) float64 { return a * math.Tanh(b*x) }
	case "hardsigmoid":
		a, b := alpha(0.2), beta(0.5)
		return func(x float64) float64 { return min(max(a*x+b, 0), 1) }
	}
	return withAlpha(name, alpha)
}

// withAlpha are the functions with the parameter alpha alone.
func withAlpha(name string, alpha func(def float64) float64) activation {
	pick := func(a float64, above func(x float64) bool, below func(x, a float64) float64) activation {
		return func(x float64) float64 {
			if above(x) || x != x {
				return x
			}
			return below(x, a)
		}
	}
	positive := func(x float64) bool { return x >= 0 }
	switch strings.ToLower(name) {
	case "leakyrelu":
		return pick(alpha(0.01), positive, func(x, a float64) float64 { return a * x })
	case "elu":
		return pick(alpha(1), positive, func(x, a float64) float64 { return a * math.Expm1(x) })
	case "thresholdedrelu":
		a := alpha(1)
		return pick(a, func(x float64) bool { return x >= a }, func(x, a float64) float64 { return 0 })
	}
	return nil
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
