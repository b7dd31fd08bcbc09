package kernel

import (
	"runtime"
	"sync"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// product is one multiplication, or the part of one with a block of its weights: the rows of x are stride apart and those
// of dst row apart, and columns are computed by blocks.
type product[T Float] struct {
	dst, x, w   []T
	m, n, k     int
	stride, row int
	block       int
	transposed  bool
	add         bool       // to what dst has; only when not transposed
	packed      *sync.Pool // *[]float32; nil when transposed
}

// run computes blocks of columns, on several goroutines when there is enough work. Which goroutine computes a column does
// not change its bits.
func (p *product[T]) run() {
	workers := workers(p.m, p.n, p.k)
	if workers <= 1 {
		p.span(0, p.n)
		return
	}
	shared := *p // for the goroutines, so that a product of one needs no memory
	share(workers, p.n, shared.span)
}

// workers is how many goroutines pay for a product.
func workers(m, n, k int) int {
	return min(runtime.GOMAXPROCS(0), int(float64(m)*float64(n)*float64(k)/parallelWork), (n+blockStep-1)/blockStep)
}

// share calls f for spans of n columns, on so many goroutines, and waits for them.
func share(workers, n int, f func(lo, hi int)) {
	span := ((n+workers-1)/workers + blockStep - 1) / blockStep * blockStep
	var wg sync.WaitGroup
	for lo := 0; lo < n; lo += span {
		wg.Go(func() { f(lo, min(lo+span, n)) })
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
		gemv(blas.NoTrans, hi-lo, p.k, p.w[lo*p.k:], p.k, p.x[i*p.stride:i*p.stride+p.k], 0, p.dst[i*p.row+lo:i*p.row+hi])
	}
}

// sums adds to the columns [lo, hi) of row i the products with the rows [l, end) of w. The first ones overwrite, unless the
// product adds.
func (p *product[T]) sums(i, lo, hi, l, end int) {
	beta := min(l, 1)
	if p.add {
		beta = 1
	}
	gemv(blas.Trans, end-l, hi-lo, p.w[l*p.n+lo:], p.n, p.x[i*p.stride+l:i*p.stride+end], beta, p.dst[i*p.row+lo:i*p.row+hi])
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
