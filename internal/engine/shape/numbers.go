package shape

import (
	"fmt"
	"math"
	"strconv"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

type float interface{ ~float32 | ~float64 }

type whole interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

type number interface{ float | whole }

// convertNumbers converts between F32, F64, integers and booleans.
func convertNumbers(c *engine.Call, x *tensor.Tensor, to tensor.DType) (*tensor.Tensor, error) {
	out := c.New(to, x.Shape()...)
	var err error
	switch x.DType() {
	case tensor.F32:
		err = fromFloat(out, tensor.Of[float32](x))
	case tensor.F64:
		err = fromFloat(out, tensor.Of[float64](x))
	case tensor.I8:
		err = fromWhole(out, tensor.Of[int8](x))
	case tensor.I16:
		err = fromWhole(out, tensor.Of[int16](x))
	case tensor.I32:
		err = fromWhole(out, tensor.Of[int32](x))
	case tensor.I64:
		err = fromWhole(out, tensor.Of[int64](x))
	case tensor.U8, tensor.Bool:
		err = fromWhole(out, tensor.Of[uint8](x))
	case tensor.U16:
		err = fromWhole(out, tensor.Of[uint16](x))
	case tensor.U32:
		err = fromWhole(out, tensor.Of[uint32](x))
	case tensor.U64:
		err = fromWhole(out, tensor.Of[uint64](x))
	default:
		err = fmt.Errorf("casting %v to %s is not covered", x, to)
	}
	return out, err
}

func fromFloat[S float](out *tensor.Tensor, x []S) error {
	switch out.DType() {
	case tensor.F32:
		same(tensor.Of[float32](out), x)
	case tensor.F64:
		same(tensor.Of[float64](out), x)
	case tensor.I8:
		return truncate(tensor.Of[int8](out), x, math.MinInt8, math.MaxInt8+1)
	case tensor.I16:
		return truncate(tensor.Of[int16](out), x, math.MinInt16, math.MaxInt16+1)
	case tensor.I32:
		return truncate(tensor.Of[int32](out), x, math.MinInt32, math.MaxInt32+1)
	case tensor.I64:
		return truncate(tensor.Of[int64](out), x, math.MinInt64, 1<<63)
	case tensor.U8:
		return truncate(tensor.Of[uint8](out), x, 0, math.MaxUint8+1)
	case tensor.U16:
		return truncate(tensor.Of[uint16](out), x, 0, math.MaxUint16+1)
	case tensor.U32:
		return truncate(tensor.Of[uint32](out), x, 0, math.MaxUint32+1)
	case tensor.U64:
		return truncate(tensor.Of[uint64](out), x, 0, 1<<64)
	case tensor.Bool:
		truth(tensor.Of[bool](out), x)
	}
	return nil
}

func fromWhole[S whole](out *tensor.Tensor, x []S) error {
	switch out.DType() {
	case tensor.F32:
		same(tensor.Of[float32](out), x)
	case tensor.F64:
		same(tensor.Of[float64](out), x)
	case tensor.I8:
		same(tensor.Of[int8](out), x)
	case tensor.I16:
		same(tensor.Of[int16](out), x)
	case tensor.I32:
		same(tensor.Of[int32](out), x)
	case tensor.I64:
		same(tensor.Of[int64](out), x)
	case tensor.U8:
		same(tensor.Of[uint8](out), x)
	case tensor.U16:
		same(tensor.Of[uint16](out), x)
	case tensor.U32:
		same(tensor.Of[uint32](out), x)
	case tensor.U64:
		same(tensor.Of[uint64](out), x)
	case tensor.Bool:
		truth(tensor.Of[bool](out), x)
	}
	return nil
}

// same converts as Go does: to the nearest float, or to the low bits of an integer.
func same[D, S number](dst []D, x []S) {
	for i, v := range x[:len(dst)] {
		dst[i] = D(v)
	}
}

func truth[S number](dst []bool, x []S) {
	for i, v := range x[:len(dst)] {
		dst[i] = v != 0
	}
}

// truncate converts floats whose whole part lies in [lo, hi).
func truncate[D whole, S float](dst []D, x []S, lo, hi float64) error {
	for i, v := range x[:len(dst)] {
		w := math.Trunc(float64(v))
		if !(w >= lo && w < hi) {
			return fmt.Errorf("element %d is %v, which has no whole part between %v and %v", i, v, lo, hi)
		}
		dst[i] = D(w)
	}
	return nil
}

// formatAll writes numbers and booleans (as 1 and 0) as strings.
func formatAll(x *tensor.Tensor) (*tensor.Tensor, error) {
	out := make([]string, 0, x.Len())
	switch x.DType() {
	case tensor.F32:
		for _, v := range tensor.Of[float32](x) {
			out = append(out, formatFloat(float64(v), 32))
		}
	case tensor.F64:
		for _, v := range tensor.Of[float64](x) {
			out = append(out, formatFloat(v, 64))
		}
	case tensor.U64:
		for _, v := range tensor.Of[uint64](x) {
			out = append(out, strconv.FormatUint(v, 10))
		}
	default:
		wide, err := tensor.Convert(x, tensor.I64)
		if err != nil {
			return nil, err
		}
		for _, v := range tensor.Of[int64](wide) {
			out = append(out, strconv.FormatInt(v, 10))
		}
	}
	return tensor.FromStrings(x.Shape(), out)
}

func formatFloat(v float64, bits int) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "INF"
	case math.IsInf(v, -1):
		return "-INF"
	case v == 0 || a >= 1e-4 && a < 1e16:
		return strconv.FormatFloat(v, 'f', -1, bits)
	}
	return strconv.FormatFloat(v, 'e', -1, bits)
}

// parseAll reads strings as numbers, or as booleans, which are numbers other than 0.
func parseAll(c *engine.Call, x *tensor.Tensor, to tensor.DType) (*tensor.Tensor, error) {
	switch to {
	case tensor.I64, tensor.U64:
		// These hold integers that no float64 does.
		out := c.New(to, x.Shape()...)
		for i := range x.Len() {
			var err error
			if to == tensor.I64 {
				tensor.Of[int64](out)[i], err = strconv.ParseInt(x.StringAt(i), 10, 64)
			} else {
				tensor.Of[uint64](out)[i], err = strconv.ParseUint(x.StringAt(i), 10, 64)
			}
			if err != nil {
				return nil, fmt.Errorf("element %d, cast to %s: %w", i, to, err)
			}
		}
		return out, nil
	}
	bits := 64
	if to == tensor.F32 {
		bits = 32 // read as a float64 first, it would be rounded twice
	}
	wide := c.New(tensor.F64, x.Shape()...)
	for i := range x.Len() {
		v, err := strconv.ParseFloat(x.StringAt(i), bits)
		if err != nil && !math.IsInf(v, 0) {
			return nil, fmt.Errorf("element %d, cast to %s: %w", i, to, err)
		}
		tensor.Of[float64](wide)[i] = v
	}
	return convert(c, wide, to)
}
