package attention

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// rotor is RotaryEmbedding (ai.onnx 23 to today): pairs of each head's first rotary_embedding_dim elements (all unless
// given) are rotated by the angle of their step,
//
//	(a, b) -> (cos·a - sin·b, sin·a + cos·b)
//
// where a pair are neighbours (interleaved) or one of each half. X is [batch, heads, steps, size], or [batch, steps,
// heads·size] with num_heads; the caches are [positions, dim/2] with position_ids [batch, steps], else [batch, steps, dim/2].
type rotor struct {
	interleaved bool
	dim, heads  int
}

func rotary(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("interleaved", "num_heads", "rotary_embedding_dim"); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 4, 1); err != nil {
		return nil, err
	}
	r := &rotor{interleaved: s.Node.Int("interleaved", 0) != 0, dim: int(s.Node.Int("rotary_embedding_dim", 0)), heads: int(s.Node.Int("num_heads", 0))}
	if r.dim < 0 || r.dim%2 != 0 || r.heads < 0 {
		return nil, s.Refuse("rotary_embedding_dim %d or num_heads %d is out of range", r.dim, r.heads)
	}
	return r, nil
}

// Run implements engine.Kernel.
func (r *rotor) Run(c *engine.Call) error {
	x, dim := c.In[0], r.dim
	var heads, steps, size int
	switch {
	case x.Rank() == 4:
		heads, steps, size = x.Dim(1), x.Dim(2), x.Dim(3)
	case x.Rank() == 3 && r.heads > 0 && x.Dim(2)%r.heads == 0:
		heads, steps, size = r.heads, x.Dim(1), x.Dim(2)/r.heads
	default:
		return fmt.Errorf("input is %v, wanted [batch, heads, steps, size] or [batch, steps, %d·size]", x, r.heads)
	}
	if dim == 0 {
		dim = size
	}
	if dim > size || dim%2 != 0 {
		return fmt.Errorf("rotary dimension %d does not suit heads of %d elements", dim, size)
	}
	rows, err := r.rows(c, x.Dim(0), steps, dim/2)
	if err != nil {
		return err
	}
	c.Out[0] = c.New(x.DType(), x.Shape()...)
	switch x.DType() {
	case tensor.F32:
		rotate(r, c, rows, [3]int{heads, steps, size}, dim, tensor.Of[float32])
	case tensor.F64:
		rotate(r, c, rows, [3]int{heads, steps, size}, dim, tensor.Of[float64])
	default:
		return fmt.Errorf("input is %v, covered are F32 and F64", x)
	}
	return nil
}

// rows are the rows of the caches, by batch and step.
func (r *rotor) rows(c *engine.Call, batch, steps, half int) ([]int64, error) {
	cos, sin := c.In[1], c.In[2]
	if cos.DType() != c.In[0].DType() || sin.DType() != cos.DType() || !sin.Shape().Equal(cos.Shape()) {
		return nil, fmt.Errorf("the caches are %v and %v, wanted the input's type and one shape", cos, sin)
	}
	if !c.Has(3) {
		if !cos.Shape().Equal(tensor.Shape{batch, steps, half}) {
			return nil, fmt.Errorf("the caches are %v, wanted [%d, %d, %d]", cos, batch, steps, half)
		}
		rows := make([]int64, batch*steps)
		for i := range rows {
			rows[i] = int64(i)
		}
		return rows, nil
	}
	if cos.Rank() != 2 || cos.Dim(1) != half || c.In[3].DType() != tensor.I64 || !c.In[3].Shape().Equal(tensor.Shape{batch, steps}) {
		return nil, fmt.Errorf("the caches are %v and position_ids %v, wanted [positions, %d] and I64[%d, %d]", cos, c.In[3], half, batch, steps)
	}
	rows := tensor.Of[int64](c.In[3])
	for _, p := range rows {
		if p < 0 || p >= int64(cos.Dim(0)) {
			return nil, fmt.Errorf("position %d is outside the caches %v", p, cos)
		}
	}
	return rows, nil
}

// rotate rotates the heads; extents are heads, steps and size.
func rotate[T kernel.Float](r *rotor, c *engine.Call, rows []int64, extents [3]int, dim int, of func(*tensor.Tensor) []T) {
	x, cos, sin, out := of(c.In[0]), of(c.In[1]), of(c.In[2]), of(c.Out[0])
	heads, steps, size := extents[0], extents[1], extents[2]
	half := dim / 2
	for v := range c.In[0].Dim(0) * heads * steps {
		// v counts (batch, step, head) for packed inputs, (batch, head, step) for others.
		step := v / heads
		if c.In[0].Rank() == 4 {
			step = v/(heads*steps)*steps + v%steps
		}
		row := int(rows[step]) * half
		from, to := x[v*size:(v+1)*size], out[v*size:(v+1)*size]
		copy(to[dim:], from[dim:])
		for i := range half {
			a, b := i, half+i
			if r.interleaved {
				a, b = 2*i, 2*i+1
			}
			cosine, sine := float64(cos[row+i]), float64(sin[row+i])
			to[a] = T(float64(cosine*float64(from[a])) - float64(sine*float64(from[b])))
			to[b] = T(float64(sine*float64(from[a])) + float64(cosine*float64(from[b])))
		}
	}
}
