package dense

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// gemmNode is Gemm (ai.onnx 7 to today): alpha·A'·B' + beta·C, where A' and B' are A and B or their transposes and C
// broadcasts one way to the result [m, n]. C is optional since version 11.
type gemmNode struct {
	k              *kernels
	transA, transB bool
	alpha, beta    float32
}

func (k *kernels) gemm(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("alpha", "beta", "transA", "transB"); err != nil {
		return nil, err
	}
	minIn := 3
	if s.Opset >= 11 {
		minIn = 2
	}
	if err := s.Arity(minIn, 3, 1); err != nil {
		return nil, err
	}
	n := s.Node
	return &gemmNode{k: k, transA: n.Int("transA", 0) != 0, transB: n.Int("transB", 0) != 0,
		alpha: n.Float("alpha", 1), beta: n.Float("beta", 1)}, nil
}

// Run implements engine.Kernel.
func (g *gemmNode) Run(c *engine.Call) error {
	a, b := c.In[0], c.In[1]
	if err := same(a, b); err != nil {
		return err
	}
	if a.Rank() != 2 || b.Rank() != 2 {
		return fmt.Errorf("wanted two matrices, found %v and %v", a, b)
	}
	m, k := a.Dim(0), a.Dim(1)
	if g.transA {
		m, k = k, m
	}
	n, kb := b.Dim(1), b.Dim(0)
	if g.transB {
		n, kb = kb, n
	}
	if k != kb {
		return fmt.Errorf("the inner dimensions of %v and %v (transA %v, transB %v) are %d and %d", a, b, g.transA, g.transB, k, kb)
	}
	var add *tensor.Tensor
	if c.Has(2) {
		add = c.In[2]
		if add.DType() != a.DType() || !broadcastsTo(add.Shape(), m, n) {
			return fmt.Errorf("C is %v, wanted %s that broadcasts to [%d, %d]", add, a.DType(), m, n)
		}
	}
	c.Out[0] = c.New(a.DType(), m, n)
	if a.DType() == tensor.F32 {
		runGemm(g, g.k.f32, c, tensor.Of[float32], add, m, n, k)
	} else {
		runGemm(g, g.k.f64, c, tensor.Of[float64], add, m, n, k)
	}
	return nil
}

func broadcastsTo(s tensor.Shape, m, n int) bool {
	if len(s) > 2 {
		return false
	}
	return (len(s) < 1 || s[len(s)-1] == n || s[len(s)-1] == 1) && (len(s) < 2 || s[0] == m || s[0] == 1)
}

func runGemm[T kernel.Float](g *gemmNode, d kernel.Dense[T], c *engine.Call, of func(*tensor.Tensor) []T, add *tensor.Tensor, m, n, k int) {
	out, a, b := of(c.Out[0]), of(c.In[0]), of(c.In[1])
	if g.transA {
		rows := of(c.New(c.In[0].DType(), m, k))
		for i := range m {
			for l := range k {
				rows[i*k+l] = a[l*m+i]
			}
		}
		a = rows
	}
	if g.transB {
		d.MulT(out, a, b, m, n, k)
	} else {
		d.Mul(out, a, b, m, n, k)
	}
	if alpha := T(g.alpha); alpha != 1 {
		for i := range out {
			out[i] *= alpha
		}
	}
	if add != nil {
		addScaled(out, of(add), add.Shape(), T(g.beta), m, n)
	}
}

// addScaled adds beta·C. The product is rounded before it is added, on every processor.
func addScaled[T kernel.Float](out, add []T, shape tensor.Shape, beta T, m, n int) {
	rowStep, colStep := 0, 0
	if len(shape) > 0 && shape[len(shape)-1] == n && n > 1 {
		colStep = 1
	}
	if len(shape) == 2 && shape[0] == m && m > 1 {
		rowStep = shape[1]
	}
	for i := range m {
		row := out[i*n : (i+1)*n]
		if colStep == 1 && beta == 1 {
			for j, v := range add[i*rowStep : i*rowStep+n] {
				row[j] += v
			}
			continue
		}
		for j := range row {
			scaled := T(beta * add[i*rowStep+j*colStep])
			row[j] += scaled
		}
	}
}
