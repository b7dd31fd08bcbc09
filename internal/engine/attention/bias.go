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

func (a *node) bias(c *engine.Call, d dims) (x bias, err error) {
	x = bias{node: a, dims: d, scratch: tensor.Of[float64](c.New(tensor.F64, d.keys))}
	if c.Has(6) {
		if x.valid, err = engine.Int64s(c.In[6]); err != nil {
			return x, err
		}
		if len(x.valid) != d.batch {
			return x, fmt.Errorf("nonpad_kv_seqlen is %v, wanted I64[%d]", c.In[6], d.batch)
		}
	}
	if !c.Has(3) {
		return x, nil
	}
	m := c.In[3]
	if m.Rank() < 1 || m.Rank() > 4 {
		return x, fmt.Errorf("attn_mask is %v, wanted 1 to 4 dimensions", m)
	}
	x.shape = [4]int{1, 1, 1, 1}
	for i := range m.Rank() {
		x.shape[4-m.Rank()+i] = m.Dim(i)
	}
	for i, n := range []int{d.batch, d.heads, d.queries} {
		if x.shape[i] != 1 && x.shape[i] != n {
			return x, fmt.Errorf("attn_mask is %v, wanted what broadcasts to [%d, %d, %d, up to %d]", m, d.batch, d.heads, d.queries, d.keys)
		}
	}
	if x.shape[3] > d.keys {
		return x, fmt.Errorf("attn_mask is %v for %d keys", m, d.keys)
	}
	wide, err := tensor.Convert(m, tensor.F64)
	if err != nil {
		return x, err
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

// line is what one query sees: the keys from lo on and below hi, and the mask's numbers for them, nil for none. All other keys
// have a bias of -infinity.
func (x *bias) line(b, h, query int) (lo, hi int, mask []float64) {
	position, end := int64(query+x.past), int64(x.keys)
	if x.valid != nil {
		position = int64(query-x.queries) + x.valid[b]
		end = min(end, x.valid[b])
	}
	if x.causal {
		end = min(end, position+1)
	}
	if x.right >= 0 {
		end = min(end, addUp(position, x.right)+1)
	}
	begin := int64(0)
	if x.left >= 0 {
		begin = max(begin, position-x.left)
	}
	if x.mask != nil {
		end = min(end, int64(x.shape[3]))
	}
	end = max(end, 0)
	lo, hi = int(min(begin, end)), int(end)
	if x.mask == nil {
		return lo, hi, nil
	}
	at := 0
	for i, v := range [3]int{b, h, query} {
		if x.shape[i] == 1 {
			v = 0
		}
		at = at*x.shape[i] + v
	}
	return lo, hi, x.mask[at*x.shape[3]+lo : at*x.shape[3]+hi]
}

// addUp is a + b below the greatest number, b being positive.
func addUp(a, b int64) int64 { return min(a, math.MaxInt64-1-b) + b }
