package shape

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// padNode is Pad (ai.onnx 1 to today): every dimension gets so many elements before and behind it, or loses them where a
// pad is negative. Mode constant fills with a value (default 0), reflect mirrors at the first and last element, edge
// repeats them, wrap (since 19) goes on from the other end. In versions 1 to 10 pads and value are attributes; since 18
// the pads may be those of some axes only.
type padNode struct {
	mode  string
	pads  []int64
	value *tensor.Tensor // of F32; nil from version 11 on

	list, axes engine.Ints
}

func padAttrs(s *engine.Site) (engine.Kernel, error) {
	name := "pads"
	if s.Opset < 2 {
		name = "paddings"
	}
	if err := s.Only(name, "mode", "value"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	n := &padNode{mode: s.Node.Text("mode", "constant"), pads: s.Node.Attrs[name].Ints, value: tensor.New(tensor.F32)}
	tensor.Of[float32](n.value)[0] = s.Node.Float("value", 0)
	return n, n.check(s)
}

func padInputs(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("mode"); err != nil {
		return nil, err
	}
	most := 3
	if s.Opset >= 18 {
		most = 4
	}
	if err := s.Arity(2, most, 1); err != nil {
		return nil, err
	}
	n := &padNode{mode: s.Node.Text("mode", "constant")}
	var err error
	if n.list, err = s.Ints(1); err != nil {
		return nil, err
	}
	if n.axes, err = s.Ints(3); err != nil {
		return nil, err
	}
	return n, n.check(s)
}

func (n *padNode) check(s *engine.Site) error {
	modes := []string{"constant", "reflect", "edge"}
	if s.Opset >= 19 {
		modes = append(modes, "wrap")
	}
	if !slices.Contains(modes, n.mode) {
		return s.Refuse("mode is %q, wanted one of %v", n.mode, modes)
	}
	return nil
}

// Run implements engine.Kernel.
func (n *padNode) Run(c *engine.Call) error {
	x := c.In[0]
	before, shape, err := n.extent(c)
	if err != nil {
		return err
	}
	value, err := n.fill(c)
	if err != nil {
		return err
	}
	maps := make([][]int64, x.Rank())
	for d := range maps {
		maps[d] = tensor.Of[int64](c.New(tensor.I64, shape[d]))
		if err := n.places(maps[d], int64(x.Dim(d)), before[d]); err != nil {
			return fmt.Errorf("%w: dimension %d of %v", err, d, x)
		}
	}
	if x.DType() == tensor.String {
		if err := engine.CheckSize(tensor.String, shape); err != nil {
			return err
		}
		var out []string
		each(shape, maps, strided.RowMajor(x.Shape()), func(at int) {
			if at < 0 {
				out = append(out, value.StringAt(0))
			} else {
				out = append(out, x.StringAt(at))
			}
		})
		c.Out[0], err = tensor.FromStrings(shape, out)
		return err
	}
	c.Out[0] = c.New(x.DType(), shape...)
	switch x.DType().Size() {
	case 1:
		padded[uint8](c.Out[0], x, value, maps)
	case 2:
		padded[uint16](c.Out[0], x, value, maps)
	case 4:
		padded[uint32](c.Out[0], x, value, maps)
	default:
		padded[uint64](c.Out[0], x, value, maps)
	}
	return nil
}

// extent is how many elements come before each dimension, and the result's shape.
func (n *padNode) extent(c *engine.Call) (before []int64, shape tensor.Shape, err error) {
	x, pads := c.In[0], n.pads
	var axes []int64
	some := false
	if n.value == nil {
		if pads, _, err = n.list.At(c); err == nil {
			axes, some, err = n.axes.At(c)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	count := x.Rank()
	if some {
		count = len(axes)
	}
	if len(pads) != 2*count {
		return nil, nil, fmt.Errorf("pads %v do not fit %d axes of %v", pads, count, x)
	}
	before, shape = make([]int64, x.Rank()), x.Shape().Clone()
	seen := make([]bool, x.Rank())
	for i := range count {
		axis := int64(i)
		if some {
			axis = axes[i]
		}
		d, ok := engine.Axis(axis, x.Rank())
		const most = 1 << 40
		if !ok || seen[d] || pads[i] > most || pads[i+count] > most || pads[i]+pads[i+count]+int64(shape[d]) < 0 {
			return nil, nil, fmt.Errorf("pads %v of axes %v do not fit %v", pads, axes, x)
		}
		seen[d], before[d] = true, pads[i]
		shape[d] += int(pads[i] + pads[i+count])
	}
	if e, err := shape.Elements(); err != nil || e > 1<<56 {
		return nil, nil, fmt.Errorf("%v with pads %v is too large", x, pads)
	}
	return before, shape, nil
}

// fill is the one element that the mode constant fills with.
func (n *padNode) fill(c *engine.Call) (*tensor.Tensor, error) {
	x := c.In[0]
	switch {
	case n.value != nil:
		return convert(c, n.value, x.DType())
	case c.Has(2):
		if c.In[2].DType() != x.DType() || c.In[2].Len() != 1 {
			return nil, fmt.Errorf("the value is %v, wanted one element of %s", c.In[2], x.DType())
		}
		return c.In[2], nil
	case x.DType() == tensor.String:
		return tensor.FromStrings(nil, []string{""})
	}
	return tensor.New(x.DType()), nil
}

// places fills to with the input's index at each of the result's, -1 where the value stands. What negative pads take away is gone before the modes
// reflect, edge and wrap look for what they repeat, as in ONNX Runtime.
func (n *padNode) places(to []int64, size, before int64) error {
	first, end := max(0, -before), size+min(0, int64(len(to))-size-before)
	left := end - first
	if left <= 0 && len(to) > 0 && n.mode != "constant" {
		return fmt.Errorf("mode %s has nothing to repeat", n.mode)
	}
	for i := range to {
		at := int64(i) - before - first
		if at < 0 || at >= left {
			at = n.outside(at, left)
		}
		if to[i] = at; at >= 0 {
			to[i] += first
		}
	}
	return nil
}

// outside is which of size elements stands at a place before or behind them, -1 for the value.
func (n *padNode) outside(at, size int64) int64 {
	switch n.mode {
	case "edge":
		return max(0, min(at, size-1))
	case "wrap":
		return (at%size + size) % size
	case "reflect":
		if size == 1 {
			return 0 // as in numpy: there is no other
		}
		period := 2 * (size - 1)
		at = (at%period + period) % period
		return min(at, period-at)
	}
	return -1
}

// padded writes the result, one innermost row after the other.
func padded[T tensor.Element](out, x, value *tensor.Tensor, maps [][]int64) {
	dst, src, fill := tensor.Of[T](out), tensor.Of[T](x), tensor.Of[T](value)[0]
	if len(dst) == 0 {
		return
	}
	if len(maps) == 0 {
		copy(dst, src)
		return
	}
	last := len(maps) - 1
	row := maps[last]
	// Between lo and hi the row's elements lie together.
	lo := 0
	for lo < len(row) && row[lo] != 0 {
		lo++
	}
	hi := lo
	for hi < len(row) && row[hi] == int64(hi-lo) {
		hi++
	}
	at := 0
	each(out.Shape()[:last], maps[:last], strided.RowMajor(x.Shape())[:last], func(from int) {
		d := dst[at : at+len(row)]
		at += len(row)
		if from < 0 {
			for i := range d {
				d[i] = fill
			}
			return
		}
		edge := func(lo, hi int) {
			for i := lo; i < hi; i++ {
				if d[i] = fill; row[i] >= 0 {
					d[i] = src[from+int(row[i])]
				}
			}
		}
		edge(0, lo)
		if lo < hi {
			copy(d[lo:hi], src[from:])
		}
		edge(hi, len(row))
	})
}

// each calls f for each index of the shape with the input's offset, or -1 where one of the maps leads nowhere.
func each(shape tensor.Shape, maps [][]int64, step []int, f func(at int)) {
	total, err := shape.Elements()
	if err != nil {
		return
	}
	index := make([]int, len(shape))
	for range total {
		at := 0
		for d, i := range index {
			if maps[d][i] < 0 {
				at = -1
				break
			}
			at += int(maps[d][i]) * step[d]
		}
		f(at)
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
}
