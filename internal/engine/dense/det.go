package dense

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// det is Det (ai.onnx 11 to today): the determinants of the square matrices that are the last two dimensions, by
// elimination with row pivots in float64.
func det(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() < 2 || x.Dim(x.Rank()-1) != x.Dim(x.Rank()-2) {
			return fmt.Errorf("input is %v, wanted square matrices", x)
		}
		c.Out[0] = c.New(x.DType(), x.Shape()[:x.Rank()-2]...)
		n := x.Dim(x.Rank() - 1)
		scratch := tensor.Of[float64](c.New(tensor.F64, n, n))
		switch x.DType() {
		case tensor.F32:
			determinants(tensor.Of[float32](c.Out[0]), tensor.Of[float32](x), scratch, n)
		case tensor.F64:
			determinants(tensor.Of[float64](c.Out[0]), tensor.Of[float64](x), scratch, n)
		default:
			return fmt.Errorf("input is %v, wanted F32 or F64", x)
		}
		return nil
	}), nil
}

func determinants[T float32 | float64](dst, x []T, a []float64, n int) {
	for i := range dst {
		for j, v := range x[i*n*n : (i+1)*n*n] {
			a[j] = float64(v)
		}
		dst[i] = T(eliminate(a, n))
	}
}

func eliminate(a []float64, n int) float64 {
	d := 1.0
	for p := range n {
		pivot := p
		for r := p + 1; r < n; r++ {
			if math.Abs(a[r*n+p]) > math.Abs(a[pivot*n+p]) {
				pivot = r
			}
		}
		if a[pivot*n+p] == 0 {
			return 0
		}
		if pivot != p {
			d = -d
			for k := p; k < n; k++ {
				a[p*n+k], a[pivot*n+k] = a[pivot*n+k], a[p*n+k]
			}
		}
		d *= a[p*n+p]
		for r := p + 1; r < n; r++ {
			f := a[r*n+p] / a[p*n+p]
			for k := p; k < n; k++ {
				a[r*n+k] -= float64(f * a[p*n+k])
			}
		}
	}
	return d
}
