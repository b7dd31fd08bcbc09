package forest

import "math"

// lanes is how many rows are walked through a tree at once. Eight independent walks hide the latency of each other's
// loads; their keys lie side by side, so a slot's keys share a cache line.
const lanes = 8

// blockKeys fills keys (slot-major, one per lane) for rows row .. row+lanes-1 of x.
//
//	for s, l: keys[s*lanes+l] = key of x[row+l][feature of s]
func (f *Forest) blockKeys(keys []int32, x []float32, row, columns int) {
	for l := range lanes {
		keys[l] = keyRight
	}
	for s := 1; s < len(f.slots); s++ {
		t := Test(f.slots[s])
		out := keys[s*lanes : s*lanes+lanes : s*lanes+lanes]
		at := row*columns + t.Feature()
		missing := t.missingKey()
		if t.Categorical() {
			for l := range out {
				out[l] = categoryKey(x[at], missing)
				at += columns
			}
			continue
		}
		for l := range out {
			out[l] = numericKey(x[at], missing)
			at += columns
		}
	}
}

// rowKeys fills keys (one per slot) for one row.
func (f *Forest) rowKeys(keys []int32, x []float32) {
	keys[leafSlot] = keyRight
	for s := 1; s < len(f.slots); s++ {
		t := Test(f.slots[s])
		if t.Categorical() {
			keys[s] = categoryKey(x[t.Feature()], t.missingKey())
		} else {
			keys[s] = numericKey(x[t.Feature()], t.missingKey())
		}
	}
}

func (t Test) missingKey() int32 {
	switch {
	case t.Categorical() && t.MissingLeft():
		return categoryLeft
	case t.Categorical():
		return categoryRight
	case t.MissingLeft():
		return keyLeft
	}
	return keyRight
}

// goesLeft decides one test.
func (f *Forest) goesLeft(n node, k int32) bool {
	if n.slot < f.numeric {
		return k < int32(n.low)
	}
	return categoryGoesLeft(f.categories, n.low, k)
}

// categoryGoesLeft decides a categorical test: a category in the set goes right, any other one left.
func categoryGoesLeft(categories []uint32, at uint32, k int32) bool {
	if k < 0 {
		return true
	}
	if k == categoryRight {
		return false
	}
	word := uint32(k) >> 5
	return word >= categories[at] || categories[at+1+word]>>(uint32(k)&31)&1 == 0
}

// float is a leaf value from the low half of a node.
func float(low uint32) float32 { return math.Float32frombits(low) }
