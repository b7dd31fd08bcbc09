package kernel

// Float is an element type that the dense kernels compute in.
type Float interface{ ~float32 | ~float64 }

// Dense multiplies batches of rows with constant weights.
type Dense[T Float] interface {
	// Mul overwrites dst [m, n] with x [m, k] times w [k, n]:
	//
	//	for i, j: for l in 0..k-1: dst[i*n+j] += x[i*k+l] * w[l*n+j]
	Mul(dst, x, w []T, m, n, k int)
	// MulT overwrites dst [m, n] with x [m, k] times the transpose of w [n, k]:
	//
	//	for i, j: for l in 0..k-1: dst[i*n+j] += x[i*k+l] * w[j*k+l]
	//
	// up to the order in which the products are added, which is fixed.
	MulT(dst, x, w []T, m, n, k int)
}
