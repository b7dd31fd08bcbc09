package native

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// body implements engine.Body.
type body struct {
	schedule *schedule
	outer    []int // where the values from around stand in Call.Outer
}

// Inputs implements engine.Body.
func (b *body) Inputs() []graph.Value { return b.schedule.block.declared.Inputs }

// Outputs implements engine.Body.
func (b *body) Outputs() []graph.Value { return b.schedule.block.declared.Outputs }

// Run implements engine.Body.
func (b *body) Run(c *engine.Call, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	declared := b.Inputs()
	if len(in) != len(declared) {
		return nil, fmt.Errorf("the body has %d inputs, found %d", len(declared), len(in))
	}
	for i, t := range in {
		if d := declared[i].DType; t == nil || d != tensor.Invalid && t.DType() != d {
			return nil, fmt.Errorf("input %s of the body is %v, wanted %s", declared[i].Name, t, d)
		}
	}
	f := b.schedule.take(in, c.Outer, b.outer)
	defer f.release()
	if err := f.run(c.Ctx); err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(b.schedule.outputs))
	for i := range out {
		out[i] = f.output(i, false)
	}
	f.keep()
	return out, nil
}
