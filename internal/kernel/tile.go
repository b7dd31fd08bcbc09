package kernel

const (
	// A tile of a result has so many rows and columns; its sums stay in registers while rows of w are added.
	tileRows, tileColumns = 4, 16
	// packedRows and packedColumns are the size of a block of w, 128 KiB, that is packed for its tiles: packed because the rows
	// of a tile's columns may lie a multiple of the page size apart, where they push each other out of the cache, and so many
	// columns because memory is fastest where it is read in long stretches.
	packedRows, packedColumns = 64, 512
)

// block is part of w: the rows [l, end) of the columns [lo, hi), packed so that those of a tile follow each other. Missing
// columns of the last tile are zeros.
type block struct {
	lo, hi, l, end int
	packed         []float32
}

// tiles computes the columns [lo, hi) of the first rows, a multiple of tileRows.
func tiles(p *product[float32], rows, lo, hi int) {
	scratch, _ := p.packed.Get().(*[]float32)
	if scratch == nil {
		b := make([]float32, packedRows*packedColumns)
		scratch = &b
	}
	for i := range rows {
		if !p.add {
			clear(p.dst[i*p.row+lo : i*p.row+hi])
		}
	}
	for l := 0; l < p.k; l += packedRows {
		for j := lo; j < hi; j += packedColumns {
			b := block{lo: j, hi: min(j+packedColumns, hi), l: l, end: min(l+packedRows, p.k), packed: *scratch}
			b.pack(p)
			for i := 0; i < rows; i += tileRows {
				b.add(p, i)
			}
		}
	}
	p.packed.Put(scratch)
}

func (b *block) pack(p *product[float32]) {
	tile := (b.end - b.l) * tileColumns
	whole := (b.hi - b.lo) / tileColumns
	for r := b.l; r < b.end; r++ {
		from, to := p.w[r*p.n+b.lo:r*p.n+b.hi], b.packed[(r-b.l)*tileColumns:]
		spread(&to[0], uintptr(tile*word), &from[0], uintptr(whole))
		if rest := from[whole*tileColumns:]; len(rest) > 0 {
			last := to[whole*tile:][:tileColumns]
			clear(last[copy(last, rest):])
		}
	}
}

// add adds the block's products to tileRows rows of the result, from row i on.
func (b *block) add(p *product[float32], i int) {
	row, x, xRow := uintptr(p.row*word), &p.x[i*p.stride+b.l], uintptr(p.stride*word)
	k := b.end - b.l
	packed := b.packed
	j := b.lo
	for ; j+tileColumns <= b.hi; j += tileColumns {
		tile4x16(&p.dst[i*p.row+j], row, &packed[0], tileColumns*word, x, xRow, uintptr(k))
		packed = packed[k*tileColumns:]
	}
	const half = tileColumns / 2
	for ; j < b.hi; j += half {
		var mask [half]uint32
		for c := range min(half, b.hi-j) {
			mask[c] = 1 << 31
		}
		tile4x8(&p.dst[i*p.row+j], row, &packed[0], tileColumns*word, x, xRow, uintptr(k), &mask[0])
		packed = packed[half:]
	}
}
