package control

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// scan8 is Scan (ai.onnx 8): Scan of every row of a batch, which is the first dimension of all inputs; the sequence is
// the second. Input 0, I64 [batch], says how long each row's sequence is (absent: all of it); directions are those of
// the scanned inputs. Values behind a row's end are zeros.
type scan8 struct{ *scan }

func buildScan8(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("body", "num_scan_inputs", "directions"); err != nil {
		return nil, err
	}
	if err := s.Arity(0, len(s.Node.Inputs), len(s.Node.Outputs)); err != nil {
		return nil, err
	}
	k, err := newScan(s, len(s.Node.Inputs)-1, [2]string{}, [2]string{"directions"})
	return scan8{k}, err
}

// Run implements engine.Kernel.
func (k scan8) Run(c *engine.Call) error {
	batch, longest, lengths, err := k.sizes(c)
	if err != nil {
		return err
	}
	rows := make([]stack, len(k.body.Outputs()))
	for b := range batch {
		in := make([]*tensor.Tensor, len(c.In)-1)
		for i, t := range c.In[1:] {
			if in[i], err = cut(t, 0, b); err != nil {
				return err
			}
			if i >= k.states && lengths != nil {
				if in[i], err = in[i].Rows(0, int(lengths[b])); err != nil {
					return fmt.Errorf("row %d: %w", b, err)
				}
			}
		}
		states, values, err := k.run(c, in)
		if err != nil {
			return fmt.Errorf("row %d: %w", b, err)
		}
		if err := k.collect(c, rows, states, values, longest); err != nil {
			return fmt.Errorf("row %d: %w", b, err)
		}
	}
	for i := range c.Out {
		declared := k.body.Outputs()[i]
		if i >= k.states {
			declared.Dims = append([]graph.Dim{{Size: longest}}, declared.Dims...)
		}
		if c.Out[i], err = rows[i].join(c, 0, false, declared); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// collect adds a row's results, the scan values filled up to the longest sequence.
func (k scan8) collect(c *engine.Call, rows []stack, states []*tensor.Tensor, values []stack, longest int) error {
	for i, t := range states {
		if err := rows[i].add(t); err != nil {
			return err
		}
	}
	for i := range values {
		short, err := values[i].join(&engine.Call{}, 0, false, k.body.Outputs()[k.states+i])
		if err != nil {
			return err
		}
		full := short
		if short.Dim(0) < longest {
			if short.DType() == tensor.String {
				return fmt.Errorf("scan output %d holds strings, and sequences of different lengths are not covered for them", i)
			}
			shape := short.Shape().Clone()
			shape[0] = longest
			full = tensor.New(short.DType(), shape...)
			copy(full.Bytes(), short.Bytes())
		}
		if err := rows[k.states+i].add(full); err != nil {
			return err
		}
	}
	return nil
}

func (k scan8) sizes(c *engine.Call) (batch, longest int, lengths []int64, err error) {
	for i, t := range c.In[1:] {
		if t == nil || t.Rank() < 1 || i >= k.states && t.Rank() < 2 {
			return 0, 0, nil, fmt.Errorf("input %d is %v, wanted a batch, and a sequence where it is scanned", i+1, t)
		}
		if i == 0 {
			batch = t.Dim(0)
		}
		if t.Dim(0) != batch {
			return 0, 0, nil, fmt.Errorf("input %d is %v, wanted a batch of %d", i+1, t, batch)
		}
		if i >= k.states {
			longest = t.Dim(1)
		}
	}
	if !c.Has(0) {
		return batch, longest, nil, nil
	}
	if lengths, err = engine.Int64s(c.In[0]); err != nil {
		return 0, 0, nil, err
	}
	if len(lengths) != batch {
		return 0, 0, nil, fmt.Errorf("%d sequence lengths for a batch of %d", len(lengths), batch)
	}
	for b, n := range lengths {
		if n < 0 || n > int64(longest) {
			return 0, 0, nil, fmt.Errorf("row %d: a sequence length of %d, wanted 0 to %d", b, n, longest)
		}
	}
	return batch, longest, lengths, nil
}
