package infer

import (
	"github.com/shardwise/shardwise/internal/tensor"
)

// sequenceRules are the operators on sequences and optionals. What is known of a sequence's elements holds for all of them.
func sequenceRules() map[string]rule {
	return merge(
		onnxRules(inferSequenceEmpty, "SequenceEmpty"),
		onnxRules(inferSequenceConstruct, "SequenceConstruct"),
		onnxRules(inferSequenceInsert, "SequenceInsert"),
		onnxRules(inferIdentity, "SequenceErase"),
		onnxRules(inferElement, "SequenceAt"),
		onnxRules(inferSequenceLength, "SequenceLength"),
		onnxRules(inferSplitToSequence, "SplitToSequence"),
		onnxRules(inferConcatFromSequence, "ConcatFromSequence"),
		onnxRules(inferOptional, "Optional"),
		onnxRules(inferElement, "OptionalGetElement"),
		onnxRules(inferHasElement, "OptionalHasElement"),
	)
}

func (c *call) sequence(element *Value) error {
	c.out[0] = Value{Kind: Sequence, Element: element}
	return nil
}

func inferSequenceEmpty(c *call) error { return c.sequence(nil) } // nothing but later insertions tells its elements' type

func inferSequenceConstruct(c *call) error {
	if len(c.in) == 0 {
		return c.sequence(nil)
	}
	v := typeOnly(c.in[0])
	for _, o := range c.in[1:] {
		v = join(v, typeOnly(o))
	}
	return c.sequence(&v)
}

// typeOnly is the value without its elements.
func typeOnly(v Value) Value {
	v.Elems, v.Floats = nil, nil
	return v
}

func inferSequenceInsert(c *call) error {
	v := typeOnly(c.input(1))
	if s := c.input(0); s.Kind == Sequence && s.Element != nil {
		v = join(*s.Element, v)
	}
	return c.sequence(&v)
}

// inferElement takes one out of a sequence or an optional. Any other value is its own element.
func inferElement(c *call) error {
	v := c.input(0)
	switch {
	case v.Kind != Sequence && v.Kind != Optional:
		c.out[0] = v
	case v.Element != nil:
		c.out[0] = *v.Element
	}
	c.out[0].Dims = append([]Dim{}, c.out[0].Dims...)
	return nil
}

func inferSequenceLength(c *call) error {
	c.set(0, tensor.I64)
	return nil
}

func inferSplitToSequence(c *call) error {
	x := typeOnly(c.input(0))
	if x.Rank() < 0 {
		return c.sequence(&Value{DType: x.DType})
	}
	at, err := axis(c.node.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	x.Dims = append([]Dim{}, x.Dims...)
	x.Dims[at] = Dim{}
	if !c.has(1) {
		x.Dims[at] = Const(1)
		if c.node.Int("keepdims", 1) == 0 {
			x.Dims = append(x.Dims[:at], x.Dims[at+1:]...)
		}
	}
	return c.sequence(&x)
}

func inferConcatFromSequence(c *call) error {
	s := c.input(0)
	if s.Kind != Sequence || s.Element == nil {
		return nil
	}
	x := *s.Element
	if x.Rank() < 0 {
		c.dtype(0, x.DType)
		return nil
	}
	stack := c.node.Int("new_axis", 0) != 0
	rank := x.Rank()
	if stack {
		rank++
	}
	at, err := axis(c.node.Int("axis", 0), rank)
	if err != nil {
		return err
	}
	dims := append([]Dim{}, x.Dims...)
	if stack {
		dims = append(dims[:at], append([]Dim{{}}, dims[at:]...)...)
	} else {
		dims[at] = Dim{}
	}
	c.set(0, x.DType, dims...)
	return nil
}

func inferOptional(c *call) error {
	c.out[0] = Value{Kind: Optional}
	if c.has(0) {
		v := typeOnly(c.input(0))
		c.out[0].Element = &v
	}
	return nil
}

func inferHasElement(c *call) error {
	c.set(0, tensor.Bool)
	return nil
}
