package dense

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// gemmNode is Gemm (ai.onnx 1 to today) of numbers: alpha·A'·B' + beta·C, where A' and B' are A and B or their
// transposes and C broadcasts one way to the result [m, n]. C is optional since version 11. Integers are computed
// exactly and wrap around while alpha and beta are 1, else in float64 and truncated.
type gemmNode struct {
	k              *kernels
	transA, transB bool
	alpha, beta    float32
}

func (k *kernels) gemm(s *engine.Site) (engine.Kernel, error) {
	attrs, minIn := []string{"alpha", "beta", "transA", "transB"}, 3
	if s.Opset < 7 {
		attrs = append(attrs, "broadcast") // whether C may broadcast; where it does not, shapes are equal anyway
	}
	if s.Opset >= 11 {
		minIn = 2
	}
	if err := s.Only(attrs...); err != nil {
		return nil, err
	}
	if err := s.Arity(minIn, 3, 1); err != nil {
		return nil, err
	}
	n := s.Node
	return halfWeights{&gemmNode{k: k, transA: n.Int("transA", 0) != 0, transB: n.Int("transB", 0) != 0,
		alpha: n.Float("alpha", 1), beta: n.Float("beta", 1)}}, nil
}

// Run implements engine.Kernel.
func (g *gemmNode) Run(c *engine.Call) error {
	a, b := c.In[0], c.In[1]
	if a.Rank() != 2 || b.Rank() != 2 || !isHalf(a, b) && (a.DType() != b.DType() || g.k.by[a.DType()] == nil) {
		return fmt.Errorf("wanted two matrices of one type of number, found %v and %v", a, b)
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
	if g.transA {
		t, err := transposed(c, a)
		if err != nil {
			return err
		}
		a = t
	}
	switch {
	case isHalf(a, b):
		mul := g.k.half.Mul
		if g.transB {
			mul = g.k.half.MulT
		}
		out := tensor.Of[float32](c.Out[0])
		mul(out, tensor.Of[float32](a), tensor.Of[uint16](b), b.DType(), m, n, k)
		complete(g, out, tensor.Of[float32], add, m, n)
		return nil
	case a.DType() == tensor.F32:
		runGemm(g, g.k.f32, c, tensor.Of[float32], a, add, m, n, k)
		return nil
	case a.DType() == tensor.F64:
		runGemm(g, g.k.f64, c, tensor.Of[float64], a, add, m, n, k)
		return nil
	}
	return g.runWhole(c, a, add, m, n, k)
}

func transposed(c *engine.Call, x *tensor.Tensor) (*tensor.Tensor, error) {
	return strided.Copy(c, x, tensor.Shape{x.Dim(1), x.Dim(0)}, []int{1, x.Dim(1)}, 0)
}

func broadcastsTo(s tensor.Shape, m, n int) bool {
	if len(s) > 2 {
		return false
	}
	return (len(s) < 1 || s[len(s)-1] == n || s[len(s)-1] == 1) && (len(s) < 2 || s[0] == m || s[0] == 1)
}

func runGemm[T kernel.Float](g *gemmNode, d kernel.Dense[T], c *engine.Call, of func(*tensor.Tensor) []T, rows, add *tensor.Tensor, m, n, k int) {
	out, a, b := of(c.Out[0]), of(rows), of(c.In[1])
	if g.transB {
		d.MulT(out, a, b, m, n, k)
	} else {
		d.Mul(out, a, b, m, n, k)
	}
	complete(g, out, of, add, m, n)
}

// complete multiplies with alpha and adds beta·C.
func complete[T kernel.Float](g *gemmNode, out []T, of func(*tensor.Tensor) []T, add *tensor.Tensor, m, n int) {
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

// runWhole is Gemm of integers.
func (g *gemmNode) runWhole(c *engine.Call, a, add *tensor.Tensor, m, n, k int) (err error) {
	b := c.In[1]
	if g.transB {
		if b, err = transposed(c, b); err != nil {
			return err
		}
	}
	g.k.by[a.DType()](c.Out[0], a, b, 0, 0, 0, m, n, k)
	if add == nil && g.alpha == 1 {
		return nil
	}
	switch a.DType() {
	case tensor.I8:
		addWhole[int8](g, c.Out[0], add, n)
	case tensor.I16:
		addWhole[int16](g, c.Out[0], add, n)
	case tensor.I32:
		addWhole[int32](g, c.Out[0], add, n)
	case tensor.I64:
		addWhole[int64](g, c.Out[0], add, n)
	case tensor.U8:
		addWhole[uint8](g, c.Out[0], add, n)
	case tensor.U16:
		addWhole[uint16](g, c.Out[0], add, n)
	case tensor.U32:
		addWhole[uint32](g, c.Out[0], add, n)
	case tensor.U64:
		addWhole[uint64](g, c.Out[0], add, n)
	}
	return nil
}

func addWhole[T whole](g *gemmNode, out, add *tensor.Tensor, n int) {
	dst := tensor.Of[T](out)
	step := []int{0, 0}
	var terms []T
	if add != nil {
		terms, step = tensor.Of[T](add), strided.Stretched(add.Shape(), 2)
	}
	for i, v := range dst {
		var term T
		if add != nil {
			term = terms[i/n*step[0]+i%n*step[1]]
		}
		if g.alpha == 1 && g.beta == 1 {
			dst[i] = v + term
		} else {
			dst[i] = T(float64(float64(g.alpha)*float64(v)) + float64(float64(g.beta)*float64(term)))
		}
	}
}
