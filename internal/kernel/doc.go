// Package kernel holds the hot loops behind the engine's operators, as a small interface with a gonum implementation.
//
// Two promises rule every implementation, because arrival, blocks and transport must never change a bit. The order in
// which the products of one output element are added depends on nothing but the weights' shape and layout: not on the
// number of rows in the batch, not on the row's place in it, not on memory alignment, not on GOMAXPROCS. And the result
// is the IEEE one for Inf and NaN: no product is skipped because a factor is zero.
//
// That is why gonum's Gemm is not used. It skips zero factors, and its order differs from Gemv's. Gemv over one row at a
// time keeps both promises, given rows aligned to 16 bytes: gonum's SSE dot product peels off elements up to that
// boundary of its second operand, so that an unaligned row would be added in another order.
//
// Kernels panic on wrong lengths; the engine's operators validate first. The bits may differ between processor
// architectures (arm64 fuses multiplication and addition).
package kernel
