package control

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// scan is Scan (ai.onnx 9 to today). Inputs: the first states, then num_scan_inputs tensors that are cut along
// scan_input_axes (default 0), from the end where scan_input_directions is 1. The body maps states and slices to states
// and values:
//
//	for i in 0..length-1: states, value[i] = body(states, slice[i])
//
// Outputs: the last states, then the values along the new dimensions scan_output_axes (default 0), the last first where
// scan_output_directions is 1.
type scan struct {
	body            engine.Body
	states, slices  int
	inAxes, outAxes []int64
	inBack, outBack []bool
}

func newScan(s *engine.Site, inputs int, axes, directions [2]string) (*scan, error) {
	body, err := s.Subgraph("body")
	if err != nil {
		return nil, err
	}
	n := s.Node.Int("num_scan_inputs", 0)
	if n < 1 || n > int64(inputs) {
		return nil, s.Refuse("num_scan_inputs is %d, wanted 1 to the %d inputs", n, inputs)
	}
	k := &scan{body: body, states: inputs - int(n), slices: int(n)}
	in, out := len(body.Inputs()), len(body.Outputs())
	if in != inputs || out < k.states || out < len(s.Node.Outputs) {
		return nil, s.Refuse("the body has %d inputs and %d outputs for %d states, %d scanned inputs and %d outputs of the node", in, out, k.states, n, len(s.Node.Outputs))
	}
	for i, count := range [2]int{k.slices, out - k.states} {
		axis, back := make([]int64, count), make([]bool, count)
		if list := s.Node.Attrs[axes[i]].Ints; len(list) > 0 {
			if len(list) != count {
				return nil, s.Refuse("%s has %d entries, wanted %d", axes[i], len(list), count)
			}
			copy(axis, list)
		}
		if list := s.Node.Attrs[directions[i]].Ints; len(list) > 0 {
			if len(list) != count {
				return nil, s.Refuse("%s has %d entries, wanted %d", directions[i], len(list), count)
			}
			for j, v := range list {
				if v != 0 && v != 1 {
					return nil, s.Refuse("%s has %d, wanted 0 or 1", directions[i], v)
				}
				back[j] = v == 1
			}
		}
		if i == 0 {
			k.inAxes, k.inBack = axis, back
		} else {
			k.outAxes, k.outBack = axis, back
		}
	}
	return k, nil
}

func buildScan(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("body", "num_scan_inputs", "scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, len(s.Node.Inputs), len(s.Node.Outputs)); err != nil {
		return nil, err
	}
	return newScan(s, len(s.Node.Inputs), [2]string{"scan_input_axes", "scan_output_axes"}, [2]string{"scan_input_directions", "scan_output_directions"})
}

// Run implements engine.Kernel.
func (k *scan) Run(c *engine.Call) error {
	states, values, err := k.run(c, c.In)
	if err != nil {
		return err
	}
	copy(c.Out, states)
	for i := range values {
		at := k.states + i
		if at >= len(c.Out) || !c.Want[at] {
			continue
		}
		if c.Out[at], err = values[i].join(c, k.outAxes[i], k.outBack[i], k.body.Outputs()[at]); err != nil {
			return fmt.Errorf("scan output %d: %w", i, err)
		}
	}
	return nil
}

// run scans the whole length.
func (k *scan) run(c *engine.Call, in []*tensor.Tensor) ([]*tensor.Tensor, []stack, error) {
	length, axes, err := k.length(in)
	if err != nil {
		return nil, nil, err
	}
	now, values := append([]*tensor.Tensor(nil), in...), make([]stack, len(k.outAxes))
	for i := range length {
		if err := c.Ctx.Err(); err != nil {
			return nil, nil, err
		}
		for j, axis := range axes {
			at := i
			if k.inBack[j] {
				at = length - 1 - i
			}
			if now[k.states+j], err = cut(in[k.states+j], axis, at); err != nil {
				return nil, nil, fmt.Errorf("scanned input %d: %w", j, err)
			}
		}
		out, err := k.body.Run(c, now)
		if err != nil {
			return nil, nil, fmt.Errorf("iteration %d: %w", i, err)
		}
		copy(now[:k.states], out)
		for j := range values {
			if err := values[j].add(out[k.states+j]); err != nil {
				return nil, nil, fmt.Errorf("iteration %d: scan output %d: %w", i, j, err)
			}
		}
	}
	return now[:k.states], values, nil
}

// length is the one length of all scanned inputs along their axes.
func (k *scan) length(in []*tensor.Tensor) (int, []int, error) {
	length, axes := -1, make([]int, k.slices)
	for i, t := range in {
		if t == nil {
			return 0, nil, fmt.Errorf("input %d is missing", i)
		}
		if i < k.states {
			continue
		}
		axis, ok := engine.Axis(k.inAxes[i-k.states], t.Rank())
		if !ok {
			return 0, nil, fmt.Errorf("axis %d does not lie in scanned input %v", k.inAxes[i-k.states], t)
		}
		if length >= 0 && t.Dim(axis) != length {
			return 0, nil, fmt.Errorf("scanned input %d is %v, of length %d where another has %d", i-k.states, t, t.Dim(axis), length)
		}
		length, axes[i-k.states] = t.Dim(axis), axis
	}
	return length, axes, nil
}
