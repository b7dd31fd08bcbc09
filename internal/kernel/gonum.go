package kernel

import (
	"runtime"
	"sync"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

const (
	// blockBytes is how many bytes of weights a block has, so that they stay in a core's second-level cache while the rows
	// of a batch pass over them.
	blockBytes = 128 << 10
	// blockColumns is how many columns of a result are computed at a time, so that their sums stay in the first-level cache.
	blockColumns = 2048
	// rowStep and blockStep are what the bounds of blocks of weights' rows and of columns are multiples of, so that gonum's
	// unrolled loops (4 rows, 16 columns) fall on the same ones however they are cut.
	rowStep   = 8
	blockStep = 64
	// parallelWork is the number of multiplications from which a second goroutine pays (about 50 us of work).
	parallelWork = 1 << 18
	// alignment is what gonum's SSE loops align to.
	alignment = 16
)

// Gonum is the plain implementation of Dense, on gonum's Gemv. The zero value is ready; it is safe for concurrent use
// and must not be copied after the first use.
type Gonum[T Float] struct {
	scratch sync.Pool // *[]T, for rows that are not aligned
}

// Mul implements Dense: one Gemv over the transposed weights for each row and block of w.
func (g *Gonum[T]) Mul(dst, x, w []T, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	// Blocks of rows of w stay in the cache while the batch passes over them; a row's products are added in the same
	// order as without blocks, because each block goes on from the sum of the one before.
	rows, block := blocksOf(m, n, k, int(unsafe.Sizeof(x[0])))
	columns(m, n, k, block, func(lo, hi int) {
		for l := 0; l < k; l += rows {
			end := min(l+rows, k)
			for i := range m {
				gemv(blas.Trans, end-l, hi-lo, w[l*n+lo:], n, x[i*k+l:i*k+end], min(l, 1), dst[i*n+lo:i*n+hi])
			}
		}
	})
}

// blocksOf are the rows and columns of a block of w [k, n] that m rows pass over.
func blocksOf(m, n, k, size int) (rows, columns int) {
	if m == 1 {
		return k, n
	}
	columns = min(n, blockColumns)
	return max(blockBytes/size/columns/rowStep, 1) * rowStep, columns
}

// MulT implements Dense: one Gemv for each row and block of columns, over aligned rows.
func (g *Gonum[T]) MulT(dst, x, w []T, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	rows, stride, free := g.align(x, m, k)
	defer free()
	block := max(blockBytes/int(unsafe.Sizeof(x[0]))/k/rowStep, 1) * rowStep
	ahead := worthFetching(w, block*k)
	columns(m, n, k, block, func(lo, hi int) {
		if ahead {
			fetch(w[lo*k : hi*k])
		}
		for i := range m {
			gemv(blas.NoTrans, hi-lo, k, w[lo*k:], k, rows[i*stride:i*stride+k], 0, dst[i*n+lo:i*n+hi])
		}
	})
}

func check(dst, x, w, m, n, k int) {
	if m < 0 || n < 0 || k < 0 || dst != m*n || x != m*k || w != n*k {
		panic("kernel: lengths do not match the shapes")
	}
}

// gemv sets y to beta·y plus a·x or aᵀ·x; a is rows x cols with the given stride.
func gemv[T Float](t blas.Transpose, rows, cols int, a []T, stride int, x []T, beta int, y []T) {
	switch a := any(a).(type) {
	case []float32:
		gonum.Implementation{}.Sgemv(t, rows, cols, 1, a, stride, any(x).([]float32), 1, float32(beta), any(y).([]float32), 1)
	case []float64:
		gonum.Implementation{}.Dgemv(t, rows, cols, 1, a, stride, any(x).([]float64), 1, float64(beta), any(y).([]float64), 1)
	}
}

// align returns the rows of x at a stride that keeps each aligned: x itself when it is so already, else a copy that
// free gives back.
func (g *Gonum[T]) align(x []T, m, k int) (rows []T, stride int, free func()) {
	per := alignment / int(unsafe.Sizeof(x[0]))
	if k%per == 0 && aligned(x) {
		return x, k, func() {}
	}
	stride = (k + per - 1) / per * per
	buf, _ := g.scratch.Get().(*[]T)
	if buf == nil || cap(*buf) < m*stride+per {
		b := make([]T, m*stride+per)
		buf = &b
	}
	rows = (*buf)[:m*stride+per]
	for !aligned(rows) {
		rows = rows[1:]
	}
	for i := range m {
		copy(rows[i*stride:], x[i*k:(i+1)*k])
	}
	return rows, stride, func() { g.scratch.Put(buf) }
}

func aligned[T Float](x []T) bool { return uintptr(unsafe.Pointer(&x[0]))%alignment == 0 }

// columns calls f for blocks of output columns, on several goroutines when there is enough work. Which goroutine
// computes a column does not change its bits.
func columns(m, n, k, block int, f func(lo, hi int)) {
	workers := min(runtime.GOMAXPROCS(0), int(float64(m)*float64(n)*float64(k)/parallelWork), (n+blockStep-1)/blockStep)
	if workers <= 1 {
		span(0, n, block, f)
		return
	}
	share := ((n+workers-1)/workers + blockStep - 1) / blockStep * blockStep
	var wg sync.WaitGroup
	for lo := 0; lo < n; lo += share {
		wg.Go(func() { span(lo, min(lo+share, n), block, f) })
	}
	wg.Wait()
}

func span(lo, hi, block int, f func(lo, hi int)) {
	for ; lo < hi; lo += block {
		f(lo, min(lo+block, hi))
	}
}
