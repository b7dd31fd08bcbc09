package kernel

const (
	word, halfWord = 4, 2 // bytes of a float32 and of a half
	// dotRows, pairRows and sumRows are how many rows of weights the vector functions read at once.
	dotRows, pairRows, sumRows = 8, 4, 8
	// chunkBytes is how many bytes of rows of x pass over a few rows of weights before the next ones are read.
	chunkBytes = 64 << 10
)

// wideDots computes the columns [lo, hi) by w transposed, with vectors. A single row of x reads eight rows of w side by side: one after
// the other they would come from memory at half the speed, since a processor that guesses what is read next stops
// at each page of 4 KiB. Where there are two rows of x, what is read of w serves both.
func wideDots(p *product[float32], lo, hi int) {
	pairs := p.m / 2 * 2
	row, stride := uintptr(p.k*word), uintptr(p.stride*word)
	chunk := max(chunkBytes/(p.stride*word)/2, 1) * 2
	for first := 0; first < pairs; first += chunk {
		last := min(first+chunk, pairs)
		for j := lo; j+pairRows <= hi; j += pairRows {
			for i := first; i < last; i += 2 {
				dots4x2(&p.dst[i*p.row+j], uintptr(p.row*word), &p.w[j*p.k], row, &p.x[i*p.stride], stride, uintptr(p.k))
			}
		}
	}
	p.dots(0, pairs, lo+(hi-lo)/pairRows*pairRows, hi)
	if pairs == p.m {
		return
	}
	for j := lo; j+dotRows <= hi; j += dotRows {
		dots8(&p.dst[pairs*p.row+j], &p.w[j*p.k], row, &p.x[pairs*p.stride], uintptr(p.k))
	}
	p.dots(pairs, p.m, lo+(hi-lo)/dotRows*dotRows, hi)
}

// wideSums computes the columns [lo, hi) by w as it is, with vectors: four rows of x at once by tiles, the others one by one.
func wideSums(p *product[float32], lo, hi int) {
	tiled := p.m / tileRows * tileRows
	if tiled > 0 {
		tiles(p, tiled, lo, hi)
	}
	for i := tiled; i < p.m; i++ {
		wideSum(p, i, lo, hi)
	}
}

// wideSum computes one row, adding eight rows of w at a time, which are read from memory side by side.
func wideSum(p *product[float32], i, lo, hi int) {
	whole := lo + (hi-lo)/tileColumns*tileColumns
	if whole < hi {
		p.sums(i, whole, hi, 0, p.k)
	}
	if lo == whole {
		return
	}
	if !p.add {
		clear(p.dst[i*p.row+lo : i*p.row+whole])
	}
	l := 0
	for ; l+sumRows <= p.k; l += sumRows {
		axpys8(&p.dst[i*p.row+lo], &p.w[l*p.n+lo], uintptr(p.n*word), &p.x[i*p.stride+l], uintptr(whole-lo))
	}
	if l < p.k {
		p.sums(i, lo, whole, l, p.k)
	}
}
