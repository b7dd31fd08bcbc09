// Package shape is the family of operators that move, view or convert elements without arithmetic: Identity, Dropout at
// inference, Constant, Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Concat, Slice, Gather, Shape and Cast, for every
// dtype of fixed size (and strings where nothing moves within a row, and in Gather).
//
// Views share their input's buffer. The package is called by internal/engine/native alone.
package shape

import "github.com/shardwise/shardwise/internal/engine"

// Table is the family's operators.
func Table() engine.Table {
	return engine.Table{
		{Op: "Identity"}:  {{Since: 1, Build: identity}},
		{Op: "Dropout"}:   {{Since: 7, Build: dropout}},
		{Op: "Constant"}:  {{Since: 1, Build: constant}},
		{Op: "Reshape"}:   {{Since: 5, Build: reshape}},
		{Op: "Flatten"}:   {{Since: 1, Build: flatten}},
		{Op: "Squeeze"}:   {{Since: 1, Until: 12, Build: axesAttr(squeeze)}, {Since: 13, Build: axesInput(squeeze, 1)}},
		{Op: "Unsqueeze"}: {{Since: 1, Until: 12, Build: axesAttr(unsqueeze)}, {Since: 13, Build: axesInput(unsqueeze, 2)}},
		{Op: "Transpose"}: {{Since: 1, Build: transpose}},
		{Op: "Concat"}:    {{Since: 4, Build: concat}},
		{Op: "Slice"}:     {{Since: 10, Build: slice}},
		{Op: "Gather"}:    {{Since: 1, Build: gather}},
		{Op: "Shape"}:     {{Since: 1, Build: shapeOf}},
		{Op: "Cast"}:      {{Since: 6, Build: cast}},
	}
}
