// Package recurrent is the family of recurrent layers: RNN, GRU and LSTM of ai.onnx, in F32 and F64.
//
// The inputs of all steps are multiplied with their weights at once, the state once a step, through internal/kernel: a
// sequence's bits depend on nothing but itself and the weights. The package is called by internal/engine/native alone.
package recurrent

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// kernels are the multipliers of one table, shared by all its nodes.
type kernels struct {
	f32 kernel.Dense[float32]
	f64 kernel.Dense[float64]
}

// Table is the family's operators, on gonum's kernels.
func Table() engine.Table {
	k := &kernels{f32: &kernel.Blocked[float32]{}, f64: &kernel.Blocked[float64]{}}
	f := engine.Floats()
	in := []engine.Types{f, f, f, f, engine.TypesOf(tensor.I32), f}
	one := func(build func(*engine.Site) (engine.Kernel, error)) []engine.Operator {
		return []engine.Operator{{Since: 1, Build: build, In: in, Half: true}}
	}
	return engine.Strict(engine.Table{{Op: "RNN"}: one(k.rnn), {Op: "GRU"}: one(k.gru), {Op: "LSTM"}: one(k.lstm)})
}
