package attention

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// bias is what is added to the scores of one run.
type bias struct {
	*node
	dims
	mask    []float64 // nil for none; false as -infinity
	shape   [4]int    // of the mask; 1 where it broadcasts
	valid   []int64   // keys that are no padding, by batch; nil for all
	scratch []float64 // one row of logits
}

func (a *node) bias(c *engine.Call, d dims) (*bias, error) {
	x := &bias{node: a, dims: d, scratch: tensor.Of[float64](c.New(tensor.F64, d.keys))}
	if c.Has(6) {
		var err error
		if x.valid, err = engine.Int64s(c.In[6]); err != nil {
			return nil, err
		}
		if len(x.valid) != d.batch {
			return nil, fmt.Errorf("nonpad_kv_seqlen is %v, wanted I64[%d]", c.In[6], d.batch)
		}
	}
	if !c.Has(3) {
		return x, nil
	}
	m := c.In[3]
	if m.Rank() < 1 || m.Rank() > 4 {
		return nil, fmt.Errorf("attn_mask is %v, wanted 1 to 4 dimensions", m)
	}
	x.shape = [4]int{1, 1, 1, 1}
	for i := range m.Rank() {
		x.shape[4-m.Rank()+i] = m.Dim(i)
	}
	for i, n := range []int{d.batch, d.heads, d.queries} {
		if x.shape[i] != 1 && x.shape[i] != n {
			return nil, fmt.Errorf("attn_mask is %v, wanted what broadcasts to [%d, %d, %d, up to %d]", m, d.batch, d.heads, d.queries, d.keys)
		}
	}
	if x.shape[3] > d.keys {
		return nil, fmt.Errorf("attn_mask is %v for %d keys", m, d.keys)
	}
	wide, err := tensor.Convert(m, tensor.F64)
	if err != nil {
		return nil, err
	}
	x.mask = tensor.Of[float64](wide)
	if m.DType() == tensor.Bool {
		for i, v := range x.mask {
			x.mask[i] = 0
			if v == 0 {
				x.mask[i] = math.Inf(-1)
			}
		}
	}
	return x, nil
}

// at is the bias of a query and a key.
func (x *bias) at(b, h, query, key int) float64 {
	position := int64(query + x.past)
	if x.valid != nil {
		position = int64(query-x.queries) + x.valid[b]
		if int64(key) >= x.valid[b] {
			return math.Inf(-1)
		}
	}
	distance := int64(key) - position
	if x.causal && distance > 0 || x.left >= 0 && -distance > x.left || x.right >= 0 && distance > x.right {
		return math.Inf(-1)
	}
	if x.mask == nil {
		return 0
	}
	if key >= x.shape[3] {
		return math.Inf(-1)
	}
	at := 0
	for i, v := range [3]int{b, h, query} {
		if x.shape[i] == 1 {
			v = 0
		}
		at = at*x.shape[i] + v
	}
	return x.mask[at*x.shape[3]+key]
}
