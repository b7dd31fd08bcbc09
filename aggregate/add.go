package aggregate

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"

	"github.com/shardwise/shardwise/internal/tensor"
)

// accumulator lists the types that sums are computed in.
type accumulator interface{ float32 | float64 | int64 }

// addSlices adds src to dst, element by element: for i { dst[i] += src[i] }. It reports whether every sum fits; only
// int64 sums can fail.
func addSlices[A accumulator](dst, src []A) bool {
	switch d := any(dst).(type) {
	case []float64:
		floats.Add(d, any(src).([]float64))
	case []float32:
		// gonum has no float32 Add. Axpy with factor 1 is one: 1*x is exact, so that it is the same fused or not.
		s := any(src).([]float32)
		blas32.Axpy(1, blas32.Vector{N: len(s), Inc: 1, Data: s}, blas32.Vector{N: len(d), Inc: 1, Data: d})
	case []int64:
		return addInts(d, any(src).([]int64))
	}
	return true
}

// addWide adds float32 numbers to float64 sums: for i { dst[i] += float64(src[i]) }. Fixed-size arrays spare the
// bounds checks, which take half of the time.
func addWide(dst []float64, src []float32) {
	src = src[:len(dst)]
	for len(dst) >= 8 {
		d, s := (*[8]float64)(dst), (*[8]float32)(src)
		d[0] += float64(s[0])
		d[1] += float64(s[1])
		d[2] += float64(s[2])
		d[3] += float64(s[3])
		d[4] += float64(s[4])
		d[5] += float64(s[5])
		d[6] += float64(s[6])
		d[7] += float64(s[7])
		dst, src = dst[8:], src[8:]
	}
	for i, v := range src {
		dst[i] += float64(v)
	}
}

func addInts(dst, src []int64) bool {
	ok := true
	for i, v := range src {
		sum := dst[i] + v
		ok = ok && (sum > dst[i]) == (v > 0)
		dst[i] = sum
	}
	return ok
}

// addTensor adds t, whose dtype A holds, to dst.
func addTensor[A accumulator](dst []A, t *tensor.Tensor) error {
	if wide, ok := any(dst).([]float64); ok && t.DType() == tensor.F32 {
		addWide(wide, tensor.Of[float32](t))
		return nil
	}
	same, err := as(t, dtypeOf[A]())
	if err != nil {
		return err
	}
	if !addSlices(dst, tensor.Of[A](same)) {
		return fmt.Errorf("an int64 sum overflows")
	}
	return nil
}

func dtypeOf[A accumulator]() tensor.DType {
	var zero A
	switch any(zero).(type) {
	case float32:
		return tensor.F32
	case float64:
		return tensor.F64
	}
	return tensor.I64
}
