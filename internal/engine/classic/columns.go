package classic

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// extractor is ArrayFeatureExtractor (ai.onnx.ml 1 to today): picks entries of the last dimension; a vector counts as
// one row.
func extractor(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() == 0 {
			return fmt.Errorf("input is the scalar %v, wanted dimensions", x)
		}
		index, err := engine.Int64s(c.In[1])
		if err != nil {
			return err
		}
		shape := append(x.Shape()[:x.Rank()-1].Clone(), len(index))
		if x.Rank() == 1 {
			shape = tensor.Shape{1, len(index)}
		}
		c.Out[0], err = engine.Take(c, x, x.Rank()-1, index, shape)
		return err
	}), nil
}

// vectorizer is FeatureVectorizer (ai.onnx.ml 1 to today): the columns of all inputs side by side as F32, each input cut or
// filled with zeros to its number in inputdimensions. A vector is one row.
func vectorizer(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("inputdimensions"); err != nil {
		return nil, err
	}
	widths := s.Node.Attrs["inputdimensions"].Ints
	if err := s.Arity(max(len(widths), 1), len(widths), 1); err != nil {
		return nil, err
	}
	total := 0
	for _, w := range widths {
		if w < 0 || w > math.MaxInt32 {
			return nil, s.Refuse("inputdimensions has %d", w)
		}
		total += int(w)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		at := 0
		for i, x := range c.In {
			values, columns, err := floats(x)
			if err != nil {
				return fmt.Errorf("input %d: %w", i, err)
			}
			rows := 1
			if x.Rank() == 2 {
				rows = x.Dim(0)
			}
			if i == 0 {
				c.Out[0] = c.New(tensor.F32, rows, total)
				clear(c.Out[0].Bytes())
			}
			if rows != c.Out[0].Dim(0) {
				return fmt.Errorf("input %d has %d rows, input 0 has %d", i, rows, c.Out[0].Dim(0))
			}
			dst := tensor.Of[float32](c.Out[0])
			for r := range rows {
				for k, v := range values[r*columns:][:min(columns, int(widths[i]))] {
					dst[r*total+at+k] = float32(v)
				}
			}
			at += int(widths[i])
		}
		return nil
	}), nil
}

// oneHot is OneHotEncoder (ai.onnx.ml 1 to today): a new last dimension with 1 at the element's category and 0 elsewhere;
// numbers are cut to integers first. An element of no category gives zeros, or an error where the attribute zeros is 0.
func oneHot(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("cats_int64s", "cats_strings", "zeros"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	ints, words := s.Node.Attrs["cats_int64s"].Ints, s.Node.Attrs["cats_strings"].Strs
	if (len(ints) == 0) == (len(words) == 0) {
		return nil, s.Refuse("%d integer and %d string categories, wanted one kind", len(ints), len(words))
	}
	find, count := positions(ints, words), len(ints)+len(words)
	zeros := s.Node.Int("zeros", 1) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if (x.DType() == tensor.String) != (len(words) > 0) {
			return fmt.Errorf("input is %v, wanted elements of the categories' kind", x)
		}
		c.Out[0] = c.New(tensor.F32, append(x.Shape().Clone(), count)...)
		dst := tensor.Of[float32](c.Out[0])
		clear(dst)
		return find(x, func(i, at int) error {
			switch {
			case at >= 0:
				dst[i*count+at] = 1
			case !zeros:
				return fmt.Errorf("element %d of the input is in no category, and the attribute zeros is 0", i)
			}
			return nil
		})
	}), nil
}

// positions makes a function that calls visit with the position of each element's category, -1 where it has none. Of equal
// categories the last one counts.
func positions(ints []int64, words []string) func(x *tensor.Tensor, visit func(i, at int) error) error {
	byWord, byNumber := map[string]int{}, map[int64]int{}
	for i, w := range words {
		byWord[w] = i
	}
	for i, v := range ints {
		byNumber[v] = i
	}
	return func(x *tensor.Tensor, visit func(i, at int) error) error {
		number, err := truncated(x)
		if err != nil {
			return err
		}
		for i := range x.Len() {
			at, ok := 0, false
			if number == nil {
				at, ok = byWord[x.StringAt(i)]
			} else if v, whole := number(i); whole {
				at, ok = byNumber[v]
			}
			if !ok {
				at = -1
			}
			if err := visit(i, at); err != nil {
				return err
			}
		}
		return nil
	}
}

// truncated reads numbers cut to integers; what is none, or beyond int64, is not whole. It is nil for strings.
func truncated(x *tensor.Tensor) (func(i int) (int64, bool), error) {
	switch x.DType() {
	case tensor.String:
		return nil, nil
	case tensor.I64, tensor.I32:
		list, err := engine.Int64s(x)
		return func(i int) (int64, bool) { return list[i], true }, err
	}
	wide, err := tensor.Convert(x, tensor.F64)
	if err != nil {
		return nil, err
	}
	list := tensor.Of[float64](wide)
	return func(i int) (int64, bool) { return int64(list[i]), list[i] > -1<<63 && list[i] < 1<<63 }, nil
}
