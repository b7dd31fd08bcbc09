package kernel

import (
	"runtime"
	"sync"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// product is one multiplication: x has rows stride apart, and columns are computed by blocks.
type product[T Float] struct {
	dst, x, w       []T
	m, n, k, stride int
	block           int
	transposed      bool
	packed          *sync.Pool // *[]float32; nil when transposed
}

// run computes blocks of columns, on several goroutines when there is enough work. Which goroutine computes a column does
// not change its bits.
func (p *product[T]) run() {
	workers := min(runtime.GOMAXPROCS(0), int(float64(p.m)*float64(p.n)*float64(p.k)/parallelWork), (p.n+blockStep-1)/blockStep)
	if workers <= 1 {
		p.span(0, p.n)
		return
	}
	p.share(workers)
}

// share keeps a copy of p for the goroutines, so that a product of one needs no memory.
func (p *product[T]) share(workers int) {
	shared := *p
	share := ((p.n+workers-1)/workers + blockStep - 1) / blockStep * blockStep
	var wg sync.WaitGroup
	for lo := 0; lo < shared.n; lo += share {
		wg.Go(func() { shared.span(lo, min(lo+share, shared.n)) })
	}
	wg.Wait()
}

func (p *product[T]) span(lo, hi int) {
	for ; lo < hi; lo += p.block {
		p.columns(lo, min(lo+p.block, hi))
	}
}

// wide is p itself, when it is one that the vector functions of this processor compute.
func (p *product[T]) wide() (*product[float32], bool) {
	q, ok := any(p).(*product[float32])
	return q, ok && vectors()
}

// columns computes the columns [lo, hi) of the result.
func (p *product[T]) columns(lo, hi int) {
	wide, ok := p.wide()
	switch {
	case ok && p.transposed:
		wideDots(wide, lo, hi)
	case ok:
		wideSums(wide, lo, hi)
	case p.transposed:
		p.dots(0, p.m, lo, hi)
	default:
		p.blockSums(lo, hi)
	}
}

// blockSums computes columns by blocks of rows of w, which stay in the cache while the batch passes over them. A row's
// products are added in the same order as without blocks, because each block goes on from the sum of the one before.
func (p *product[T]) blockSums(lo, hi int) {
	rows := p.k
	if p.m > 1 {
		var one T
		rows = max(blockBytes/int(unsafe.Sizeof(one))/p.block/rowStep, 1) * rowStep
	}
	for l := 0; l < p.k; l += rows {
		for i := range p.m {
			p.sums(i, lo, hi, l, min(l+rows, p.k))
		}
	}
}

// dots computes the columns [lo, hi) of the rows [first, last) by w transposed.
func (p *product[T]) dots(first, last, lo, hi int) {
	if lo == hi {
		return
	}
	for i := first; i < last; i++ {
		gemv(blas.NoTrans, hi-lo, p.k, p.w[lo*p.k:], p.k, p.x[i*p.stride:i*p.stride+p.k], 0, p.dst[i*p.n+lo:i*p.n+hi])
	}
}

// sums adds to the columns [lo, hi) of row i the products with the rows [l, end) of w. The first ones overwrite.
func (p *product[T]) sums(i, lo, hi, l, end int) {
	gemv(blas.Trans, end-l, hi-lo, p.w[l*p.n+lo:], p.n, p.x[i*p.k+l:i*p.k+end], min(l, 1), p.dst[i*p.n+lo:i*p.n+hi])
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
