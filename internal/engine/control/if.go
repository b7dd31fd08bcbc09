package control

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// buildIf is If (ai.onnx 1 to today): the outputs of then_branch where the condition, one boolean, is true, else those
// of else_branch. The branches have no inputs.
func buildIf(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("then_branch", "else_branch"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, len(s.Node.Outputs)); err != nil {
		return nil, err
	}
	var branches [2]engine.Body
	for i, attr := range []string{"else_branch", "then_branch"} {
		b, err := s.Subgraph(attr)
		if err != nil {
			return nil, err
		}
		if len(b.Inputs()) != 0 || len(b.Outputs()) < len(s.Node.Outputs) {
			return nil, s.Refuse("%s has %d inputs and %d outputs, wanted none and %d", attr, len(b.Inputs()), len(b.Outputs()), len(s.Node.Outputs))
		}
		branches[i] = b
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		cond, err := truth(c.In[0])
		if err != nil {
			return fmt.Errorf("condition %w", err)
		}
		branch := branches[0]
		if cond {
			branch = branches[1]
		}
		out, err := branch.Run(c, nil)
		copy(c.Out, out)
		return err
	}), nil
}

// truth reads one boolean.
func truth(t *tensor.Tensor) (bool, error) {
	if t.DType() != tensor.Bool || t.Len() != 1 {
		return false, fmt.Errorf("is %v, wanted one boolean", t)
	}
	return t.Bytes()[0] != 0, nil
}
