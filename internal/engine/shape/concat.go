package shape

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// concat is Concat (ai.onnx 1 to today): inputs of one dtype, equal but along axis, which is 1 by default in versions 1
// to 3 and has no default later.
func concat(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis"); err != nil {
		return nil, err
	}
	if err := s.Arity(max(1, len(s.Node.Inputs)), max(1, len(s.Node.Inputs)), 1); err != nil {
		return nil, err
	}
	if _, ok := s.Node.Attrs["axis"]; !ok && s.Opset >= 4 {
		return nil, s.Refuse("no axis")
	}
	attr := s.Node.Int("axis", 1)
	return engine.KernelFunc(func(c *engine.Call) error {
		first := c.In[0]
		axis, ok := engine.Axis(attr, first.Rank())
		if !ok {
			return fmt.Errorf("axis %d does not lie in %v", attr, first)
		}
		var few [8]int
		shape := tensor.Shape(append(few[:0], first.Shape()...))
		shape[axis] = 0
		for _, t := range c.In {
			if t.DType() != first.DType() || t.Rank() != first.Rank() {
				return fmt.Errorf("inputs %v and %v do not fit together", first, t)
			}
			for d := range shape {
				if d != axis && t.Dim(d) != first.Dim(d) {
					return fmt.Errorf("inputs %v and %v differ in dimension %d", first, t, d)
				}
			}
			shape[axis] += t.Dim(axis)
		}
		if _, err := shape.Elements(); err != nil {
			return err
		}
		return join(c, axis, shape)
	}), nil
}

func join(c *engine.Call, axis int, shape tensor.Shape) error {
	outer, _, inner := strided.Around(shape, axis, axis+1)
	if c.In[0].DType() == tensor.String {
		var values []string
		for o := range outer {
			for _, t := range c.In {
				run := t.Dim(axis) * inner
				for i := range run {
					values = append(values, t.StringAt(o*run+i))
				}
			}
		}
		var err error
		c.Out[0], err = tensor.FromStrings(shape.Clone(), values)
		return err
	}
	c.Out[0] = c.New(c.In[0].DType(), shape...)
	dst, at, size := c.Out[0].Bytes(), 0, c.In[0].DType().Size()
	for o := range outer {
		for _, t := range c.In {
			run := t.Dim(axis) * inner * size
			at += copy(dst[at:], t.Bytes()[o*run:(o+1)*run])
		}
	}
	return nil
}

// splitNode is Split (ai.onnx 1 to today): the input cut along axis (default 0) into pieces as long as split says, an
// attribute until version 12, then an input. Without it all pieces are as long; where that does not come out even, the
// last is shorter (since 18, with num_outputs).
type splitNode struct {
	axis    int64
	lengths []int64
	list    engine.Ints
	uneven  bool
	outputs int
}

func splitAttr(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("axis", "split"); err != nil {
		return nil, err
	}
	n := &splitNode{axis: s.Node.Int("axis", 0), lengths: s.Node.Attrs["split"].Ints, outputs: len(s.Node.Outputs)}
	return n, s.Arity(1, 1, n.outputs)
}

func splitInput(s *engine.Site) (engine.Kernel, error) {
	names := []string{"axis"}
	if s.Opset >= 18 {
		names = append(names, "num_outputs")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	n := &splitNode{axis: s.Node.Int("axis", 0), uneven: s.Opset >= 18, outputs: len(s.Node.Outputs)}
	if err := s.Arity(1, 2, n.outputs); err != nil {
		return nil, err
	}
	if v := s.Node.Int("num_outputs", int64(n.outputs)); v != int64(n.outputs) {
		return nil, s.Refuse("num_outputs is %d, and the node has %d outputs", v, n.outputs)
	}
	var err error
	n.list, err = s.Ints(1)
	return n, err
}

// Run implements engine.Kernel.
func (n *splitNode) Run(c *engine.Call) error {
	x := c.In[0]
	axis, ok := engine.Axis(n.axis, x.Rank())
	if !ok {
		return fmt.Errorf("axis %d does not lie in %v", n.axis, x)
	}
	lengths := n.lengths
	if len(c.In) > 1 {
		list, given, err := n.list.At(c)
		if err != nil {
			return err
		}
		if given {
			lengths = list
		}
	}
	size, total := int64(x.Dim(axis)), int64(0)
	if lengths == nil {
		pieces := int64(n.outputs)
		if size%pieces != 0 && !n.uneven {
			return fmt.Errorf("%v cannot be cut into %d equal pieces along axis %d", x, pieces, axis)
		}
		each := (size + pieces - 1) / pieces
		for range pieces {
			lengths = append(lengths, max(0, min(each, size-each*int64(len(lengths)))))
		}
	}
	for _, v := range lengths {
		if v < 0 || v > size {
			total = -1
			break
		}
		total += v
	}
	if total != size || len(lengths) != n.outputs {
		return fmt.Errorf("pieces of %v do not make up axis %d of %v for %d outputs", lengths, axis, x, n.outputs)
	}
	step, at := strided.RowMajor(x.Shape()), 0
	for i, v := range lengths {
		shape := x.Shape().Clone()
		shape[axis] = int(v)
		if c.Want[i] {
			var err error
			if c.Out[i], err = strided.Copy(c, x, shape, step, at*step[axis]); err != nil {
				return err
			}
		}
		at += int(v)
	}
	return nil
}
