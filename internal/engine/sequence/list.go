package sequence

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// construct is SequenceConstruct (ai.onnx 11 to today): the inputs, of one dtype, in their order.
func construct(s *engine.Site) (engine.Kernel, error) {
	return site(s, len(s.Node.Inputs), max(1, len(s.Node.Inputs)), func(c *engine.Call) (*tensor.Tensor, error) {
		var list []*tensor.Tensor
		for _, t := range c.In {
			if err := alike(list, t); err != nil {
				return nil, err
			}
			list = append(list, t.Clone())
		}
		return tensor.Sequence(list), nil
	})
}

// alike fails when a tensor has another dtype than the sequence's.
func alike(list []*tensor.Tensor, t *tensor.Tensor) error {
	if len(list) > 0 && list[0].DType() != t.DType() {
		return fmt.Errorf("found %v in a sequence of %s", t, list[0].DType())
	}
	return nil
}

// empty is SequenceEmpty (ai.onnx 11 to today). The dtype that it declares is taken from the first tensor put in.
func empty(s *engine.Site) (engine.Kernel, error) {
	return site(s, 0, 0, func(*engine.Call) (*tensor.Tensor, error) { return tensor.Sequence(nil), nil }, "dtype")
}

// insert is SequenceInsert (ai.onnx 11 to today): the tensor before the position, which may be the length; at the end by
// default.
func insert(s *engine.Site) (engine.Kernel, error) {
	return site(s, 2, 3, func(c *engine.Call) (*tensor.Tensor, error) {
		list, err := items(c)
		if err != nil {
			return nil, err
		}
		if err := alike(list, c.In[1]); err != nil {
			return nil, err
		}
		at := len(list)
		if c.Has(2) {
			// A negative position counts from the length: -1 is before the last.
			v, err := engine.Int64s(c.In[2])
			if err != nil || len(v) != 1 || v[0] < -int64(len(list)) || v[0] > int64(len(list)) {
				return nil, fmt.Errorf("the position is %v %v, wanted one integer within a sequence of %d", c.In[2], v, len(list))
			}
			if at = int(v[0]); at < 0 {
				at += len(list)
			}
		}
		return tensor.Sequence(slices.Insert(slices.Clone(list), at, c.In[1].Clone())), nil
	})
}

// erase is SequenceErase (ai.onnx 11 to today): without the tensor at the position, by default the last.
func erase(s *engine.Site) (engine.Kernel, error) {
	return site(s, 1, 2, func(c *engine.Call) (*tensor.Tensor, error) {
		list, err := items(c)
		if err != nil {
			return nil, err
		}
		at, err := place(c, 1, len(list), len(list)-1)
		if err != nil {
			return nil, err
		}
		if at < 0 {
			return nil, fmt.Errorf("the sequence is empty")
		}
		return tensor.Sequence(slices.Delete(slices.Clone(list), at, at+1)), nil
	})
}

// at is SequenceAt (ai.onnx 11 to today): the tensor at the position.
func at(s *engine.Site) (engine.Kernel, error) {
	return site(s, 2, 2, func(c *engine.Call) (*tensor.Tensor, error) {
		list, err := items(c)
		if err != nil {
			return nil, err
		}
		i, err := place(c, 1, len(list), 0)
		if err != nil {
			return nil, err
		}
		return list[i], nil
	})
}

// length is SequenceLength (ai.onnx 11 to today): an I64 scalar.
func length(s *engine.Site) (engine.Kernel, error) {
	return site(s, 1, 1, func(c *engine.Call) (*tensor.Tensor, error) {
		list, err := items(c)
		if err != nil {
			return nil, err
		}
		out := c.New(tensor.I64)
		tensor.Of[int64](out)[0] = int64(len(list))
		return out, nil
	})
}
