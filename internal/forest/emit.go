package forest

// emit hands the leaves of n trees from tree on, which the tile holds, on to the wanted results. Rows come one after the
// other, so that results are written in runs; within a row trees are in ascending order, so sums are in tree order.
func (w *worker) emit(tree, n, row, rows int) {
	if w.r.LeafNode != nil {
		w.emitNodes(tree, n, row, rows)
	}
	if w.r.LeafValues != nil {
		w.emitValues(tree, n, row, rows)
	}
	if w.r.MarginSum != nil {
		w.emitSums(tree, n, row, rows)
	}
}

func (w *worker) emitNodes(tree, n, row, rows int) {
	starts := w.f.starts[tree : tree+n]
	for i := range rows {
		dst := w.r.LeafNode[(row+i)*len(w.f.trees)+tree:][:n]
		for t := range dst {
			dst[t] = int32(starts[t]) + int32(w.leaves[t][i])
		}
	}
}

// leafLow is the low half of the leaf's word: its value's bits, or where its values are.
func (w *worker) leafLow(start int64, t, i int) uint32 {
	at := int(start) + int(w.leaves[t][i])
	if w.f.wide {
		at *= 2
	}
	return uint32(w.f.nodes[at])
}

func (w *worker) emitValues(tree, n, row, rows int) {
	f := w.f
	first := f.first[tree : tree+n+1]
	starts := f.starts[tree : tree+n]
	for i := range rows {
		dst := w.r.LeafValues[(row+i)*len(f.columns)+int(first[0]) : (row+i)*len(f.columns)+int(first[n])]
		for t, start := range starts {
			low := w.leafLow(start, t, i)
			if k := int(first[t+1] - first[t]); k > 1 {
				copy(dst[:k], f.values[low:])
				dst = dst[k:]
				continue
			}
			dst[0] = float(low)
			dst = dst[1:]
		}
	}
}

func (w *worker) emitSums(tree, n, row, rows int) {
	f := w.f
	for i := range rows {
		sums := w.r.MarginSum[(row+i)*f.outputs : (row+i+1)*f.outputs]
		for t := range n {
			first, last := f.first[tree+t], f.first[tree+t+1]
			low := w.leafLow(f.starts[tree+t], t, i)
			if last-first == 1 {
				sums[f.columns[first]] += float64(float(low))
				continue
			}
			for j, output := range f.columns[first:last] {
				sums[output] += float64(f.values[int(low)+j])
			}
		}
	}
}
