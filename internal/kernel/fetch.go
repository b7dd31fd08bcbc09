package kernel

import "unsafe"

const (
	// farBytes is the size of a matrix above which its weights are taken to come from memory each time. What stays in the
	// shared cache would be read twice for nothing, at half as much again of the time.
	farBytes = 4 << 20
	// lineBytes is what a cache loads at once.
	lineBytes = 64
	// streams is in how many places a block is read at a time.
	streams = 8
)

// worthFetching reports whether a block of so many elements of w should be fetched before it is used: w comes from
// memory, and the block stays in a core's own cache meanwhile.
func worthFetching[T Float](w []T, block int) bool {
	size := int(unsafe.Sizeof(w[0]))
	return len(w)*size > farBytes && block*size <= 2*blockBytes
}

// fetch brings a block of weights into the cache. A product reads its weights front to back, and a processor that guesses
// what is read next stops guessing at each page of 4 KiB; reading in eight places at once hides that. It is no part of
// the result: with it a vector times a matrix from memory takes 0.8 to 0.9 of the time.
func fetch[T Float](w []T) {
	part := len(w) / streams
	touch(w, part)
}

// touch reads one number of each line of w, in its streams parts of so many elements by turns. The sum has no meaning;
// since the function is not inlined, the compiler cannot drop the reads when nobody looks at it.
//
//go:noinline
func touch[T Float](w []T, part int) T {
	step := lineBytes / int(unsafe.Sizeof(w[0]))
	var a, b, c, d T // four sums, so that no read waits for another
	for i := 0; i < part; i += step {
		p := w[i:]
		a += p[0] + p[4*part]
		b += p[part] + p[5*part]
		c += p[2*part] + p[6*part]
		d += p[3*part] + p[7*part]
	}
	return a + b + c + d
}
