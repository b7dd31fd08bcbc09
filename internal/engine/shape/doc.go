// Package shape is the family of operators that move, view or convert elements without arithmetic: Identity, Dropout at
// inference, Constant, Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Concat, Slice, Gather, Shape and Cast, for every
// dtype of fixed size (and strings where nothing moves within a row, and in Gather).
//
// Views share their input's buffer. The package is called by internal/engine/native alone.
package shape

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	return engine.Table{
		{Op: "Identity"}:  {{Since: 1, Build: identity}},
		{Op: "Dropout"}:   {{Since: 7, Build: dropout}},
		{Op: "Constant"}:  {{Since: 1, Build: constant}},
		{Op: "Reshape"}:   {{Since: 5, In: []engine.Types{engine.Any(), indices()}, Build: reshape}},
		{Op: "Flatten"}:   {{Since: 1, Build: flatten}},
		{Op: "Squeeze"}:   {{Since: 1, Until: 12, Build: axesAttr(squeeze)}, {Since: 13, In: []engine.Types{engine.Any(), indices()}, Build: axesInput(squeeze, 1)}},
		{Op: "Unsqueeze"}: {{Since: 1, Until: 12, Build: axesAttr(unsqueeze)}, {Since: 13, In: []engine.Types{engine.Any(), indices()}, Build: axesInput(unsqueeze, 2)}},
		{Op: "Transpose"}: {{Since: 1, In: []engine.Types{engine.Fixed()}, Build: transpose}},
		{Op: "Concat"}:    {{Since: 4, In: []engine.Types{engine.Fixed()}, Build: concat}},
		{Op: "Slice"}:     {{Since: 10, In: []engine.Types{engine.Any(), indices()}, Build: slice}},
		{Op: "Gather"}:    {{Since: 1, In: []engine.Types{engine.Any(), indices()}, Build: gather}},
		{Op: "Shape"}:     {{Since: 1, Build: shapeOf}},
		{Op: "Cast"}:      {{Since: 6, In: []engine.Types{engine.Fixed()}, Build: cast}},
	}
}

// indices are the integers that count positions and axes.
func indices() engine.Types { return engine.TypesOf(tensor.I32, tensor.I64) }
