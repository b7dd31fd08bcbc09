package forest

// emit hands the leaves of one tree on to the wanted results. Trees come in ascending order, so sums are in tree order.
func (w *worker) emit(tree int, leaves []uint32, row int) {
	f := w.f
	start := int(f.starts[tree])
	if w.r.LeafNode != nil {
		for i, leaf := range leaves {
			w.r.LeafNode[(row+i)*len(f.trees)+tree] = int32(start + int(leaf))
		}
	}
	if w.r.LeafValues == nil && w.r.MarginSum == nil {
		return
	}
	first, n := int(f.first[tree]), int(f.first[tree+1]-f.first[tree])
	if n > 1 {
		w.emitVectors(leaves, row, start, first, n)
		return
	}
	output := int(f.columns[first])
	for i, leaf := range leaves {
		v := float(f.node(start + int(leaf)).low)
		if w.r.LeafValues != nil {
			w.r.LeafValues[(row+i)*len(f.columns)+first] = v
		}
		if w.r.MarginSum != nil {
			w.r.MarginSum[(row+i)*f.outputs+output] += float64(v)
		}
	}
}

func (w *worker) emitVectors(leaves []uint32, row, start, first, n int) {
	f := w.f
	for i, leaf := range leaves {
		at := int(f.node(start + int(leaf)).low)
		values := f.values[at : at+n]
		if w.r.LeafValues != nil {
			copy(w.r.LeafValues[(row+i)*len(f.columns)+first:], values)
		}
		if w.r.MarginSum != nil {
			sums := w.r.MarginSum[(row+i)*f.outputs : (row+i+1)*f.outputs]
			for j, v := range values {
				sums[f.columns[first+j]] += float64(v)
			}
		}
	}
}
