package elementwise

import (
	"fmt"
	"maps"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// chunk is how many copies of a broadcast scalar stand ready, so that every inner loop runs over two slices.
const chunk = 512

// pairRun computes an operator of two tensors into a result of the broadcast shape.
type pairRun func(c *engine.Call, a, b *tensor.Tensor, shape tensor.Shape) (*tensor.Tensor, error)

// pairs are one operator's loops by dtype of the operands.
type pairs map[tensor.DType]pairRun

func (p pairs) types() engine.Types {
	var s engine.Types
	for d := range p {
		s |= engine.TypesOf(d)
	}
	return s
}

func (p pairs) with(more pairs) pairs {
	maps.Copy(p, more)
	return p
}

// floats are loops whose results have the operands' type.
func floats(f32 func(dst, a, b []float32), f64 func(dst, a, b []float64)) pairs {
	return pairs{tensor.F32: pair(tensor.F32, f32), tensor.F64: pair(tensor.F64, f64)}
}

// integers are loops whose results have the operands' type.
func integers(i8 func(dst, a, b []int8), i16 func(dst, a, b []int16), i32 func(dst, a, b []int32), i64 func(dst, a, b []int64),
	u8 func(dst, a, b []uint8), u16 func(dst, a, b []uint16), u32 func(dst, a, b []uint32), u64 func(dst, a, b []uint64)) pairs {
	return pairs{tensor.I8: pair(tensor.I8, i8), tensor.I16: pair(tensor.I16, i16),
		tensor.I32: pair(tensor.I32, i32), tensor.I64: pair(tensor.I64, i64),
		tensor.U8: pair(tensor.U8, u8), tensor.U16: pair(tensor.U16, u16),
		tensor.U32: pair(tensor.U32, u32), tensor.U64: pair(tensor.U64, u64)}
}

// pair makes a loop over slices of one length an operator whose results have the dtype out.
func pair[D, A, B tensor.Element](out tensor.DType, loop func(dst []D, a []A, b []B)) pairRun {
	return func(c *engine.Call, a, b *tensor.Tensor, shape tensor.Shape) (*tensor.Tensor, error) {
		t := c.New(out, shape...)
		apply(c, loop, t, a, b)
		return t, nil
	}
}

// apply runs the loop over the broadcast of a and b into dst, which has the broadcast shape and may be a itself when a
// is not stretched.
func apply[D, A, B tensor.Element](c *engine.Call, loop func(dst []D, a []A, b []B), dst, a, b *tensor.Tensor) {
	d, x, y := tensor.Of[D](dst), tensor.Of[A](a), tensor.Of[B](b)
	if a.Shape().Equal(b.Shape()) {
		loop(d, x, y)
		return
	}
	shape := dst.Shape()
	l := strided.Broadcast(shape, a.Shape(), b.Shape())
	moveA, moveB := l.Inner[0] != 0 || l.Run == 1, l.Inner[1] != 0 || l.Run == 1
	var fixedA []A
	var fixedB []B
	if n := min(chunk, l.Run); !moveA {
		fixedA = tensor.Of[A](c.New(a.DType(), n))
	} else if !moveB {
		fixedB = tensor.Of[B](c.New(b.DType(), n))
	}
	for ok := l.Start(); ok; ok = l.Next() {
		out, ia, ib := d[l.Out:l.Out+l.Run], l.At[0], l.At[1]
		switch {
		case moveA && moveB:
			loop(out, x[ia:ia+l.Run], y[ib:ib+l.Run])
		case moveA:
			fill(fixedB, y[ib])
			for lo := 0; lo < l.Run; lo += chunk {
				hi := min(lo+chunk, l.Run)
				loop(out[lo:hi], x[ia+lo:ia+hi], fixedB[:hi-lo])
			}
		default:
			fill(fixedA, x[ia])
			for lo := 0; lo < l.Run; lo += chunk {
				hi := min(lo+chunk, l.Run)
				loop(out[lo:hi], fixedA[:hi-lo], y[ib+lo:ib+hi])
			}
		}
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// run broadcasts the operands and calls the loop of their dtype.
func (p pairs) run(c *engine.Call, a, b *tensor.Tensor) (*tensor.Tensor, error) {
	f := p[a.DType()]
	if f == nil || a.DType() != b.DType() {
		return nil, fmt.Errorf("operands are %v and %v, wanted two of one type among %v", a, b, p.types())
	}
	shape, err := strided.BroadcastShape(a.Shape(), b.Shape())
	if err != nil {
		return nil, err
	}
	return f(c, a, b, shape)
}

// operators are an operator's definitions: from version 7 on with numpy's broadcasting, before (when since is 1) with
// the attributes broadcast and axis. Half says whether F16 and BF16 are computed too.
func (p pairs) operators(since int64, half bool) []engine.Operator {
	return binaryOperators(since, half, []engine.Types{p.types()}, p.run)
}

type binaryRun func(c *engine.Call, a, b *tensor.Tensor) (*tensor.Tensor, error)

func binaryOperators(since int64, half bool, in []engine.Types, run binaryRun) []engine.Operator {
	now := engine.Operator{Since: max(since, 7), Build: buildBinary(run), In: in, Half: half}
	if since >= 7 {
		return []engine.Operator{now}
	}
	return []engine.Operator{{Since: since, Until: 6, Build: buildAligned(run), In: in, Half: half}, now}
}

func buildBinary(run binaryRun) func(s *engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only(); err != nil {
			return nil, err
		}
		if err := s.Arity(2, 2, 1); err != nil {
			return nil, err
		}
		return engine.KernelFunc(func(c *engine.Call) (err error) {
			c.Out[0], err = run(c, c.In[0], c.In[1])
			return err
		}), nil
	}
}

// buildAligned is the rule of versions 1 to 6: without broadcast both shapes are the same; with it the second operand's
// dimensions lie in the first's from axis on, by default at its end.
func buildAligned(run binaryRun) func(s *engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("broadcast", "axis", "consumed_inputs"); err != nil {
			return nil, err
		}
		if err := s.Arity(2, 2, 1); err != nil {
			return nil, err
		}
		_, given := s.Node.Attrs["axis"]
		axis, stretch := s.Node.Int("axis", 0), s.Node.Int("broadcast", 0) != 0
		return engine.KernelFunc(func(c *engine.Call) (err error) {
			a, b := c.In[0], c.In[1]
			if !stretch && !a.Shape().Equal(b.Shape()) {
				return fmt.Errorf("operands %v and %v have different shapes, and broadcast is not set", a, b)
			}
			if stretch && given {
				if b, err = alignAt(a, b, axis); err != nil {
					return err
				}
			}
			if s, err := strided.BroadcastShape(a.Shape(), b.Shape()); err != nil || !s.Equal(a.Shape()) {
				return fmt.Errorf("the second operand %v does not stretch to the first, %v", b, a)
			}
			c.Out[0], err = run(c, a, b)
			return err
		}), nil
	}
}

// alignAt views b with dimensions of size 1 behind it, so that its first one falls on the axis of a.
func alignAt(a, b *tensor.Tensor, axis int64) (*tensor.Tensor, error) {
	at, ok := engine.Axis(axis, a.Rank())
	if !ok || at+b.Rank() > a.Rank() {
		return nil, fmt.Errorf("axis %d does not lie in %v, or leaves no room for %v", axis, a, b)
	}
	shape := b.Shape().Clone()
	for len(shape) < a.Rank()-at {
		shape = append(shape, 1)
	}
	return b.Reshape(shape...)
}
