package experts

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// layer is Experts (shardwise 1). For each row r, over the experts e whose weight is not 0 (NaN is not), in their order:
//
//	y[r] = sum of gates[r, e] · expert e(rows[r])
//
// An expert runs once, on the rows that have a weight for it, and not at all when there is none. Products are rounded, sums run in
// float64 and are rounded once.
type layer struct {
	width  int
	bodies []engine.Body
}

func build(s *engine.Site) (engine.Kernel, error) {
	known := []string{AttrWidth, AttrTop}
	n := Count(s.Node)
	for i := range n {
		known = append(known, BodyName(i))
	}
	if err := s.Only(known...); err != nil {
		return nil, err
	}
	if err := s.Arity(inputs, inputs, 1); err != nil {
		return nil, err
	}
	l := &layer{width: int(s.Node.Int(AttrWidth, 0))}
	if l.width < 1 || n == 0 {
		return nil, s.Refuse("%d experts of %s %d, wanted at least one of each", n, AttrWidth, l.width)
	}
	for i := range n {
		b, err := s.Subgraph(BodyName(i))
		if err != nil {
			return nil, err
		}
		if len(b.Inputs()) != 1 || len(b.Outputs()) != 1 {
			return nil, s.Refuse("%s has %d inputs and %d outputs, wanted one of each", BodyName(i), len(b.Inputs()), len(b.Outputs()))
		}
		l.bodies = append(l.bodies, b)
	}
	return l, nil
}

// Run implements engine.Kernel.
func (l *layer) Run(c *engine.Call) error {
	rows, gates := c.In[InRows], c.In[InGates]
	lead := gates.Rank() - 1
	if rows.DType() != gates.DType() || lead < 0 || rows.Rank() != lead+1 || gates.Dim(lead) != len(l.bodies) ||
		!tensor.Shape(rows.Shape()[:lead]).Equal(gates.Shape()[:lead]) {
		return fmt.Errorf("wanted rows and for each %d weights of the same type, found %v and %v", len(l.bodies), rows, gates)
	}
	c.Out[0] = c.New(rows.DType(), append(rows.Shape()[:lead].Clone(), l.width)...)
	switch rows.DType() {
	case tensor.F32:
		return run[float32](l, c)
	case tensor.F64:
		return run[float64](l, c)
	}
	return fmt.Errorf("wanted rows of F32 or F64, found %v", rows)
}

func run[T float32 | float64](l *layer, c *engine.Call) error {
	gates, out := tensor.Of[T](c.In[InGates]), tensor.Of[T](c.Out[0])
	total := make([]float64, len(out))
	for e, body := range l.bodies {
		var chosen []int
		for at := e; at < len(gates); at += len(l.bodies) {
			if gates[at] != 0 {
				chosen = append(chosen, at/len(l.bodies))
			}
		}
		if len(chosen) == 0 {
			continue
		}
		if err := c.Ctx.Err(); err != nil {
			return err
		}
		y, err := l.compute(c, body, chosen)
		if err != nil {
			return fmt.Errorf("expert %d of %d: %w", e, len(l.bodies), err)
		}
		values := tensor.Of[T](y)
		for i, r := range chosen {
			gate, to := gates[r*len(l.bodies)+e], total[r*l.width:(r+1)*l.width]
			for k, v := range values[i*l.width : (i+1)*l.width] {
				to[k] += float64(T(gate * v))
			}
		}
	}
	for i, v := range total {
		out[i] = T(v)
	}
	return nil
}

// compute runs an expert on the chosen rows.
func (l *layer) compute(c *engine.Call, body engine.Body, chosen []int) (*tensor.Tensor, error) {
	rows := c.In[InRows]
	columns := rows.Dim(rows.Rank() - 1)
	x := tensor.New(rows.DType(), len(chosen), columns)
	size := columns * rows.DType().Size()
	for i, r := range chosen {
		copy(x.Bytes()[i*size:(i+1)*size], rows.Bytes()[r*size:])
	}
	out, err := body.Run(c, []*tensor.Tensor{x})
	if err != nil {
		return nil, err
	}
	if y := out[0]; y.DType() != rows.DType() || !y.Shape().Equal(tensor.Shape{len(chosen), l.width}) {
		return nil, fmt.Errorf("wanted %v[%d %d], found %v", rows.DType(), len(chosen), l.width, y)
	}
	return out[0], nil
}
