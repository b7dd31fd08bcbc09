// Package kernel holds the hot loops behind the engine's operators, as a small interface with one implementation: gonum's
// Gemv by blocks, and for float32 on x86-64 vector functions (AVX) with the same bits.
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
// The vector functions keep Gemv's order and round each product before it is added: the eight lanes of a register are
// the eight sums that gonum's dot product has, and they gain by reading several rows of weights at once. So a result does not
// depend on whether a processor has them. docs/decisions/0014-vector-kernels.md says more.
//
// Kernels panic on wrong lengths; the engine's operators validate first. The bits may differ between processor
// architectures (arm64 fuses multiplication and addition).
package kernel
