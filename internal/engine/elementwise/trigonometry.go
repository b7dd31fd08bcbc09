package elementwise

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/single"
)

// trigonometry: Sin, Cos, Tan, Asin, Acos, Atan (ai.onnx 7 to today) and the hyperbolic Sinh, Cosh, Asinh, Acosh, Atanh
// (9 to today), of floats. Outside a function's domain the result is NaN.
func trigonometry() engine.Table {
	return table(map[string]function{
		"Sin":   {since: 7, loops: plainly(throughEach(single.Sin, math.Sin))},
		"Cos":   {since: 7, loops: plainly(throughEach(single.Cos, math.Cos))},
		"Tan":   {since: 7, loops: plainly(through(math.Tan))},
		"Asin":  {since: 7, loops: plainly(overFloats(single.AsinAll, eachWide(math.Asin)))},
		"Acos":  {since: 7, loops: plainly(overFloats(single.AcosAll, eachWide(math.Acos)))},
		"Atan":  {since: 7, loops: plainly(overFloats(single.AtanAll, eachWide(math.Atan)))},
		"Sinh":  {since: 9, loops: plainly(throughEach(single.Sinh, math.Sinh))},
		"Cosh":  {since: 9, loops: plainly(throughEach(single.Cosh, math.Cosh))},
		"Asinh": {since: 9, loops: plainly(through(math.Asinh))},
		"Acosh": {since: 9, loops: plainly(through(math.Acosh))},
		"Atanh": {since: 9, loops: plainly(through(math.Atanh))},
	})
}
