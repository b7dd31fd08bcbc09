package classic

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// floats reads a F32 or F64 or integer matrix or vector as float64, as rows x columns.
func floats(x *tensor.Tensor) ([]float64, int, error) {
	if x.Rank() < 1 || x.Rank() > 2 {
		return nil, 0, fmt.Errorf("input is %v, wanted [columns] or [rows, columns]", x)
	}
	wide, err := tensor.Convert(x, tensor.F64)
	if err != nil {
		return nil, 0, err
	}
	return tensor.Of[float64](wide), x.Dim(x.Rank() - 1), nil
}

// rowwise makes a kernel whose F32 output has the input's shape and is computed row by row.
func rowwise(f func(dst []float32, row []float64) error) engine.Kernel {
	return engine.KernelFunc(func(c *engine.Call) error {
		x, columns, err := floats(c.In[0])
		if err != nil {
			return err
		}
		c.Out[0] = c.New(tensor.F32, c.In[0].Shape()...)
		dst := tensor.Of[float32](c.Out[0])
		for at := 0; at < len(x); at += columns {
			if err := f(dst[at:at+columns], x[at:at+columns]); err != nil {
				return err
			}
		}
		return nil
	})
}

// normalizer is Normalizer (ai.onnx.ml 1 to today): each row over its MAX, L1 or L2 norm, and unchanged where that is
// 0, as ONNX Runtime does it. MAX is the largest element, not the largest magnitude.
func normalizer(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("norm"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	var norm func(row []float64) float64
	switch kind := s.Node.Text("norm", "MAX"); kind {
	case "MAX":
		norm = func(row []float64) float64 {
			top := math.Inf(-1)
			for _, v := range row {
				top = max(top, v)
			}
			return top
		}
	case "L1":
		norm = func(row []float64) (total float64) {
			for _, v := range row {
				total += math.Abs(v)
			}
			return total
		}
	case "L2":
		norm = func(row []float64) (total float64) {
			for _, v := range row {
				total += float64(v * v)
			}
			return math.Sqrt(total)
		}
	default:
		return nil, s.Refuse("norm is %q, wanted MAX, L1 or L2", kind)
	}
	return rowwise(func(dst []float32, row []float64) error {
		n := norm(row)
		if n == 0 {
			n = 1
		}
		for i, v := range row {
			dst[i] = float32(v / n)
		}
		return nil
	}), nil
}

// scaler is Scaler (ai.onnx.ml 1 to today): (x - offset) · scale, with one value or one a column.
func scaler(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("offset", "scale"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	offset, scale := s.Node.Attrs["offset"].Floats, s.Node.Attrs["scale"].Floats
	if len(offset) == 0 || len(scale) == 0 {
		return nil, s.Refuse("offset or scale is missing")
	}
	return rowwise(func(dst []float32, row []float64) error {
		if len(offset) != 1 && len(offset) != len(row) || len(scale) != 1 && len(scale) != len(row) {
			return fmt.Errorf("%d offsets and %d scales for %d columns", len(offset), len(scale), len(row))
		}
		for i, v := range row {
			centred := float32(v) - offset[min(i, len(offset)-1)]
			dst[i] = centred * scale[min(i, len(scale)-1)]
		}
		return nil
	}), nil
}

// binarizer is Binarizer (ai.onnx.ml 1 to today): 1 where x exceeds the threshold, else 0.
func binarizer(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("threshold"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	threshold := float64(s.Node.Float("threshold", 0))
	return engine.KernelFunc(func(c *engine.Call) error {
		wide, err := tensor.Convert(c.In[0], tensor.F64)
		if err != nil {
			return err
		}
		c.Out[0] = c.New(tensor.F32, c.In[0].Shape()...)
		dst := tensor.Of[float32](c.Out[0])
		for i, v := range tensor.Of[float64](wide) {
			dst[i] = 0
			if v > threshold {
				dst[i] = 1
			}
		}
		return nil
	}), nil
}

// imputer is Imputer (ai.onnx.ml 1 to today): what equals the replaced value becomes the imputed value, one for all columns
// or one for each; NaN equals NaN here. The attributes of floats serve F32 and F64, those of integers I64 and I32.
func imputer(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("imputed_value_floats", "imputed_value_int64s", "replaced_value_float", "replaced_value_int64"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	floats, ints := s.Node.Attrs["imputed_value_floats"].Floats, s.Node.Attrs["imputed_value_int64s"].Ints
	if (len(floats) == 0) == (len(ints) == 0) {
		return nil, s.Refuse("%d imputed floats and %d imputed integers, wanted one kind", len(floats), len(ints))
	}
	replaced, whole := s.Node.Float("replaced_value_float", 0), s.Node.Int("replaced_value_int64", 0)
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() < 1 || x.DType().Float() != (len(floats) > 0) {
			return fmt.Errorf("input is %v, wanted dimensions and elements of the kind of the imputed values", x)
		}
		c.Out[0] = c.New(x.DType(), x.Shape()...)
		columns := x.Dim(x.Rank() - 1)
		switch x.DType() {
		case tensor.F32:
			return impute(tensor.Of[float32](c.Out[0]), tensor.Of[float32](x), columns, replaced, floats)
		case tensor.F64:
			return impute(tensor.Of[float64](c.Out[0]), tensor.Of[float64](x), columns, replaced, floats)
		case tensor.I32:
			return impute(tensor.Of[int32](c.Out[0]), tensor.Of[int32](x), columns, whole, ints)
		}
		return impute(tensor.Of[int64](c.Out[0]), tensor.Of[int64](x), columns, whole, ints)
	}), nil
}

func impute[T, V float32 | float64 | int32 | int64](dst, x []T, columns int, replaced V, imputed []V) error {
	if len(imputed) != 1 && len(imputed) != columns {
		return fmt.Errorf("%d imputed values for %d columns", len(imputed), columns)
	}
	for i, v := range x {
		dst[i] = v
		if v == T(replaced) || v != v && replaced != replaced {
			dst[i] = T(imputed[i%columns%len(imputed)])
		}
	}
	return nil
}
