package kernel

import (
	"sync"

	"github.com/shardwise/shardwise/internal/tensor"
)

// Half multiplies rows of float32 with constant weights of F16 or BF16, given as their bits. Weights are widened where they
// are needed, so that a product needs no float32 copy of them and reads half as much from memory; the bits are those of
// Blocked with the widened weights. The zero value is ready; it is safe for concurrent use and must not be copied after the
// first use.
type Half struct {
	aligned, packed sync.Pool // as in Blocked
	widened         sync.Pool // *[]float32, a block of weights
}

// Mul overwrites dst [m, n] with x [m, k] times w [k, n], as Dense's Mul does.
func (h *Half) Mul(dst, x []float32, w []uint16, half tensor.DType, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	p := halves{h: h, dst: dst, x: x, w: w, half: half, m: m, n: n, k: k, stride: k}
	p.run()
}

// MulT overwrites dst [m, n] with x [m, k] times the transpose of w [n, k], as Dense's MulT does.
func (h *Half) MulT(dst, x []float32, w []uint16, half tensor.DType, m, n, k int) {
	check(len(dst), len(x), len(w), m, n, k)
	if k == 0 || m == 0 || n == 0 {
		clear(dst)
		return
	}
	rows, stride, scratch := align(&h.aligned, x, m, k)
	p := halves{h: h, dst: dst, x: rows, w: w, half: half, m: m, n: n, k: k, stride: stride, transposed: true}
	p.run()
	if scratch != nil {
		h.aligned.Put(scratch)
	}
}

// halves is one multiplication; the rows of x are stride apart.
type halves struct {
	h               *Half
	dst, x          []float32
	w               []uint16
	half            tensor.DType
	m, n, k, stride int
	transposed      bool
}

func (p *halves) run() {
	n := workers(p.m, p.n, p.k)
	if n <= 1 {
		p.span(0, p.n)
		return
	}
	shared := *p // as in product
	share(n, p.n, shared.span)
}

// span computes the columns [lo, hi) of the result. A single row widens what it reads of the weights, since for a row that
// is not read again a block would cost more than it saves.
func (p *halves) span(lo, hi int) {
	one := p.m == 1 && converts()
	switch {
	case p.transposed && one && p.n%dotRows == 0 && p.k%tileColumns == 0:
		p.dots(lo, hi)
	case p.transposed:
		p.blockDots(lo, hi)
	case one && p.n%tileColumns == 0 && p.k%sumRows == 0:
		p.sums(lo, hi)
	default:
		p.blockSums(lo, hi)
	}
}

func (p *halves) dots(lo, hi int) {
	for j := lo; j < hi; j += dotRows {
		if p.half == tensor.F16 {
			dots8F16(&p.dst[j], &p.w[j*p.k], uintptr(p.k*halfWord), &p.x[0], uintptr(p.k))
		} else {
			dots8BF16(&p.dst[j], &p.w[j*p.k], uintptr(p.k*halfWord), &p.x[0], uintptr(p.k))
		}
	}
}

func (p *halves) sums(lo, hi int) {
	clear(p.dst[lo:hi])
	for l := 0; l < p.k; l += sumRows {
		if p.half == tensor.F16 {
			axpys8F16(&p.dst[lo], &p.w[l*p.n+lo], uintptr(p.n*halfWord), &p.x[l], uintptr(hi-lo))
		} else {
			axpys8BF16(&p.dst[lo], &p.w[l*p.n+lo], uintptr(p.n*halfWord), &p.x[l], uintptr(hi-lo))
		}
	}
}

// blockDots computes columns by w transposed, a block of widened rows at a time.
func (p *halves) blockDots(lo, hi int) {
	block := max(blockBytes/word/p.k/rowStep, 1) * rowStep
	buf := p.buffer(block * p.k)
	for ; lo < hi; lo += block {
		columns := min(block, hi-lo)
		Widen((*buf)[:columns*p.k], p.w[lo*p.k:(lo+columns)*p.k], p.half)
		q := product[float32]{dst: p.dst[lo:], x: p.x, w: *buf, m: p.m, n: columns, k: p.k, stride: p.stride, row: p.n, block: columns, transposed: true}
		q.columns(0, columns)
	}
	p.h.widened.Put(buf)
}

// blockSums computes columns by w as it is, a block of its rows and columns at a time.
func (p *halves) blockSums(lo, hi int) {
	buf := p.buffer(packedRows * packedColumns)
	for ; lo < hi; lo += packedColumns {
		columns := min(packedColumns, hi-lo)
		for l := 0; l < p.k; l += packedRows {
			rows := min(packedRows, p.k-l)
			for r := range rows {
				at := (l+r)*p.n + lo
				Widen((*buf)[r*columns:(r+1)*columns], p.w[at:at+columns], p.half)
			}
			q := product[float32]{dst: p.dst[lo:], x: p.x[l:], w: *buf, m: p.m, n: columns, k: rows, stride: p.stride, row: p.n, block: columns, add: l > 0, packed: &p.h.packed}
			q.columns(0, columns)
		}
	}
	p.h.widened.Put(buf)
}

// buffer is space for so many widened weights.
func (p *halves) buffer(elements int) *[]float32 {
	buf, _ := p.h.widened.Get().(*[]float32)
	if buf == nil || len(*buf) < elements {
		b := make([]float32, elements)
		buf = &b
	}
	return buf
}
