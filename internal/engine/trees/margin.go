package trees

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// buildMargin compiles TreeMargin: inputs leaf values F32 [rows, columns] in tree order as TreeEnsemble gives them, table I32 [columns], the model output
// of each column, and init F32 [K], the margins before the first tree; output margin F32 [rows, K], or [rows] for one model output. Additions are
// single precision and in the order of the columns, as XGBoost's are.
//
//	margin[r, k] = init[k]
//	for c in 0 .. columns-1:
//		margin[r, table[c]] += values[r, c]
func buildMargin(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		values, table, init := c.In[0], c.In[1], c.In[2]
		want := func(i int, t *tensor.Tensor, d tensor.DType, rank int) error {
			if t == nil || t.DType() != d || t.Rank() != rank {
				return &engine.InputError{Input: s.Node.Inputs[i], Want: fmt.Sprintf("%v of rank %d", d, rank), Found: describe(t)}
			}
			return nil
		}
		for i, err := range []error{want(0, values, tensor.F32, 2), want(1, table, tensor.I32, 1), want(2, init, tensor.F32, 1)} {
			if err != nil {
				return fmt.Errorf("node %s, input %d: %w", s.Node.Name, i, err)
			}
		}
		rows, columns, k := values.Dim(0), values.Dim(1), init.Dim(0)
		if table.Dim(0) != columns || k == 0 {
			return &engine.InputError{Input: s.Node.Inputs[1], Want: fmt.Sprintf("I32 with an output for each of %d columns, and at least one output", columns), Found: describe(table) + " and " + describe(init)}
		}
		to := tensor.Of[int32](table)
		for _, o := range to {
			if o < 0 || int(o) >= k {
				return &engine.InputError{Input: s.Node.Inputs[1], Want: fmt.Sprintf("outputs from 0 to %d", k-1), Found: fmt.Sprint(o)}
			}
		}
		shape := tensor.Shape{rows, k}
		if k == 1 {
			shape = shape[:1]
		}
		c.Out[0] = c.New(tensor.F32, shape...)
		addLeaves(tensor.Of[float32](c.Out[0]), tensor.Of[float32](values), to, tensor.Of[float32](init))
		return nil
	}), nil
}

// addLeaves computes the margins of all rows; see buildMargin.
func addLeaves(margin, values []float32, table []int32, init []float32) {
	k := len(init)
	for r := range len(margin) / k {
		row := margin[r*k : (r+1)*k]
		copy(row, init)
		for c, o := range table {
			row[o] += values[r*len(table)+c]
		}
	}
}
