package control

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// loop is Loop (ai.onnx 1 to today). Inputs: the most iterations M, one I64 (absent: no bound), the first condition, one
// boolean (absent: true), and the first carried values. The body maps the iteration's number, the condition and the
// carried values to the next condition, the next carried values and scan values:
//
//	for i := 0; i < M && cond; i++ { cond, carried, scan[i] = body(i, cond, carried) }
//
// Outputs: the carried values, and each scan value of all iterations along a new first dimension.
type loop struct {
	body    engine.Body
	carried int
	// vectors says whether the body declares its first two inputs with one dimension, as some exporters do.
	vectors [2]bool
}

func buildLoop(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("body"); err != nil {
		return nil, err
	}
	if err := s.Arity(0, len(s.Node.Inputs), len(s.Node.Outputs)); err != nil {
		return nil, err
	}
	body, err := s.Subgraph("body")
	if err != nil {
		return nil, err
	}
	l := &loop{body: body, carried: max(0, len(s.Node.Inputs)-2)}
	in, out := body.Inputs(), body.Outputs()
	if len(in) != 2+l.carried || len(out) < 1+l.carried || len(out)-1 < len(s.Node.Outputs) {
		return nil, s.Refuse("the body has %d inputs and %d outputs for %d carried values and %d outputs of the node", len(in), len(out), l.carried, len(s.Node.Outputs))
	}
	for i := range l.vectors {
		l.vectors[i] = in[i].Ranked && len(in[i].Dims) == 1
	}
	return l, nil
}

// Run implements engine.Kernel.
func (l *loop) Run(c *engine.Call) error {
	most, cond, err := l.bounds(c)
	if err != nil {
		return err
	}
	in := make([]*tensor.Tensor, 2+l.carried)
	for i := range l.carried {
		if in[2+i] = c.In[2+i]; in[2+i] == nil {
			return fmt.Errorf("carried value %d is missing", i)
		}
	}
	scans := make([]stack, len(l.body.Outputs())-1-l.carried)
	going := cond
	for i := int64(0); i < most && going; i++ {
		if err := c.Ctx.Err(); err != nil {
			return err
		}
		in[0], in[1] = l.scalar(0, tensor.I64), l.scalar(1, tensor.Bool)
		tensor.Of[int64](in[0])[0], tensor.Of[bool](in[1])[0] = i, going
		out, err := l.body.Run(c, in)
		if err != nil {
			return fmt.Errorf("iteration %d: %w", i, err)
		}
		if going, err = truth(out[0]); err != nil {
			return fmt.Errorf("iteration %d: the condition %w", i, err)
		}
		copy(in[2:], out[1:])
		for k := range scans {
			if err := scans[k].add(out[1+l.carried+k]); err != nil {
				return fmt.Errorf("iteration %d: scan value %d: %w", i, k, err)
			}
		}
	}
	copy(c.Out, in[2:])
	for k := range scans {
		if at := l.carried + k; at < len(c.Out) && c.Want[at] {
			if c.Out[at], err = scans[k].join(c, 0, false, l.body.Outputs()[1+at]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loop) bounds(c *engine.Call) (most int64, cond bool, err error) {
	most, cond = math.MaxInt64, true
	if c.Has(0) {
		m, err := engine.Int64s(c.In[0])
		if err != nil || len(m) != 1 {
			return 0, false, fmt.Errorf("the number of iterations is %v, wanted one integer", c.In[0])
		}
		most = m[0]
	}
	if c.Has(1) {
		if cond, err = truth(c.In[1]); err != nil {
			return 0, false, fmt.Errorf("condition %w", err)
		}
	}
	return most, cond, nil
}

// scalar is a fresh value for input i of the body, because the body may hand it on.
func (l *loop) scalar(i int, d tensor.DType) *tensor.Tensor {
	if l.vectors[i] {
		return tensor.New(d, 1)
	}
	return tensor.New(d)
}

// emptyShape is the shape of one value of which there is none: dimensions that are not declared count as 0.
func emptyShape(v graph.Value) (tensor.Shape, error) {
	if v.DType == tensor.Invalid || !v.Ranked {
		return nil, fmt.Errorf("there was no iteration, and the body does not declare the type and rank of its output %s", v.Name)
	}
	s := tensor.Shape{}
	for _, d := range v.Dims {
		s = append(s, max(d.Size, 0))
	}
	return s, nil
}
