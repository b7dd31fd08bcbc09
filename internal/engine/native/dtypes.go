package native

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// takes lists by input position what the operator runs.
func takes(op *engine.Operator, inputs int) []engine.Types {
	list := make([]engine.Types, inputs)
	for i := range list {
		list[i] = op.Takes(i)
	}
	return list
}

// refuseDTypes refuses a node that could never run, as far as the dtypes of its inputs are known.
func refuseDTypes(n *graph.Node, op *engine.Operator, known func(name string) tensor.DType) error {
	refuse := func(d tensor.DType, format string, args ...any) error {
		return &engine.UnsupportedError{Node: n.Name, Domain: n.Domain, Op: n.Op, Reason: fmt.Sprintf(format, args...), DType: d}
	}
	half, from := tensor.Invalid, 0
	for i, name := range n.Inputs {
		d := tensor.Invalid
		if name != "" {
			d = known(name)
		}
		if d == tensor.Invalid {
			continue
		}
		if want := op.Takes(i); !want.Has(d) {
			return refuse(d, "its input %d (%s) is %s, wanted %s", i, name, d, want)
		}
		if !op.Half || d != tensor.F16 && d != tensor.BF16 {
			continue
		}
		if half != tensor.Invalid && half != d {
			return refuse(d, "its inputs %d (%s) and %d (%s) are %s and %s, wanted one half type", from, n.Inputs[from], i, name, half, d)
		}
		half, from = d, i
	}
	return nil
}

// checkDTypes is the same check of a run, where every dtype is known.
func checkDTypes(n *graph.Node, want []engine.Types, in []*tensor.Tensor) error {
	for i, types := range want {
		t := in[i]
		if t == nil || types.Has(t.DType()) {
			continue
		}
		if _, sequence := t.Items(); sequence && !types.HasSequences() {
			return fmt.Errorf("input %d (%s) is a sequence, which the operator does not take", i, n.Inputs[i])
		} else if !sequence {
			return fmt.Errorf("input %d (%s) is %v, wanted %s", i, n.Inputs[i], t, types)
		}
	}
	return nil
}
