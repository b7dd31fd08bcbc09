package infer

import (
	"fmt"
	"slices"
)

// gatherRules are the operators that pick by index.
func gatherRules() map[string]rule {
	return merge(
		onnxRules(inferGather, "Gather"),
		onnxRules(inferGatherElements, "GatherElements"),
		onnxRules(inferGatherND, "GatherND"),
		onnxRules(inferOneHot, "OneHot"),
	)
}

func inferGather(c *call) error {
	x, index := c.input(0), c.input(1)
	if x.Rank() < 0 || index.Rank() < 0 {
		c.dtype(0, x.DType)
		return nil
	}
	at, err := axis(c.node.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	c.set(0, x.DType, slices.Concat(x.Dims[:at], index.Dims, x.Dims[at+1:])...)
	list, known := index.Ints()
	if !known {
		return nil
	}
	size, fixed := x.Dims[at].Fixed()
	for _, v := range list {
		if fixed && (v >= size || v < -size) {
			return fmt.Errorf("index %d lies outside dimension %d of %s", v, at, x)
		}
	}
	if x.Rank() != 1 || index.Rank() > 1 {
		return nil
	}
	pick := func(v int64, n int) int64 {
		if v < 0 {
			return v + int64(n)
		}
		return v
	}
	for _, v := range list {
		if x.Elems != nil {
			c.out[0].Elems = append(c.out[0].Elems, x.Elems[pick(v, len(x.Elems))])
		}
		if x.Floats != nil {
			c.out[0].Floats = append(c.out[0].Floats, x.Floats[pick(v, len(x.Floats))])
		}
	}
	return nil
}

func inferGatherElements(c *call) error {
	x, index := c.input(0), c.input(1)
	if x.Rank() >= 0 && index.Rank() >= 0 {
		if x.Rank() != index.Rank() {
			return fmt.Errorf("its input is %s and its indices %s, wanted equal ranks", x, index)
		}
		if _, err := axis(c.node.Int("axis", 0), x.Rank()); err != nil {
			return err
		}
	}
	c.like(0, index, x.DType)
	return nil
}

func inferGatherND(c *call) error {
	x, index := c.input(0), c.input(1)
	c.dtype(0, x.DType)
	if x.Rank() < 0 || index.Rank() < 1 {
		return nil
	}
	batch := c.node.Int("batch_dims", 0)
	n, fixed := index.Dims[index.Rank()-1].Fixed()
	if !fixed {
		return nil
	}
	if batch < 0 || batch >= int64(index.Rank()) || batch > int64(x.Rank()) || n < 0 || n > int64(x.Rank())-batch {
		return fmt.Errorf("its indices %s with %d batch dimensions do not fit %s", index, batch, x)
	}
	c.set(0, x.DType, slices.Concat(index.Dims[:index.Rank()-1], x.Dims[batch+n:])...)
	return nil
}

func inferOneHot(c *call) error {
	index, values := c.input(0), c.input(2)
	c.dtype(0, values.DType)
	if index.Rank() < 0 {
		return nil
	}
	at, err := axis(c.node.Int("axis", -1), index.Rank()+1)
	if err != nil {
		return err
	}
	depth := Dim{}
	if e := c.input(1).Elems; len(e) == 1 {
		depth = e[0]
	}
	c.set(0, values.DType, slices.Insert(slices.Clone(index.Dims), at, depth)...)
	return nil
}
