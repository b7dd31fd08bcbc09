// Package elementwise is the family of operators that treat every element alike: arithmetic with numpy's broadcasting,
// functions of one variable (activations, exponentials, clipping), comparison, logic and bits, and the choice between
// two tensors.
//
// Floats are computed in their own type, functions through float64 and rounded once. Integers wrap around; a division by
// zero of integers is an error. The package is called by internal/engine/native alone.
package elementwise

import (
	"maps"

	"github.com/shardwise/shardwise/internal/engine"
)

// Table is the family's operators.
func Table() engine.Table {
	t := arithmetic()
	for _, more := range []engine.Table{powers(), folds(), plain(), exponentials(), trigonometry(), activations(), clips(),
		comparisons(), logic(), bits(), tests(), random()} {
		maps.Copy(t, more)
	}
	t[engine.Key{Op: "Where"}] = []engine.Operator{{Since: 9, Build: where, In: whereTypes()}}
	return t
}

type float interface{ ~float32 | ~float64 }

type signed interface {
	~int8 | ~int16 | ~int32 | ~int64
}

type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

type integer interface{ signed | unsigned }

type number interface{ float | integer }
