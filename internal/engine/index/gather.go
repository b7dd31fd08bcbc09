package index

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// gather is Gather (ai.onnx 1 to today): slices of data along axis (default 0) at the indices; an index may count from
// the end (since 11).
func gather(s *engine.Site) (engine.Kernel, error) {
	axis, err := axisOf(s, 2)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		axis, ok := engine.Axis(axis, x.Rank())
		if !ok {
			return fmt.Errorf("the axis does not lie in %v", x)
		}
		index, err := places(c, c.In[1], x.Dim(axis))
		if err != nil {
			return err
		}
		outer, count, inner := strided.Around(x.Shape(), axis, axis+1)
		var few [8]int
		shape := append(append(tensor.Shape(few[:0]), x.Shape()[:axis]...), c.In[1].Shape()...)
		shape = append(shape, x.Shape()[axis+1:]...)
		if inner == 1 && x.DType().Size() > 0 {
			return gatherSingle(c, index, shape, outer, count)
		}
		o, next := 0, 0
		c.Out[0], err = pick(c, x, shape, outer*len(index), inner, func(int) int {
			if next == len(index) {
				o, next = o+1, 0
			}
			at := (o*count + int(index[next])) * inner
			next++
			return at
		})
		return err
	}), nil
}

// axisOf reads the one attribute of the operators that gather and scatter.
func axisOf(s *engine.Site, inputs int, attrs ...string) (int64, error) {
	if err := s.Only(append(attrs, "axis")...); err != nil {
		return 0, err
	}
	if err := s.Arity(inputs, inputs, 1); err != nil {
		return 0, err
	}
	return s.Node.Int("axis", 0), nil
}

// gatherSingle gathers along the last axis, where each run is one element.
func gatherSingle(c *engine.Call, index []int64, shape tensor.Shape, outer, count int) error {
	if _, err := shape.Elements(); err != nil {
		return err
	}
	x := c.In[0]
	c.Out[0] = c.New(x.DType(), shape...)
	switch x.DType().Size() {
	case 1:
		elements(tensor.Of[uint8](c.Out[0]), tensor.Of[uint8](x), index, outer, count)
	case 2:
		elements(tensor.Of[uint16](c.Out[0]), tensor.Of[uint16](x), index, outer, count)
	case 4:
		elements(tensor.Of[uint32](c.Out[0]), tensor.Of[uint32](x), index, outer, count)
	default:
		elements(tensor.Of[uint64](c.Out[0]), tensor.Of[uint64](x), index, outer, count)
	}
	return nil
}

func elements[T tensor.Element](dst, x []T, index []int64, outer, count int) {
	for o := range outer {
		row, d := x[o*count:(o+1)*count], dst[o*len(index):(o+1)*len(index)]
		for i, at := range index {
			d[i] = row[at]
		}
	}
}

// gatherElements is GatherElements (ai.onnx 11 to today): at each position the element of data that lies there but for
// its index along axis, which the second input holds:
//
//	out[i][j][k] = data[i][index[i][j][k]][k]    (axis 1)
func gatherElements(s *engine.Site) (engine.Kernel, error) {
	axis, err := axisOf(s, 2)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		at, err := positions(c, x, c.In[1], axis)
		if err != nil {
			return err
		}
		shape := c.In[1].Shape()
		if x.DType() == tensor.String {
			c.Out[0], err = pick(c, x, shape, len(at), 1, func(i int) int { return int(at[i]) })
			return err
		}
		c.Out[0] = c.New(x.DType(), shape...)
		switch x.DType().Size() {
		case 1:
			elements(tensor.Of[uint8](c.Out[0]), tensor.Of[uint8](x), at, 1, x.Len())
		case 2:
			elements(tensor.Of[uint16](c.Out[0]), tensor.Of[uint16](x), at, 1, x.Len())
		case 4:
			elements(tensor.Of[uint32](c.Out[0]), tensor.Of[uint32](x), at, 1, x.Len())
		default:
			elements(tensor.Of[uint64](c.Out[0]), tensor.Of[uint64](x), at, 1, x.Len())
		}
		return nil
	}), nil
}

// positions are the offsets in data that the elements of index name: where the element itself lies, but for the axis.
func positions(c *engine.Call, data, index *tensor.Tensor, attr int64) ([]int64, error) {
	axis, ok := engine.Axis(attr, data.Rank())
	if !ok || index.Rank() != data.Rank() {
		return nil, fmt.Errorf("data is %v and indices %v, wanted two of one rank that has axis %d", data, index, attr)
	}
	for d, n := range index.Shape() {
		if d != axis && n > data.Dim(d) {
			return nil, fmt.Errorf("indices %v reach beyond data %v in dimension %d", index, data, d)
		}
	}
	at, err := places(c, index, data.Dim(axis))
	if err != nil {
		return nil, err
	}
	step := strided.RowMajor(data.Shape())
	along := int64(step[axis])
	step[axis] = 0
	l := strided.Over(index.Shape(), step)
	for ok := l.Start(); ok; ok = l.Next() {
		from := int64(l.At[0])
		run := at[l.Out : l.Out+l.Run]
		for i := range run {
			run[i] = run[i]*along + from
			from += int64(l.Inner[0])
		}
	}
	return at, nil
}

// gatherND is GatherND (ai.onnx 11 to today): the last dimension of the indices holds tuples that name elements or
// slices of data. The first batch_dims dimensions (since 12, default 0) are common to both.
func gatherND(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("batch_dims"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	batch := s.Node.Int("batch_dims", 0)
	return engine.KernelFunc(func(c *engine.Call) error {
		x, index := c.In[0], c.In[1]
		at, run, err := tuples(c, x.Shape(), index, batch)
		if err != nil {
			return err
		}
		width := index.Dim(index.Rank() - 1)
		shape := append(index.Shape()[:index.Rank()-1].Clone(), x.Shape()[int(batch)+width:]...)
		c.Out[0], err = pick(c, x, shape, len(at), run, func(i int) int { return int(at[i]) })
		return err
	}), nil
}

// tuples are the offsets of the slices that the tuples of an index name in a shape, and the slices' length.
func tuples(c *engine.Call, shape tensor.Shape, index *tensor.Tensor, batch int64) (at []int64, run int, err error) {
	fail := func() ([]int64, int, error) {
		return nil, 0, fmt.Errorf("indices %v with %d batch dimensions do not fit data of shape %v", index, batch, shape)
	}
	if index.Rank() < 1 || batch < 0 || batch >= int64(index.Rank()) || batch > int64(len(shape)) {
		return fail()
	}
	b, width := int(batch), index.Dim(index.Rank()-1)
	if b+width > len(shape) || !index.Shape()[:b].Equal(shape[:b]) {
		return fail()
	}
	list, err := engine.Int64s(index)
	if err != nil {
		return nil, 0, err
	}
	outer, _, _ := strided.Around(shape, b, b)
	step := strided.RowMajor(shape)
	run, per := 1, 1
	for _, n := range shape[b+width:] {
		run *= n
	}
	for _, n := range shape[b:] {
		per *= n
	}
	n, _ := index.Shape()[:index.Rank()-1].Elements()
	at = tensor.Of[int64](c.New(tensor.I64, n))
	each := n / max(outer, 1)
	for i := range at {
		at[i] = int64(i / max(each, 1) * per)
		for k, v := range list[i*width : (i+1)*width] {
			d, ok := engine.Axis(v, shape[b+k])
			if !ok {
				return nil, 0, fmt.Errorf("index %d is outside dimension %d of shape %v", v, b+k, shape)
			}
			at[i] += int64(d * step[b+k])
		}
	}
	return at, run, nil
}
