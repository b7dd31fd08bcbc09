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
			b.add(p, rows)
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

// add adds the block's products to the first rows of the result, a multiple of tileRows.
func (b *block) add(p *product[float32], rows int) {
	row, xRow, k := uintptr(p.row*word), uintptr(p.stride*word), b.end-b.l
	whole := b.lo + (b.hi-b.lo)/tileColumns*tileColumns
	for i := 0; i < rows; i += tileRows {
		packed := b.packed
		for j := b.lo; j < whole; j += tileColumns {
			tile4x16(&p.dst[i*p.row+j], row, &packed[0], tileColumns*word, &p.x[i*p.stride+b.l], xRow, uintptr(k))
			packed = packed[k*tileColumns:]
		}
	}
	if whole < b.hi {
		b.addLast(p, rows, whole)
	}
}

// addLast adds to the columns after the last whole tile, eight rows at a time while there are.
func (b *block) addLast(p *product[float32], rows, from int) {
	const half = tileColumns / 2
	row, xRow, k := uintptr(p.row*word), uintptr(p.stride*word), uintptr(b.end-b.l)
	packed := b.packed[(from-b.lo)*(b.end-b.l):]
	for j := from; j < b.hi; j += half {
		var mask [half]uint32
		for c := range min(half, b.hi-j) {
			mask[c] = 1 << 31
		}
		i := 0
		for ; i+2*tileRows <= rows; i += 2 * tileRows {
			tile8x8(&p.dst[i*p.row+j], row, &packed[j-from], tileColumns*word, &p.x[i*p.stride+b.l], xRow, k, &mask[0])
		}
		if i < rows {
			tile4x8(&p.dst[i*p.row+j], row, &packed[j-from], tileColumns*word, &p.x[i*p.stride+b.l], xRow, k, &mask[0])
		}
	}
}
