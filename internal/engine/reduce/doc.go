// Package reduce is the family of operators that look along an axis: Softmax, LogSoftmax, ArgMax, ArgMin and the
// reductions ReduceSum, ReduceMean, ReduceMax, ReduceMin, in F32 and F64.
//
// Sums run in index order in float64 and are rounded once. The package is called by internal/engine/native alone.
package reduce

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	return engine.Table{
		{Op: "Softmax"}:    {{Since: 1, Until: 12, In: floats(), Half: true, Build: flatSoftmax(false)}, {Since: 13, In: floats(), Half: true, Build: axisSoftmax(false)}},
		{Op: "LogSoftmax"}: {{Since: 1, Until: 12, In: floats(), Half: true, Build: flatSoftmax(true)}, {Since: 13, In: floats(), Half: true, Build: axisSoftmax(true)}},
		{Op: "ArgMax"}:     {{Since: 1, In: []engine.Types{engine.Floats() | indices()}, Half: true, Build: buildArg(true)}},
		{Op: "ArgMin"}:     {{Since: 1, In: []engine.Types{engine.Floats() | indices()}, Half: true, Build: buildArg(false)}},
		{Op: "ReduceSum"}:  {{Since: 1, Until: 12, In: floats(), Half: true, Build: reduceAttr(sum)}, {Since: 13, In: floatsByAxes(), Half: true, Build: reduceInput(sum)}},
		{Op: "ReduceMean"}: {{Since: 1, Until: 17, In: floats(), Half: true, Build: reduceAttr(mean)}, {Since: 18, In: floatsByAxes(), Half: true, Build: reduceInput(mean)}},
		{Op: "ReduceMax"}:  {{Since: 1, Until: 17, In: floats(), Half: true, Build: reduceAttr(greatest)}, {Since: 18, In: floatsByAxes(), Half: true, Build: reduceInput(greatest)}},
		{Op: "ReduceMin"}:  {{Since: 1, Until: 17, In: floats(), Half: true, Build: reduceAttr(least)}, {Since: 18, In: floatsByAxes(), Half: true, Build: reduceInput(least)}},
	}
}

func floats() []engine.Types { return []engine.Types{engine.Floats()} }

// indices are the integers that count positions and axes.
func indices() engine.Types { return engine.TypesOf(tensor.I32, tensor.I64) }

func floatsByAxes() []engine.Types { return []engine.Types{engine.Floats(), indices()} }

// block cuts a shape at an axis into outer x count x inner, for the dimensions [from, to).
func block(s tensor.Shape, from, to int) (outer, count, inner int) {
	outer, count, inner = 1, 1, 1
	for d, n := range s {
		switch {
		case d < from:
			outer *= n
		case d < to:
			count *= n
		default:
			inner *= n
		}
	}
	return outer, count, inner
}
