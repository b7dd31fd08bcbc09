package index

import "github.com/shardwise/shardwise/internal/tensor"

type number interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// combined adds runs of updates to dst at the offsets, or multiplies, or keeps the greater or lesser.
type combined func(dst, updates *tensor.Tensor, at []int64, run int)

// combiner is the loop for a dtype, nil where there is none.
func combiner(d tensor.DType, how string) combined {
	switch d {
	case tensor.F32:
		return combine[float32](how)
	case tensor.F64:
		return combine[float64](how)
	case tensor.I8:
		return combine[int8](how)
	case tensor.I16:
		return combine[int16](how)
	case tensor.I32:
		return combine[int32](how)
	case tensor.I64:
		return combine[int64](how)
	case tensor.U8:
		return combine[uint8](how)
	case tensor.U16:
		return combine[uint16](how)
	case tensor.U32:
		return combine[uint32](how)
	case tensor.U64:
		return combine[uint64](how)
	case tensor.F16:
		return combineHalf(how, tensor.F16ToF32, tensor.F32ToF16)
	case tensor.BF16:
		return combineHalf(how, tensor.BF16ToF32, tensor.F32ToBF16)
	}
	return nil
}

func combine[T number](how string) combined {
	return func(dst, updates *tensor.Tensor, at []int64, run int) {
		d, u := tensor.Of[T](dst), tensor.Of[T](updates)
		for i, to := range at {
			merge(how, d[int(to):int(to)+run], u[i*run:(i+1)*run])
		}
	}
}

func merge[T number](how string, d, u []T) {
	u = u[:len(d)]
	switch how {
	case "add":
		for i := range d {
			d[i] += u[i]
		}
	case "mul":
		for i := range d {
			d[i] *= u[i]
		}
	case "max":
		for i := range d {
			d[i] = max(d[i], u[i])
		}
	case "min":
		for i := range d {
			d[i] = min(d[i], u[i])
		}
	}
}

// combineHalf computes each step in float32 and rounds it.
func combineHalf(how string, widen func(uint16) float32, narrow func(float32) uint16) combined {
	return func(dst, updates *tensor.Tensor, at []int64, run int) {
		d, u := tensor.Of[uint16](dst), tensor.Of[uint16](updates)
		for i, to := range at {
			for k := range run {
				a, b := []float32{widen(d[int(to)+k])}, []float32{widen(u[i*run+k])}
				merge(how, a, b)
				d[int(to)+k] = narrow(a[0])
			}
		}
	}
}
