package strided

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Copy is the tensor of the given shape whose element at index i is x's element number offset + Σ i[d]·step[d]. Every
// such number must lie in x. The result is a view of x where its elements lie together in x, else a tensor of c.
func Copy(c *engine.Call, x *tensor.Tensor, shape tensor.Shape, step []int, offset int) (*tensor.Tensor, error) {
	n, err := shape.Elements()
	if err != nil {
		return nil, err
	}
	l := Over(shape, step)
	if x.DType() == tensor.String {
		if err := engine.CheckSize(tensor.String, shape); err != nil {
			return nil, err
		}
		return copyStrings(x, shape.Clone(), &l, offset, n)
	}
	size := x.DType().Size()
	if n > 0 && l.Run == n && (l.Inner[0] == 1 || n == 1) {
		return tensor.FromBytes(x.DType(), shape.Clone(), x.Bytes()[offset*size:(offset+n)*size])
	}
	out := c.New(x.DType(), shape...)
	if n == 0 {
		return out, nil
	}
	switch size {
	case 1:
		move(&l, tensor.Of[uint8](out), tensor.Of[uint8](x), offset)
	case 2:
		move(&l, tensor.Of[uint16](out), tensor.Of[uint16](x), offset)
	case 4:
		move(&l, tensor.Of[uint32](out), tensor.Of[uint32](x), offset)
	default:
		move(&l, tensor.Of[uint64](out), tensor.Of[uint64](x), offset)
	}
	return out, nil
}

func copyStrings(x *tensor.Tensor, shape tensor.Shape, l *Loop, offset, n int) (*tensor.Tensor, error) {
	values := make([]string, 0, n)
	for ok := l.Start(); ok; ok = l.Next() {
		for i := range l.Run {
			values = append(values, x.StringAt(offset+l.At[0]+i*l.Inner[0]))
		}
	}
	return tensor.FromStrings(shape, values)
}

// tile is the side of the squares in which a matrix is transposed, so that both sides stay in the first-level cache.
const tile = 16

func move[T tensor.Element](l *Loop, dst, src []T, offset int) {
	step := l.Inner[0]
	if step != 1 && step != 0 && l.count > 0 && l.few[0].step[0] == 1 {
		transpose(l, dst, src, offset)
		return
	}
	for ok := l.Start(); ok; ok = l.Next() {
		d, at := dst[l.Out:l.Out+l.Run], offset+l.At[0]
		switch step {
		case 1:
			copy(d, src[at:])
		case 0:
			v := src[at]
			for i := range d {
				d[i] = v
			}
		default:
			for i := range d {
				d[i] = src[at]
				at += step
			}
		}
	}
}

// transpose moves the two innermost dimensions, of which the outer one is contiguous in src, in squares.
func transpose[T tensor.Element](l *Loop, dst, src []T, offset int) {
	rows, cols, step := l.few[0].size, l.Run, l.Inner[0]
	rest := Loop{Run: rows * cols, total: l.total}
	for d := 1; d < l.count; d++ {
		rest.push(*l.at(d))
	}
	for ok := rest.Start(); ok; ok = rest.Next() {
		at := offset + rest.At[0]
		for r0 := 0; r0 < rows; r0 += tile {
			r1 := min(r0+tile, rows)
			for c0 := 0; c0 < cols; c0 += tile {
				c1 := min(c0+tile, cols)
				for r := r0; r < r1; r++ {
					d, from := dst[rest.Out+r*cols+c0:rest.Out+r*cols+c1], at+r+c0*step
					for i := range d {
						d[i] = src[from]
						from += step
					}
				}
			}
		}
	}
}
