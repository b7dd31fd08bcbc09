package reduce

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// topK: TopK (ai.onnx 1 to today) of numbers: the k greatest elements along axis (default the last), or the least with
// largest=0 (since 11), and their indices. Of equals the one with the lower index comes first; NaN counts as the
// greatest of all. They are in order whatever sorted says. k is an attribute in versions 1 to 9, then an input.
func topK() engine.Table {
	in := []engine.Types{engine.Numbers(), engine.TypesOf(tensor.I32, tensor.I64)}
	return engine.Table{{Op: "TopK"}: {
		{Since: 1, Until: 9, Build: topNode{}.buildAttr, In: in, Half: true},
		{Since: 10, Build: topNode{}.buildInput, In: in, Half: true}}}
}

type topNode struct {
	axis     int64
	smallest bool
	k        engine.Ints
	fixed    int64
}

func (n topNode) buildAttr(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis", "k"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 2); err != nil {
		return nil, err
	}
	n.axis, n.fixed = s.Node.Int("axis", -1), s.Node.Int("k", -1)
	if n.fixed < 0 {
		return nil, s.Refuse("k is %d or missing", n.fixed)
	}
	return engine.KernelFunc(func(c *engine.Call) error { return n.run(c, n.fixed) }), nil
}

func (n topNode) buildInput(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis", "largest", "sorted"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 2); err != nil {
		return nil, err
	}
	n.axis, n.smallest = s.Node.Int("axis", -1), s.Node.Int("largest", 1) == 0
	var err error
	if n.k, err = s.Ints(1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		k, _, err := n.k.At(c)
		if err != nil {
			return err
		}
		if len(k) != 1 {
			return fmt.Errorf("k is %v, wanted one number", k)
		}
		return n.run(c, k[0])
	}), nil
}

func (n topNode) run(c *engine.Call, k int64) error {
	x := c.In[0]
	axis, ok := engine.Axis(n.axis, x.Rank())
	if !ok || k < 0 || k > int64(x.Dim(axis)) {
		return fmt.Errorf("there are no %d elements along axis %d of %v", k, n.axis, x)
	}
	shape := x.Shape().Clone()
	shape[axis] = int(k)
	values, indices := c.New(x.DType(), shape...), c.New(tensor.I64, shape...)
	c.Out[0] = values
	if len(c.Out) > 1 {
		c.Out[1] = indices
	}
	switch x.DType() {
	case tensor.F32:
		top[float32](c, values, indices, axis, n.smallest)
	case tensor.F64:
		top[float64](c, values, indices, axis, n.smallest)
	case tensor.I8:
		top[int8](c, values, indices, axis, n.smallest)
	case tensor.I16:
		top[int16](c, values, indices, axis, n.smallest)
	case tensor.I32:
		top[int32](c, values, indices, axis, n.smallest)
	case tensor.I64:
		top[int64](c, values, indices, axis, n.smallest)
	case tensor.U8:
		top[uint8](c, values, indices, axis, n.smallest)
	case tensor.U16:
		top[uint16](c, values, indices, axis, n.smallest)
	case tensor.U32:
		top[uint32](c, values, indices, axis, n.smallest)
	case tensor.U64:
		top[uint64](c, values, indices, axis, n.smallest)
	default:
		return fmt.Errorf("input is %v, wanted a number", x)
	}
	return nil
}

func top[T number](c *engine.Call, values, indices *tensor.Tensor, axis int, smallest bool) {
	x, v, ix := tensor.Of[T](c.In[0]), tensor.Of[T](values), tensor.Of[int64](indices)
	outer, count, inner := strided.Around(c.In[0].Shape(), axis, axis+1)
	k := values.Dim(axis)
	if k == 0 {
		return
	}
	h := heap[T]{step: inner, smallest: smallest, at: tensor.Of[int64](c.New(tensor.I64, k))}
	for o := range outer {
		for in := range inner {
			h.x = x[o*count*inner+in:]
			h.choose(count)
			to := o*k*inner + in
			for _, i := range h.at {
				v[to], ix[to] = h.x[int(i)*inner], i
				to += inner
			}
		}
	}
}

// heap keeps the best k elements seen, the worst of them first.
type heap[T number] struct {
	x        []T
	step     int
	smallest bool
	at       []int64 // indices of the kept elements
}

// choose leaves the indices of the best elements among count in order, the best first.
func (h *heap[T]) choose(count int) {
	k := len(h.at)
	for i := range h.at {
		h.at[i] = int64(i)
	}
	for i := k/2 - 1; i >= 0; i-- {
		h.sink(i, k)
	}
	for i := k; i < count; i++ {
		if h.before(int64(i), h.at[0]) {
			h.at[0] = int64(i)
			h.sink(0, k)
		}
	}
	for n := k - 1; n > 0; n-- {
		h.at[0], h.at[n] = h.at[n], h.at[0]
		h.sink(0, n)
	}
}

// sink restores the order below i, in which nothing comes before what lies beneath it.
func (h *heap[T]) sink(i, n int) {
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if r := child + 1; r < n && h.before(h.at[child], h.at[r]) {
			child = r
		}
		if h.before(h.at[child], h.at[i]) {
			return
		}
		h.at[i], h.at[child] = h.at[child], h.at[i]
		i = child
	}
}

// before says whether element i comes before element j in the result.
func (h *heap[T]) before(i, j int64) bool {
	a, b := h.x[int(i)*h.step], h.x[int(j)*h.step]
	switch {
	case a == b:
		return i < j
	case a != a || b != b:
		if a != a && b != b {
			return i < j
		}
		return (a != a) != h.smallest
	}
	return a > b != h.smallest
}
