// Package norm is the family of normalisations at inference: by stored moments (BatchNormalization), by those of a channel,
// a group of channels or the last axes (InstanceNormalization, GroupNormalization, LayerNormalization, RMSNormalization),
// and by neighbouring channels (LRN), in F32 and F64.
//
// Moments are summed in index order in float64, the mean first and then the squared distances from it; each result is
// rounded once. Halves are computed as F32. The package is called by internal/engine/native alone.
package norm

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	floats := []engine.Types{engine.Floats()}
	halves := []engine.Types{engine.Floats() | engine.TypesOf(tensor.F16, tensor.BF16)}
	one := func(since int64, build func(*engine.Site) (engine.Kernel, error)) []engine.Operator {
		return []engine.Operator{{Since: since, Build: build, In: floats, Half: true}}
	}
	return engine.Strict(engine.Table{
		{Op: "BatchNormalization"}:    one(1, batchNorm),
		{Op: "InstanceNormalization"}: one(1, instanceNorm),
		{Op: "GroupNormalization"}:    one(18, groupNorm),
		{Op: "LRN"}:                   one(1, localResponse),
		{Op: "LayerNormalization"}:    {{Since: 17, Build: layerNorm, In: halves}},
		{Op: "RMSNormalization"}:      {{Since: 23, Build: rmsNorm, In: halves}},
	})
}

type float interface{ ~float32 | ~float64 }

// onFloats calls the function of the tensor's dtype.
func onFloats(x *tensor.Tensor, f32, f64 func()) error {
	switch x.DType() {
	case tensor.F32:
		f32()
	case tensor.F64:
		f64()
	default:
		return fmt.Errorf("input is %v, covered are F32 and F64", x)
	}
	return nil
}

// vector widens a parameter, input i, which must have that many elements.
func vector(c *engine.Call, i, n int) ([]float64, error) {
	t := c.In[i]
	if t.Len() != n || !t.DType().Float() {
		return nil, fmt.Errorf("input %d is %v, wanted %d floats", i, t, n)
	}
	if t.DType() == tensor.F32 {
		return widened(c, t), nil
	}
	wide, err := tensor.Convert(t, tensor.F64)
	if err != nil {
		return nil, err
	}
	return tensor.Of[float64](wide), nil
}

// widened is a tensor of F32 in float64, in scratch space of the run.
func widened(c *engine.Call, t *tensor.Tensor) []float64 {
	out := tensor.Of[float64](c.New(tensor.F64, t.Len()))
	for i, v := range tensor.Of[float32](t)[:len(out)] {
		out[i] = float64(v)
	}
	return out
}

func product(s tensor.Shape) int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}
