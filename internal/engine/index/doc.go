// Package index is the family of operators that pick, place or find elements by their indices: Gather and Scatter in all
// forms, OneHot, NonZero, Compress, Unique, ReverseSequence, NonMaxSuppression, for every dtype that ONNX allows.
//
// An index outside its dimension is an error, never a read elsewhere. The package is called by internal/engine/native
// alone.
package index

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	any, whole := engine.Any(), engine.TypesOf(tensor.I32, tensor.I64)
	picked, placed := []engine.Types{any, whole}, []engine.Types{any, whole, any}
	booleans := engine.TypesOf(tensor.Bool)
	return engine.Table{
		{Op: "Gather"}:          {{Since: 1, Build: gather, In: picked}},
		{Op: "GatherElements"}:  {{Since: 11, Build: gatherElements, In: picked}},
		{Op: "GatherND"}:        {{Since: 11, Build: gatherND, In: picked}},
		{Op: "Scatter"}:         {{Since: 9, Build: scatterElements, In: placed}},
		{Op: "ScatterElements"}: {{Since: 11, Build: scatterElements, In: placed}},
		{Op: "ScatterND"}:       {{Since: 11, Build: scatterND, In: placed}},
		{Op: "TensorScatter"}:   {{Since: 24, Build: tensorScatter, In: []engine.Types{engine.Fixed(), engine.Fixed(), whole}}},
		{Op: "OneHot"}: {{Since: 9, Build: oneHot,
			In: []engine.Types{numbers(), numbers(), any}}},
		{Op: "NonZero"}:         {{Since: 9, Build: nonZero, In: []engine.Types{any}}},
		{Op: "Compress"}:        {{Since: 9, Build: compress, In: []engine.Types{any, booleans}}},
		{Op: "Unique"}:          {{Since: 11, Build: unique, In: []engine.Types{engine.Numbers() | engine.TypesOf(tensor.Bool, tensor.String)}, Half: true}},
		{Op: "ReverseSequence"}: {{Since: 10, Build: reverseSequence, In: []engine.Types{any, whole}}},
		{Op: "NonMaxSuppression"}: {{Since: 10, Build: nonMaxSuppression,
			In: []engine.Types{engine.TypesOf(tensor.F32), engine.TypesOf(tensor.F32), engine.TypesOf(tensor.I64), engine.TypesOf(tensor.F32)}}},
	}
}

// numbers are the types of which OneHot takes indices.
func numbers() engine.Types { return engine.Numbers() | engine.TypesOf(tensor.F16, tensor.BF16) }
