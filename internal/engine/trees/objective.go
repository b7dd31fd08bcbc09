package trees

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Attributes of XGBoostObjective: the objective's name, which is for people, and the transform, which is what is done.
const (
	AttrObjective = "objective"
	AttrTransform = "transform"
)

// buildObjective compiles XGBoostObjective: input margin F32 [rows, K] or, for one output, [rows]; output prediction F32 in
// the shape of Booster.predict: [rows] for one output and for the transform argmax, [rows, K] otherwise.
func buildObjective(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(AttrObjective, AttrTransform); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	t := Transform(s.Node.Text(AttrTransform, ""))
	if !t.known() {
		return nil, s.Refuse("transform %q of objective %q is not known", t, s.Node.Text(AttrObjective, ""))
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		m := c.In[0]
		if m == nil || m.DType() != tensor.F32 || m.Rank() < 1 || m.Rank() > 2 || m.Rank() == 2 && m.Dim(1) < 1 {
			return &engine.InputError{Input: s.Node.Inputs[0], Want: "F32 with rows and at least one margin each", Found: fmt.Sprint(describe(m))}
		}
		rows, k := m.Dim(0), 1
		if m.Rank() == 2 {
			k = m.Dim(1)
		}
		shape := tensor.Shape{rows}
		if t.Columns(k) > 1 {
			shape = tensor.Shape{rows, k}
		}
		c.Out[0] = c.New(tensor.F32, shape...)
		t.apply(tensor.Of[float32](c.Out[0]), tensor.Of[float32](m), k)
		return nil
	}), nil
}
