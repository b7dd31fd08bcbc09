package engine

import (
	"fmt"
	"runtime/debug"

	"github.com/shardwise/shardwise/internal/tensor"
)

// largestFunction is the memory of the largest Lambda function, 10,240 MB: no tensor of a run can be larger.
const largestFunction = 10240 << 20

// smallTensor is the size below which a tensor's bytes are not compared with the process's limit.
const smallTensor = 16 << 20

// SizeError says that an operator wanted a tensor that memory cannot hold, alone or beside those in use. Nothing was allocated for it.
type SizeError struct {
	DType tensor.DType
	Shape tensor.Shape
	Bytes float64 // may exceed what an integer counts
	Held  int64   // bytes of other tensors that the run uses at that moment, where they count, too
	Limit int64   // bytes
}

// Error names the shape, its bytes, what else is in use and the limit.
func (e *SizeError) Error() string {
	if e.Held > 0 {
		return fmt.Sprintf("wanted a tensor %s%v of %.0f bytes beside %d bytes of others in use, and at most %d bytes fit this function's memory: send fewer rows at once, or use a function with more memory",
			e.DType, e.Shape, e.Bytes, e.Held, e.Limit)
	}
	return fmt.Sprintf("wanted a tensor %s%v of %.0f bytes, and at most %d bytes fit this function's memory: check the values that shapes are made of, or use a function with more memory",
		e.DType, e.Shape, e.Bytes, e.Limit)
}

// CheckSize is a *SizeError when a tensor of this shape cannot be held: more bytes than the process's memory limit
// (GOMEMLIMIT, which a shard derives from its function's memory), or than the largest function has. A string counts as
// the header that the runtime keeps of it. Sizes must not be negative.
func CheckSize(d tensor.DType, shape tensor.Shape) error {
	each := d.Size()
	if d == tensor.String {
		each = 16
	}
	bytes := float64(each)
	for _, n := range shape {
		bytes *= float64(n)
	}
	if bytes <= smallTensor {
		return nil
	}
	if limit := min(int64(largestFunction), debug.SetMemoryLimit(-1)); bytes > float64(limit) {
		return &SizeError{DType: d, Shape: shape.Clone(), Bytes: bytes, Limit: limit}
	}
	return nil
}

// mustFit panics with the *SizeError of a tensor that cannot be held; Guard makes an error of it.
func mustFit(d tensor.DType, shape tensor.Shape) {
	if err := CheckSize(d, shape); err != nil {
		panic(err)
	}
}

// Guard runs the kernel. A *SizeError with which Call.New stopped it is returned; every other panic goes on.
func Guard(k Kernel, c *Call) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *SizeError:
			err = p
		default:
			panic(p)
		}
	}()
	return k.Run(c)
}
