// Package shape is the family of operators that make, move, view or convert elements without arithmetic: constants,
// views of another shape, Transpose, Concat, Split, Slice, Expand, Tile, Pad, Range, Cast and their like, for every
// dtype.
//
// Views share their input's buffer. The package is called by internal/engine/native alone.
package shape

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	any, list := engine.Any(), engine.TypesOf(tensor.I32, tensor.I64)
	moved := []engine.Types{any, list}
	return engine.Table{
		{Op: "Identity"}: {{Since: 1, Build: identity, In: []engine.Types{any | engine.Sequences()}}},
		{Op: "Dropout"}: {{Since: 1, Until: 11, Build: dropoutAttrs, In: []engine.Types{any}},
			{Since: 12, Build: dropoutInputs, In: []engine.Types{any, any, engine.TypesOf(tensor.Bool)}}},
		{Op: "Constant"}:        {{Since: 1, Build: constant}},
		{Op: "ConstantOfShape"}: {{Since: 9, Build: constantOfShape, In: []engine.Types{list}}},
		{Op: "EyeLike"}:         {{Since: 9, Build: eyeLike, In: []engine.Types{engine.Fixed()}}},
		{Op: "Range"}: {{Since: 11, Build: ranged, Half: true,
			In: []engine.Types{engine.Floats() | engine.TypesOf(tensor.I16, tensor.I32, tensor.I64)}}},
		{Op: "Reshape"}: {{Since: 1, Until: 4, Build: reshapeAttr, In: []engine.Types{any}}, {Since: 5, Build: reshape, In: moved}},
		{Op: "Flatten"}: {{Since: 1, Build: flatten, In: []engine.Types{any}}},
		{Op: "Squeeze"}: {{Since: 1, Until: 12, Build: axesAttr(squeeze), In: []engine.Types{any}},
			{Since: 13, Build: axesInput(squeeze, 1), In: moved}},
		{Op: "Unsqueeze"}: {{Since: 1, Until: 12, Build: axesAttr(unsqueeze), In: []engine.Types{any}},
			{Since: 13, Build: axesInput(unsqueeze, 2), In: moved}},
		{Op: "Transpose"}:    {{Since: 1, Build: transpose, In: []engine.Types{any}}},
		{Op: "DepthToSpace"}: {{Since: 1, Build: depthToSpace, In: []engine.Types{any}}},
		{Op: "SpaceToDepth"}: {{Since: 1, Build: spaceToDepth, In: []engine.Types{any}}},
		{Op: "Concat"}:       {{Since: 1, Build: concat, In: []engine.Types{any}}},
		{Op: "Split"}: {{Since: 1, Until: 12, Build: splitAttr, In: []engine.Types{any}},
			{Since: 13, Build: splitInput, In: moved}},
		{Op: "Slice"}:  {{Since: 1, Until: 9, Build: sliceAttrs, In: []engine.Types{any}}, {Since: 10, Build: slice, In: moved}},
		{Op: "Expand"}: {{Since: 8, Build: expand, In: moved}},
		{Op: "Tile"}:   {{Since: 1, Until: 5, Build: tileAxis, In: []engine.Types{any}}, {Since: 6, Build: tile, In: moved}},
		{Op: "Pad"}: {{Since: 1, Until: 10, Build: padAttrs, In: []engine.Types{any}},
			{Since: 11, Build: padInputs, In: []engine.Types{any, list, any, list}}},
		{Op: "Trilu"}:    {{Since: 14, Build: trilu, In: []engine.Types{engine.Fixed(), list}}},
		{Op: "Shape"}:    {{Since: 1, Build: shapeOf, In: []engine.Types{any}}},
		{Op: "Size"}:     {{Since: 1, Build: sizeOf, In: []engine.Types{any}}},
		{Op: "Cast"}:     {{Since: 1, Build: cast, In: []engine.Types{any}}},
		{Op: "CastLike"}: {{Since: 15, Build: castLike, In: []engine.Types{any}}},
		{Op: "BitCast"}:  {{Since: 26, Build: bitCast, In: []engine.Types{engine.Fixed()}}},
	}
}
