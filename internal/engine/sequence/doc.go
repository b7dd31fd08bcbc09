// Package sequence is the family of operators on sequences and optionals of ai.onnx. Both live inside a program only: its
// inputs and outputs are tensors.
//
// A sequence owns its tensors: they are copied when they are put in. An optional with a value is the value itself, and one
// without is a sequence of its own kind, which no other operator takes. The package is called by internal/engine/native
// alone.
package sequence

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	list, any := engine.Sequences(), engine.Any()
	position := engine.TypesOf(tensor.I32, tensor.I64)
	op := func(since int64, build func(*engine.Site) (engine.Kernel, error), in ...engine.Types) []engine.Operator {
		return []engine.Operator{{Since: since, Build: build, In: in}}
	}
	return engine.Table{
		{Op: "SequenceConstruct"}:  op(11, construct, any),
		{Op: "SequenceEmpty"}:      op(11, empty),
		{Op: "SequenceInsert"}:     op(11, insert, list, any, position),
		{Op: "SequenceErase"}:      op(11, erase, list, position),
		{Op: "SequenceAt"}:         op(11, at, list, position),
		{Op: "SequenceLength"}:     op(11, length, list),
		{Op: "SplitToSequence"}:    op(11, split, any, position),
		{Op: "ConcatFromSequence"}: op(11, concat, list),
		{Op: "Optional"}:           op(15, optional, any|list),
		{Op: "OptionalGetElement"}: op(15, element, any|list),
		{Op: "OptionalHasElement"}: op(15, has, any|list),
	}
}

// site checks a node's attributes and inputs and makes its kernel of a function.
func site(s *engine.Site, minIn, maxIn int, run func(c *engine.Call) (*tensor.Tensor, error), attrs ...string) (engine.Kernel, error) {
	if err := s.Only(attrs...); err != nil {
		return nil, err
	}
	if err := s.Arity(minIn, maxIn, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		c.Out[0], err = run(c)
		return err
	}), nil
}

// place reads the position in input i, which counts from the end when it is negative and lies in 0 to count-1; def
// stands for an absent one.
func place(c *engine.Call, i, count, def int) (int, error) {
	if !c.Has(i) {
		return def, nil
	}
	v, err := engine.Int64s(c.In[i])
	if err != nil {
		return 0, err
	}
	if len(v) != 1 {
		return 0, fmt.Errorf("the position is %v, wanted one integer", c.In[i])
	}
	at, ok := engine.Axis(v[0], count)
	if !ok {
		return 0, fmt.Errorf("position %d does not lie in a sequence of %d", v[0], count)
	}
	return at, nil
}

// items are the tensors of input 0.
func items(c *engine.Call) ([]*tensor.Tensor, error) {
	list, ok := c.In[0].Items()
	if !ok || absent(c.In[0]) {
		return nil, fmt.Errorf("input is %v, wanted a sequence", c.In[0])
	}
	return list, nil
}
