package quant

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Microsoft is the domain of ONNX Runtime's own operators.
const Microsoft = "com.microsoft"

// packed is MatMulNBits (com.microsoft 1): the product of A [..., K] with the transpose of a matrix of N rows whose numbers stand
// in few bits,
//
//	y[..., n] = Σk a[..., k] · (q[n, k] - zero[n, k / block_size]) · scale[n, k / block_size] + bias[n]
//
// q is B, U8 [N, blocks, block_size · bits / 8], the first number in the lowest bits of a byte. scales are N · blocks floats; zero
// points as many floats, or numbers of so many bits whose rows begin with a byte, 2^(bits-1) unless given. g_idx gives the block
// of each k where they are not in order. accuracy_level is the least that is asked: everything is computed in F32.
type packed struct {
	k                     *kernels
	rows, columns, blocks int
	block, bits           int
}

// chunk is how many rows of the matrix are unpacked at a time.
const chunk = 64

func (p *kernels) matMulNBits(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("K", "N", "accuracy_level", "bits", "block_size"); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 6, 1); err != nil {
		return nil, err
	}
	n := s.Node
	rows, columns, block, bits := n.Int("N", 0), n.Int("K", 0), n.Int("block_size", 0), n.Int("bits", 4)
	if rows < 1 || columns < 1 || rows > 1<<31 || columns > 1<<31 || !slices.Contains([]int64{16, 32, 64, 128, 256}, block) || !slices.Contains([]int64{2, 4, 8}, bits) {
		return nil, s.Refuse("N %d, K %d, block_size %d or bits %d is out of range", rows, columns, block, bits)
	}
	return &packed{k: p, rows: int(rows), columns: int(columns), block: int(block), bits: int(bits), blocks: int((columns + block - 1) / block)}, nil
}

// Run implements engine.Kernel.
func (p *packed) Run(c *engine.Call) error {
	if err := p.check(c); err != nil {
		return err
	}
	x := c.In[0]
	m := x.Len() / p.columns
	shape := x.Shape().Clone()
	shape[len(shape)-1] = p.rows
	c.Out[0] = c.New(tensor.F32, shape...)
	dst, a := tensor.Of[float32](c.Out[0]), tensor.Of[float32](x)
	w, y := tensor.Of[float32](c.New(tensor.F32, chunk*p.columns)), tensor.Of[float32](c.New(tensor.F32, m*chunk))
	var bias []float32
	if c.Has(5) {
		bias = tensor.Of[float32](c.In[5])
	}
	for first := 0; first < p.rows && m > 0; first += chunk {
		n := min(chunk, p.rows-first)
		for r := range n {
			p.unpack(c, w[r*p.columns:(r+1)*p.columns], first+r)
		}
		p.k.dense.MulT(y[:m*n], a, w[:n*p.columns], m, n, p.columns)
		for i := range m {
			line := dst[i*p.rows+first:][:n]
			copy(line, y[i*n:])
			for j := range line {
				if bias != nil {
					line[j] += bias[first+j]
				}
			}
		}
	}
	return nil
}

// zeroBytes is the length of a row of packed zero points.
func (p *packed) zeroBytes() int { return (p.blocks*p.bits + 7) / 8 }

func (p *packed) check(c *engine.Call) error {
	x := c.In[0]
	if x.Rank() == 0 || x.Dim(x.Rank()-1) != p.columns {
		return fmt.Errorf("input is %v, wanted rows of %d numbers", x, p.columns)
	}
	wants := []int{x.Len(), p.rows * p.blocks * p.block * p.bits / 8, p.rows * p.blocks, p.rows * p.blocks, p.columns, p.rows}
	if c.Has(3) && c.In[3].DType() == tensor.U8 {
		wants[3] = p.rows * p.zeroBytes()
	}
	for i, want := range wants {
		if c.Has(i) && c.In[i].Len() != want && !(i == 4 && c.In[i].Len() == p.blocks*p.block) {
			return fmt.Errorf("input %d is %v, wanted %d elements for %d rows of %d numbers in blocks of %d", i, c.In[i], want, p.rows, p.columns, p.block)
		}
	}
	if c.Has(4) {
		for _, g := range tensor.Of[int32](c.In[4]) {
			if g < 0 || int(g) >= p.blocks {
				return fmt.Errorf("g_idx has %d, there are %d blocks", g, p.blocks)
			}
		}
	}
	return nil
}

// unpack computes one row of the matrix.
func (p *packed) unpack(c *engine.Call, dst []float32, row int) {
	bytes := p.blocks * p.block * p.bits / 8
	q := c.In[1].Bytes()[row*bytes : (row+1)*bytes]
	scales, zeros := tensor.Of[float32](c.In[2])[row*p.blocks:(row+1)*p.blocks], p.zeros(c, row)
	var order []int32
	if c.Has(4) {
		order = tensor.Of[int32](c.In[4])
	}
	for k := range dst {
		at := k / p.block
		if order != nil {
			at = int(order[k])
		}
		dst[k] = (float32(p.number(q, k)) - zeros(at)) * scales[at]
	}
}

// zeros gives the zero points of a row by block.
func (p *packed) zeros(c *engine.Call, row int) func(block int) float32 {
	switch {
	case !c.Has(3):
		middle := float32(int(1) << (p.bits - 1))
		return func(int) float32 { return middle }
	case c.In[3].DType() == tensor.U8:
		list := c.In[3].Bytes()[row*p.zeroBytes():]
		return func(block int) float32 { return float32(p.number(list, block)) }
	}
	list := tensor.Of[float32](c.In[3])[row*p.blocks:]
	return func(block int) float32 { return list[block] }
}

// number is number i of a packed list.
func (p *packed) number(list []byte, i int) byte {
	at := i * p.bits
	return list[at/8] >> (at % 8) & byte(1<<p.bits-1)
}
