// Package reduce is the family of operators that look along axes: the reductions, ArgMax and ArgMin, Softmax and its
// relatives, TopK, normalisations and running sums.
//
// Floats are added in float64, in an order that depends on nothing but the shape of what is added, and rounded once.
// Integers wrap around. The package is called by internal/engine/native alone.
package reduce

import (
	"maps"

	"github.com/shardwise/shardwise/internal/engine"
)

// Table is the family's operators.
func Table() engine.Table {
	t := reductions()
	for _, more := range []engine.Table{args(), softmaxes(), topK(), normalisations(), cumulative()} {
		maps.Copy(t, more)
	}
	return t
}

type float interface{ ~float32 | ~float64 }

type signed interface {
	~int8 | ~int16 | ~int32 | ~int64
}

type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

type number interface{ float | signed | unsigned }
