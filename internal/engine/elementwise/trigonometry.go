package elementwise

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
)

// trigonometry: Sin, Cos, Tan, Asin, Acos, Atan (ai.onnx 7 to today) and the hyperbolic Sinh, Cosh, Asinh, Acosh, Atanh
// (9 to today), of floats. Outside a function's domain the result is NaN.
func trigonometry() engine.Table {
	return table(map[string]function{
		"Sin":   {since: 7, loops: plainly(through(math.Sin))},
		"Cos":   {since: 7, loops: plainly(through(math.Cos))},
		"Tan":   {since: 7, loops: plainly(through(math.Tan))},
		"Asin":  {since: 7, loops: plainly(through(math.Asin))},
		"Acos":  {since: 7, loops: plainly(through(math.Acos))},
		"Atan":  {since: 7, loops: plainly(through(math.Atan))},
		"Sinh":  {since: 9, loops: plainly(through(math.Sinh))},
		"Cosh":  {since: 9, loops: plainly(through(math.Cosh))},
		"Asinh": {since: 9, loops: plainly(through(math.Asinh))},
		"Acosh": {since: 9, loops: plainly(through(math.Acosh))},
		"Atanh": {since: 9, loops: plainly(through(math.Atanh))},
	})
}
