package trees

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// buildLeaf compiles TreeLeaf: inputs nodes I32 [rows, trees] as TreeEnsemble gives them and leaf indices I32 [nodes of the
// ensemble]; output leaf I32 [rows, trees]. It is a node of its own so that the indices are read only when they are wanted.
//
//	leaf[r, t] = indices[nodes[r, t]]
func buildLeaf(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		nodes, ids := c.In[0], c.In[1]
		if nodes == nil || ids == nil || nodes.DType() != tensor.I32 || ids.DType() != tensor.I32 || ids.Rank() != 1 {
			return fmt.Errorf("node %s: wanted I32 nodes and I32 leaf indices, found %s and %s", s.Node.Name, describe(nodes), describe(ids))
		}
		table := tensor.Of[int32](ids)
		out := c.New(tensor.I32, nodes.Shape()...)
		dst := tensor.Of[int32](out)
		for i, n := range tensor.Of[int32](nodes) {
			if n < 0 || int(n) >= len(table) {
				return &forest.PackedError{Table: "leaf indices", Reason: fmt.Sprintf("node %d of %d", n, len(table))}
			}
			dst[i] = table[n]
		}
		c.Out[0] = out
		return nil
	}), nil
}
