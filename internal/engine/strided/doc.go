// Package strided walks over tensors in steps: the loop behind broadcasting, and the copy behind every operator that
// only moves elements (Transpose, Slice, Expand, Tile, DepthToSpace ...).
//
// It knows no operator. Dimensions that all operands treat alike are merged before the loop starts, so that the inner
// run is as long as it can be and the loop's own cost is paid per run, never per element. The families of operators
// call it.
package strided
