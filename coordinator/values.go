package coordinator

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// checkValues holds the elements of an input against its declaration; t is given in the declared dtype.
//
//   - A finite number that the conversion made infinite is refused: the model would see what nobody sent.
//   - Where NaN means a missing value (Missing), infinities are refused: the model is a tree ensemble then, and XGBoost
//     refuses them too ("Input data contains `inf`").
//   - Elsewhere NaN and infinities pass, as the reference runtime takes them: to the model they are numbers like others.
func checkValues(decl *manifest.Input, given, t *tensor.Tensor, firstRow int64) error {
	infinity := firstInfinity(t)
	if infinity >= 0 && t != given {
		at, value, err := firstOverflow(given, t)
		if err != nil {
			return badInput(decl.Name, "%v", err)
		}
		if at >= 0 {
			return badInput(decl.Name, "%s is %v, too large for %v; send a number within its range", element(decl, t.Shape(), at, firstRow), value, decl.DType)
		}
	}
	if decl.Missing && infinity >= 0 {
		return badInput(decl.Name, "%s is infinite, which the model's own library refuses as well; send a finite number, or NaN for a missing value",
			element(decl, t.Shape(), infinity, firstRow))
	}
	return nil
}

// firstInfinity is the index of the first infinity, or -1.
func firstInfinity(t *tensor.Tensor) int {
	switch t.DType() {
	case tensor.F32:
		return findBits(tensor.Of[uint32](t), 0x7f80_0000, 1<<31-1)
	case tensor.F64:
		return findBits(tensor.Of[uint64](t), 0x7ff0_0000_0000_0000, 1<<63-1)
	case tensor.F16:
		return findBits(tensor.Of[uint16](t), 0x7c00, 1<<15-1)
	case tensor.BF16:
		return findBits(tensor.Of[uint16](t), 0x7f80, 1<<15-1)
	}
	return -1
}

// findBits looks for a magnitude of exactly infinity.
func findBits[T uint16 | uint32 | uint64](bits []T, infinity, magnitude T) int {
	for i, b := range bits {
		if b&magnitude == infinity {
			return i
		}
	}
	return -1
}

// firstOverflow is the index and value of the first finite element of given that is infinite in t, or -1.
func firstOverflow(given, t *tensor.Tensor) (int, float64, error) {
	from, err := tensor.Convert(given, tensor.F64)
	if err != nil {
		return -1, 0, err
	}
	to, err := tensor.Convert(t, tensor.F64)
	if err != nil {
		return -1, 0, err
	}
	values := tensor.Of[float64](from)
	for i, v := range tensor.Of[float64](to) {
		if math.IsInf(v, 0) && !math.IsInf(values[i], 0) {
			return i, values[i], nil
		}
	}
	return -1, 0, nil
}

// element names one element of an input, of a table by row, counted from firstRow, and column.
func element(decl *manifest.Input, shape tensor.Shape, flat int, firstRow int64) string {
	at := position(shape, flat)
	if len(at) != 2 || len(decl.Shape) != 2 || decl.Shape[0].Name != manifest.Batch {
		return fmt.Sprintf("element %v", at)
	}
	column := fmt.Sprint(at[1])
	if at[1] < len(decl.Features) {
		column += fmt.Sprintf(" %q", clip(decl.Features[at[1]].Name))
	}
	return fmt.Sprintf("row %d, column %s (from 0)", firstRow+int64(at[0]), column)
}

// position turns a flat index into one per dimension.
func position(shape tensor.Shape, flat int) []int {
	at := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		at[i] = flat % shape[i]
		flat /= shape[i]
	}
	return at
}
