package quant

import "github.com/shardwise/shardwise/internal/tensor"

// vector overwrites dst [n] with one row a [k] times b [k, n]. For a single row it costs more to widen b for a product in F32
// than to multiply the integers where they lie; the sums are the same, since both are exact.
//
//	for j: for l in 0..k-1: dst[j] += (a[l] - zeroA) * (b[l*n+j] - zeroB[j])
//
// where the zero points of b are taken off in the end, by the sum of what they are multiplied with.
func (x *matrices) vector(dst []int32, a, b []byte) {
	clear(dst)
	signedA, signedB := x.a.DType() == tensor.I8, x.b.DType() == tensor.I8
	add := addRows[uint8]
	if signedB {
		add = addRows[int8]
	}
	var factors [4]int32
	total := int32(0)
	for l := 0; l < x.k; l += len(factors) {
		rows := min(len(factors), x.k-l)
		clear(factors[:])
		for i, v := range a[l : l+rows] {
			factors[i] = int32(v)
			if signedA {
				factors[i] = int32(int8(v))
			}
			factors[i] -= int32(x.zeroA[0])
			total += factors[i]
		}
		add(dst, b[l*x.n:(l+rows)*x.n], factors)
	}
	for j := range dst {
		dst[j] -= total * int32(pick(x.zeroB, j))
	}
}

// addRows adds up to four rows of b, each times its factor, to dst. A row that b does not have counts as the last one that it
// has; its factor is 0.
func addRows[T uint8 | int8](dst []int32, b []byte, factors [4]int32) {
	n := len(dst)
	if n == 0 {
		return
	}
	row := func(i int) []byte {
		at := min(i, len(b)/n-1) * n
		return b[at : at+n]
	}
	p, q, r, s := row(0), row(1), row(2), row(3)
	f, g, h, e := factors[0], factors[1], factors[2], factors[3]
	for j := range dst {
		dst[j] += f*int32(T(p[j])) + g*int32(T(q[j])) + h*int32(T(r[j])) + e*int32(T(s[j]))
	}
}
