package forest

import "unsafe"

// The walkers below read through unsafe pointers: OpenPacked has checked every index, and bounds checks cost a third
// of the speed. Each is the interleaved form of this loop, over lanes or over trees:
//
//	i := 0
//	for !leaf(i) {
//		n := node(i)
//		i = n.child + (key[n.slot] < n.threshold ? 1 : 0)
//	}
//
// without the test for leaves: a leaf points to itself and nothing is below its key's threshold.

// stretch is the number of levels after which a deep walk looks whether all its lanes have arrived.
const stretch = 8

// step is one level of one lane: keys points to the lane in slot 0.
func step(tree, keys unsafe.Pointer, i uintptr) uintptr {
	n := *(*uint64)(unsafe.Add(tree, i*8))
	k := *(*int32)(unsafe.Add(keys, uintptr(n>>32&slotMask)*(lanes*4)))
	return uintptr(n>>(32+slotBits)) + uintptr(uint64(int64(k)-int64(int32(uint32(n))))>>63)
}

// walkBlock walks lanes rows through a narrow tree without categorical tests and writes the leaves' indices.
func walkBlock(tree, keys unsafe.Pointer, depth int, out *[lanes]uint32) {
	walkFour(tree, keys, depth, (*[4]uint32)(out[:4]))
	walkFour(tree, unsafe.Add(keys, 16), depth, (*[4]uint32)(out[4:]))
}

func walkFour(tree, keys unsafe.Pointer, depth int, out *[4]uint32) {
	k1, k2, k3 := unsafe.Add(keys, 4), unsafe.Add(keys, 8), unsafe.Add(keys, 12)
	var a, b, c, d uintptr
	for depth > 0 {
		steps := min(depth, stretch)
		depth -= steps
		for ; steps > 0; steps-- {
			a = step(tree, keys, a)
			b = step(tree, k1, b)
			c = step(tree, k2, c)
			d = step(tree, k3, d)
		}
		if depth > 0 && leafAt(tree, a) && leafAt(tree, b) && leafAt(tree, c) && leafAt(tree, d) {
			break
		}
	}
	out[0], out[1], out[2], out[3] = uint32(a), uint32(b), uint32(c), uint32(d)
}

func leafAt(tree unsafe.Pointer, i uintptr) bool {
	return *(*uint64)(unsafe.Add(tree, i*8))>>32&slotMask == leafSlot
}

// stepRow is step for the keys of a single row.
func stepRow(tree, keys unsafe.Pointer, i uintptr) uintptr {
	n := *(*uint64)(unsafe.Add(tree, i*8))
	k := *(*int32)(unsafe.Add(keys, uintptr(n>>32&slotMask)*4))
	return uintptr(n>>(32+slotBits)) + uintptr(uint64(int64(k)-int64(int32(uint32(n))))>>63)
}

// rowTrees is how many trees one row is walked through at once: their nodes come from far apart, so there is more latency
// to hide than within a tree.
const rowTrees = 8

// walkTrees walks one row through narrow trees without categorical tests; depth is that of the deepest.
func walkTrees(roots *[rowTrees]unsafe.Pointer, keys unsafe.Pointer, depth int, out *[rowTrees]uint32) {
	var a, b, c, d, e, f, g, h uintptr
	for depth > 0 {
		steps := min(depth, stretch)
		depth -= steps
		for ; steps > 0; steps-- {
			a = stepRow(roots[0], keys, a)
			b = stepRow(roots[1], keys, b)
			c = stepRow(roots[2], keys, c)
			d = stepRow(roots[3], keys, d)
			e = stepRow(roots[4], keys, e)
			f = stepRow(roots[5], keys, f)
			g = stepRow(roots[6], keys, g)
			h = stepRow(roots[7], keys, h)
		}
		if depth > 0 && leafAt(roots[0], a) && leafAt(roots[1], b) && leafAt(roots[2], c) && leafAt(roots[3], d) &&
			leafAt(roots[4], e) && leafAt(roots[5], f) && leafAt(roots[6], g) && leafAt(roots[7], h) {
			break
		}
	}
	for i, leaf := range [rowTrees]uintptr{a, b, c, d, e, f, g, h} {
		out[i] = uint32(leaf)
	}
}

// walkOne walks one row through any tree: categorical tests, wide nodes. keys holds one key every stride.
func (f *Forest) walkOne(tree int, keys []int32, stride int) uint32 {
	start := int(f.starts[tree])
	at := 0
	for {
		n := f.node(start + at)
		if n.slot == leafSlot {
			return uint32(at)
		}
		at = n.child
		if f.goesLeft(n, keys[n.slot*stride]) {
			at++
		}
	}
}
