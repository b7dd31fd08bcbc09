package native

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/shardwise/shardwise/internal/tensor"
)

// cellAlignment is where cells of a slab begin: at cache lines.
const cellAlignment = 64

// layout is how a schedule uses memory with given input shapes, and, from the second run on, where in one slab each
// tensor lies. Runs that follow a layout allocate nothing but their outputs.
type layout struct {
	shapes []signature
	frames sync.Pool // *frame that has the slab

	settled atomic.Bool // the fields below are final
	cells   []spot
	first   []int32 // each step's first cell, and the number of cells at the end
	roots   []int32 // of the steps' outputs, by their windows
	size    int     // of the slab
	bytes   int     // of the slab and of what is fresh in each run
	traced  atomic.Pointer[trace]
}

// signature is the dtype and shape of an input; dtype Invalid when it is absent.
type signature struct {
	dtype tensor.DType
	shape tensor.Shape
}

// spot is one tensor that a run makes with Call.New: the steps between which it lives, and its place in the slab. What
// backs an output is fresh in each run instead.
type spot struct {
	dtype      tensor.DType
	shape      tensor.Shape
	bytes      int
	begin, end int32
	fresh      bool
	offset     int
}

// trace is what a run did.
type trace struct {
	cells []spot
	first []int32
	roots []int32
}

func newLayout(in, around []*tensor.Tensor, outer []int) *layout {
	l := &layout{}
	add := func(t *tensor.Tensor) {
		if t == nil {
			l.shapes = append(l.shapes, signature{})
			return
		}
		l.shapes = append(l.shapes, signature{t.DType(), t.Shape().Clone()})
	}
	for _, t := range in {
		add(t)
	}
	for _, at := range outer {
		add(around[at])
	}
	return l
}

// fits reports whether the layout is for these inputs.
func (l *layout) fits(in, around []*tensor.Tensor, outer []int) bool {
	for i, t := range in {
		if !l.shapes[i].is(t) {
			return false
		}
	}
	for i, at := range outer {
		if !l.shapes[len(in)+i].is(around[at]) {
			return false
		}
	}
	return true
}

func (g *signature) is(t *tensor.Tensor) bool {
	if t == nil {
		return g.dtype == tensor.Invalid
	}
	return t.DType() == g.dtype && t.Shape().Equal(g.shape)
}

// settle places the cells once a run has been traced. The schedule's lock is held.
func (l *layout) settle() {
	t := l.traced.Load()
	if t == nil || l.settled.Load() {
		return
	}
	l.cells, l.first, l.roots = t.cells, t.first, t.roots
	l.place()
	l.bytes = l.size
	for _, c := range l.cells {
		if c.fresh {
			l.bytes += c.bytes
		}
	}
	l.settled.Store(true)
	l.traced.Store(nil)
}

// place gives every cell the lowest place that no cell of a life that overlaps has, the largest cells first.
func (l *layout) place() {
	var order []*spot
	for i := range l.cells {
		if c := &l.cells[i]; c.bytes > 0 && !c.fresh {
			order = append(order, c)
		}
	}
	slices.SortStableFunc(order, func(a, b *spot) int { return cmp.Compare(b.bytes, a.bytes) })
	var placed []*spot // by offset
	for _, c := range order {
		at := 0
		for _, p := range placed {
			if p.end < c.begin || c.end < p.begin {
				continue
			}
			if at+c.bytes <= p.offset {
				break
			}
			at = max(at, (p.offset+p.bytes+cellAlignment-1)/cellAlignment*cellAlignment)
		}
		c.offset = at
		l.size = max(l.size, at+c.bytes)
		i, _ := slices.BinarySearchFunc(placed, at, func(p *spot, at int) int { return cmp.Compare(p.offset, at) })
		placed = slices.Insert(placed, i, c)
	}
}

// furnish gives a frame its slab and the tensors in it.
func (l *layout) furnish(f *frame) {
	slab := tensor.Aligned(l.size + cellAlignment)
	if over := int(uintptr(unsafe.Pointer(unsafe.SliceData(slab))) % cellAlignment); over > 0 {
		slab = slab[cellAlignment-over:]
	}
	f.cells = make([]*tensor.Tensor, len(l.cells))
	f.views = make([]*tensor.Tensor, f.s.outs)
	for i, c := range l.cells {
		if c.fresh {
			continue
		}
		t, err := tensor.FromBytes(c.dtype, c.shape, slab[c.offset:c.offset+c.bytes:c.offset+c.bytes])
		if err != nil {
			panic("native: " + err.Error())
		}
		f.cells[i] = t
	}
}
