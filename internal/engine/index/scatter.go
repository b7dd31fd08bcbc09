package index

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// scatterElements is Scatter (ai.onnx 9 to today, deprecated since 11) and ScatterElements (11 to today): data, in which
// the elements at the positions that GatherElements would read are replaced by the updates, in order, or combined with
// them by reduction: add and mul (since 16), max and min (since 18).
func scatterElements(s *engine.Site) (engine.Kernel, error) {
	axis, err := axisOf(s, 3, reductionAttr(s)...)
	if err != nil {
		return nil, err
	}
	how, err := reductionOf(s)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		if !c.In[1].Shape().Equal(c.In[2].Shape()) {
			return fmt.Errorf("indices %v and updates %v have different shapes", c.In[1], c.In[2])
		}
		at, err := positions(c, c.In[0], c.In[1], axis)
		if err != nil {
			return err
		}
		return place(c, at, 1, how)
	}), nil
}

// scatterND is ScatterND (ai.onnx 11 to today): data, in which the slices that GatherND would read are replaced by the
// updates, in order, or combined with them by reduction: add and mul (since 16), max and min (since 18).
func scatterND(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(reductionAttr(s)...); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	how, err := reductionOf(s)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x, index, updates := c.In[0], c.In[1], c.In[2]
		at, run, err := tuples(c, x.Shape(), index, 0)
		if err != nil {
			return err
		}
		want := append(index.Shape()[:index.Rank()-1].Clone(), x.Shape()[index.Dim(index.Rank()-1):]...)
		if !updates.Shape().Equal(want) {
			return fmt.Errorf("updates are %v, wanted shape %v", updates, want)
		}
		return place(c, at, run, how)
	}), nil
}

func reductionAttr(s *engine.Site) []string {
	if s.Opset >= 16 {
		return []string{"reduction"}
	}
	return nil
}

func reductionOf(s *engine.Site) (string, error) {
	how := s.Node.Text("reduction", "none")
	switch how {
	case "none", "add", "mul":
		return how, nil
	case "max", "min":
		if s.Opset >= 18 {
			return how, nil
		}
	}
	return "", s.Refuse("reduction is %q, which version %d does not define", how, s.Opset)
}

// place puts runs of the updates, the third input, at these offsets of a copy of data, the first.
func place(c *engine.Call, at []int64, run int, how string) error {
	x, updates := c.In[0], c.In[2]
	if x.DType() != updates.DType() {
		return fmt.Errorf("data is %v and updates are %v, wanted one type", x, updates)
	}
	if x.DType() == tensor.String {
		return placeStrings(c, at, run, how)
	}
	c.Out[0] = c.New(x.DType(), x.Shape()...)
	dst, src, n := c.Out[0].Bytes(), updates.Bytes(), run*x.DType().Size()
	copy(dst, x.Bytes())
	if how == "none" {
		for i, to := range at {
			copy(dst[int(to)*x.DType().Size():], src[i*n:(i+1)*n])
		}
		return nil
	}
	combine := combiner(x.DType(), how)
	if combine == nil {
		return fmt.Errorf("data is %v, which %s does not combine", x, how)
	}
	combine(c.Out[0], updates, at, run)
	return nil
}

func placeStrings(c *engine.Call, at []int64, run int, how string) (err error) {
	if how != "none" {
		return fmt.Errorf("data is %v, which %s does not combine", c.In[0], how)
	}
	values := make([]string, c.In[0].Len())
	for i := range values {
		values[i] = c.In[0].StringAt(i)
	}
	for i, to := range at {
		for k := range run {
			values[int(to)+k] = c.In[2].StringAt(i*run + k)
		}
	}
	c.Out[0], err = tensor.FromStrings(c.In[0].Shape(), values)
	return err
}

// tensorScatter is TensorScatter (ai.onnx 24 to today): a cache [batch, ..., length, ...] in which the updates stand
// along axis (default -2) from each batch's write index on (default 0); in mode circular they go on at the beginning.
func tensorScatter(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis", "mode"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 3, 1); err != nil {
		return nil, err
	}
	attr, mode := s.Node.Int("axis", -2), s.Node.Text("mode", "linear")
	if mode != "linear" && mode != "circular" {
		return nil, s.Refuse("mode is %q, wanted linear or circular", mode)
	}
	list, err := s.Ints(2)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		cache, update := c.In[0], c.In[1]
		axis, ok := engine.Axis(attr, cache.Rank())
		if !ok || axis == 0 || cache.DType() != update.DType() || cache.Rank() != update.Rank() || cache.DType().Size() == 0 {
			return fmt.Errorf("cache %v and update %v do not fit together along axis %d", cache, update, attr)
		}
		for d, n := range cache.Shape() {
			if d != axis && update.Dim(d) != n || update.Dim(d) > n {
				return fmt.Errorf("cache %v and update %v do not fit together along axis %d", cache, update, attr)
			}
		}
		starts, given, err := list.At(c)
		if err != nil {
			return err
		}
		if given && len(starts) != cache.Dim(0) {
			return fmt.Errorf("there are %d write indices, wanted %d", len(starts), cache.Dim(0))
		}
		c.Out[0] = c.New(cache.DType(), cache.Shape()...)
		copy(c.Out[0].Bytes(), cache.Bytes())
		return writeCache(c, starts, axis, mode == "circular")
	}), nil
}

func writeCache(c *engine.Call, starts []int64, axis int, circular bool) error {
	length, rows := c.In[0].Dim(axis), c.In[1].Dim(axis)
	outer, _, inner := strided.Around(c.In[0].Shape(), axis, axis+1)
	dst, src, n := c.Out[0].Bytes(), c.In[1].Bytes(), inner*c.In[0].DType().Size()
	for o := range outer {
		start := int64(0)
		if starts != nil {
			start = starts[o/(outer/c.In[0].Dim(0))]
		}
		if start < 0 || !circular && start > int64(length-rows) {
			return fmt.Errorf("write index %d with %d rows does not lie in a cache of %d", start, rows, length)
		}
		for r := range rows {
			to := (int(start%int64(max(length, 1))) + r) % length
			copy(dst[(o*length+to)*n:(o*length+to+1)*n], src[(o*rows+r)*n:])
		}
	}
	return nil
}
