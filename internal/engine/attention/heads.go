package attention

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// present joins the past and the new keys or values to [batch, heads, keys, size]; it is the output when that is wanted.
func present[T kernel.Float](c *engine.Call, in, past, out int, d dims, size int, of func(*tensor.Tensor) []T) []T {
	wanted := out < len(c.Want) && c.Want[out]
	if !d.packed && d.past == 0 && !wanted {
		return of(c.In[in])
	}
	t := c.New(c.In[in].DType(), d.batch, d.keyHeads, d.keys, size)
	if wanted {
		c.Out[out] = t
	}
	joined, fresh := of(t), d.keys-d.past
	for b := range d.batch {
		for h := range d.keyHeads {
			head := b*d.keyHeads + h
			to := joined[head*d.keys*size : (head+1)*d.keys*size]
			if d.past > 0 {
				copy(to, of(c.In[past])[head*d.past*size:(head+1)*d.past*size])
			}
			take(to[d.past*size:], of(c.In[in]), d, d.keyHeads, b, h, fresh, size)
		}
	}
	return joined
}

// take copies one head's steps out of a tensor of either layout.
func take[T kernel.Float](dst, src []T, d dims, heads, b, h, steps, size int) {
	if !d.packed {
		copy(dst, src[(b*heads+h)*steps*size:(b*heads+h+1)*steps*size])
		return
	}
	for i := range steps {
		copy(dst[i*size:(i+1)*size], src[((b*steps+i)*heads+h)*size:])
	}
}

// put copies one head's result to its place in the output.
func put[T kernel.Float](dst, src []T, d dims, b, h int) {
	size := d.valueSize
	if !d.packed {
		copy(dst[(b*d.heads+h)*d.queries*size:], src)
		return
	}
	for i := range d.queries {
		copy(dst[((b*d.queries+i)*d.heads+h)*size:], src[i*size:(i+1)*size])
	}
}
