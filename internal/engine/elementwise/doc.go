// Package elementwise is the family of operators that treat every element alike: arithmetic with numpy's broadcasting,
// functions of one variable (activations, exponentials, clipping), comparison and logic.
//
// Floats are computed in their own type, functions through float64 and rounded once. Where an operator exists for
// integers too, the definitions say so. The package is called by internal/engine/native alone.
package elementwise

import (
	"maps"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	t := arithmetic()
	maps.Copy(t, functions())
	maps.Copy(t, logic())
	t[engine.Key{Op: "Clip"}] = []engine.Operator{{Since: 6, Until: 10, In: floats(), Half: true, Build: clipAttrs}, {Since: 11, In: floats(), Half: true, Build: clipInputs}}
	t[engine.Key{Op: "PRelu"}] = []engine.Operator{{Since: 7, In: floats(), Half: true, Build: buildBinary(ops{f32: prelu[float32], f64: prelu[float64]})}}
	t[engine.Key{Op: "BatchNormalization"}] = []engine.Operator{{Since: 7, In: floats(), Half: true, Build: batchNorm}}
	return t
}

func floats() []engine.Types { return []engine.Types{engine.Floats()} }

// narrow are the numbers that arithmetic has loops for.
func narrow() []engine.Types {
	return []engine.Types{engine.Floats() | engine.TypesOf(tensor.I32, tensor.I64)}
}
