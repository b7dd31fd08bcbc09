package elementwise

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/single"
)

// exponentials: Exp, Log, Tanh, Sigmoid (ai.onnx 1 to today) and Erf (9 to today) of floats.
func exponentials() engine.Table {
	return table(map[string]function{
		"Exp":     {since: 1, loops: plainly(overFloats(single.ExpAll, eachWide(math.Exp)))},
		"Log":     {since: 1, loops: plainly(overFloats(single.LogAll, eachWide(math.Log)))},
		"Erf":     {since: 9, loops: plainly(overFloats(single.ErfAll, eachWide(math.Erf)))},
		"Tanh":    {since: 1, loops: plainly(overFloats(single.TanhAll, eachWide(math.Tanh)))},
		"Sigmoid": {since: 1, loops: plainly(overFloats(single.SigmoidAll, eachWide(sigmoid)))},
	})
}

// sigmoid avoids the overflow of exp on either side.
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// softplus is log(1 + exp(x)), without overflow.
func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}
