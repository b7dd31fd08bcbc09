package attention

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/single"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// node is Attention (ai.onnx 23 to today): for each head
//
//	Y = softmax(cap(Q·Kᵀ·scale) + bias) · V
//
// with cap(s) = softcap·tanh(s / softcap) when softcap is not 0, and scale 1 / sqrt(head size) unless given. Q, K and V are
// [batch, heads, steps, size], or [batch, steps, heads·size] with the numbers of heads as attributes; several heads of Q
// may share one of K and V. Past keys and values stand before K and V, and together they are the present ones.
//
// The bias is attn_mask (false is -infinity; positions behind its end are masked), -infinity above the diagonal that
// is_causal draws, outside the window of left_window_size and right_window_size (25 to today), and behind nonpad_kv_seqlen
// (24 to today). Query i stands at the position offset + i: after the past keys, or at the end of the nonpad ones. A row
// that is masked whole gives zeros. The softmax is computed in float64, exact to the type of Q, whatever softmax_precision
// says. The fourth output is, by qk_matmul_output_mode, the scores after product (0), cap (1), bias (2) or softmax (3).
type node struct {
	k                *kernels
	causal           bool
	heads, keyHeads  int
	left, right      int64
	scale, cap       float64 // scale is NaN when it is not given
	scoresAfter      int64
	scoresAreOutputs bool
}

func (k *kernels) attention(s *engine.Site) (engine.Kernel, error) {
	names := []string{"is_causal", "kv_num_heads", "q_num_heads", "qk_matmul_output_mode", "scale", "softcap", "softmax_precision"}
	inputs := 6
	if s.Opset >= 24 {
		inputs = 7
	}
	if s.Opset >= 25 {
		names = append(names, "left_window_size", "right_window_size")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(3, inputs, 4); err != nil {
		return nil, err
	}
	n := s.Node
	a := &node{k: k, causal: n.Int("is_causal", 0) != 0, heads: int(n.Int("q_num_heads", 0)), keyHeads: int(n.Int("kv_num_heads", 0)),
		left: n.Int("left_window_size", -1), right: n.Int("right_window_size", -1), scale: float64(n.Float("scale", float32(math.NaN()))),
		cap: float64(n.Float("softcap", 0)), scoresAfter: n.Int("qk_matmul_output_mode", 0), scoresAreOutputs: len(n.Outputs) > 3 && n.Outputs[3] != ""}
	switch p := n.Int("softmax_precision", 1); p {
	case 1, 10, 11, 16:
	default:
		return nil, s.Refuse("softmax_precision %d is no float type", p)
	}
	if a.scoresAfter < 0 || a.scoresAfter > 3 || a.left < -1 || a.right < -1 || a.heads < 0 || a.keyHeads < 0 {
		return nil, s.Refuse("qk_matmul_output_mode %d, a window (%d, %d) or a number of heads is out of range", a.scoresAfter, a.left, a.right)
	}
	if s.Has(4) != s.Has(5) || s.Has(6) && s.Has(4) {
		return nil, s.Refuse("past_key and past_value stand together, and not with nonpad_kv_seqlen")
	}
	return a, nil
}

// Run implements engine.Kernel.
func (a *node) Run(c *engine.Call) error {
	d, err := a.measure(c)
	if err != nil {
		return err
	}
	bias, err := a.bias(c, d)
	if err != nil {
		return err
	}
	switch c.In[0].DType() {
	case tensor.F32:
		run(a, a.k.f32, c, d, &bias, tensor.Of[float32])
	case tensor.F64:
		run(a, a.k.f64, c, d, &bias, tensor.Of[float64])
	default:
		return fmt.Errorf("query is %v, covered are F32 and F64", c.In[0])
	}
	return nil
}

// dims are the extents of one run. keys are the present ones, past and new.
type dims struct {
	batch, heads, keyHeads, queries, keys, past, size, valueSize int
	packed                                                       bool // [batch, steps, heads·size]
}

// measure checks the shapes of Q, K, V and the past.
func (a *node) measure(c *engine.Call) (dims, error) {
	q, k, v := c.In[0], c.In[1], c.In[2]
	bad := func(why string) (dims, error) {
		return dims{}, fmt.Errorf("query %v, key %v and value %v: %s", q, k, v, why)
	}
	if q.Rank() != k.Rank() || q.Rank() != v.Rank() || q.Rank() != 3 && q.Rank() != 4 || k.DType() != q.DType() || v.DType() != q.DType() {
		return bad("wanted 3 or 4 dimensions and one type")
	}
	d := dims{batch: q.Dim(0), packed: q.Rank() == 3}
	if d.packed {
		d.heads, d.keyHeads, d.queries, d.keys = a.heads, a.keyHeads, q.Dim(1), k.Dim(1)
		if d.heads < 1 || d.keyHeads < 1 || q.Dim(2)%d.heads != 0 || k.Dim(2)%d.keyHeads != 0 || v.Dim(2)%d.keyHeads != 0 {
			return bad(fmt.Sprintf("they cannot be cut into %d and %d heads", d.heads, d.keyHeads))
		}
		d.size, d.valueSize = q.Dim(2)/d.heads, v.Dim(2)/d.keyHeads
		if k.Dim(2)/d.keyHeads != d.size || k.Dim(0) != d.batch || v.Dim(0) != d.batch || v.Dim(1) != d.keys {
			return bad("the extents do not match")
		}
	} else {
		d.heads, d.keyHeads, d.queries, d.keys, d.size, d.valueSize = q.Dim(1), k.Dim(1), q.Dim(2), k.Dim(2), q.Dim(3), v.Dim(3)
		if k.Dim(0) != d.batch || v.Dim(0) != d.batch || k.Dim(3) != d.size || v.Dim(1) != d.keyHeads || v.Dim(2) != d.keys {
			return bad("the extents do not match")
		}
	}
	if d.keyHeads < 1 || d.heads%d.keyHeads != 0 {
		return bad(fmt.Sprintf("%d heads do not share %d", d.heads, d.keyHeads))
	}
	if c.Has(4) {
		pk, pv := c.In[4], c.In[5]
		if pk.Rank() != 4 || pk.DType() != q.DType() || pv.DType() != q.DType() || !pk.Shape().Equal(tensor.Shape{d.batch, d.keyHeads, pk.Dim(2), d.size}) ||
			!pv.Shape().Equal(tensor.Shape{d.batch, d.keyHeads, pk.Dim(2), d.valueSize}) {
			return bad(fmt.Sprintf("the past is %v and %v", pk, pv))
		}
		d.past = pk.Dim(2)
		d.keys += d.past
	}
	return d, nil
}

func run[T kernel.Float](a *node, dense kernel.Dense[T], c *engine.Call, d dims, bias *bias, of func(*tensor.Tensor) []T) {
	dtype := c.In[0].DType()
	key := present(c, 1, 4, 1, d, d.size, of)
	value := present(c, 2, 5, 2, d, d.valueSize, of)
	if d.packed {
		c.Out[0] = c.New(dtype, d.batch, d.queries, d.heads*d.valueSize)
	} else {
		c.Out[0] = c.New(dtype, d.batch, d.heads, d.queries, d.valueSize)
	}
	scores := c.New(dtype, d.batch, d.heads, d.queries, d.keys)
	if a.scoresAreOutputs {
		c.Out[3] = scores
	}
	scale := a.scale
	if scale != scale {
		scale = 1 / math.Sqrt(float64(d.size))
	}
	query, result := of(c.New(dtype, d.queries*d.size)), of(c.New(dtype, d.queries*d.valueSize))
	probabilities := of(c.New(dtype, d.queries*d.keys))
	for b := range d.batch {
		for h := range d.heads {
			head := b*d.keyHeads + h/(d.heads/d.keyHeads)
			take(query, of(c.In[0]), d, d.heads, b, h, d.queries, d.size)
			for i, v := range query {
				query[i] = T(float64(v) * scale)
			}
			s := of(scores)[(b*d.heads+h)*d.queries*d.keys:][:d.queries*d.keys]
			dense.MulT(s, query, key[head*d.keys*d.size:(head+1)*d.keys*d.size], d.queries, d.keys, d.size)
			for i := range d.queries {
				row(a, s[i*d.keys:(i+1)*d.keys], probabilities[i*d.keys:(i+1)*d.keys], bias, b, h, i)
			}
			dense.Mul(result, probabilities, value[head*d.keys*d.valueSize:(head+1)*d.keys*d.valueSize], d.queries, d.valueSize, d.keys)
			put(of(c.Out[0]), result, d, b, h)
		}
	}
}

// row turns one query's scores into probabilities; scores keeps what the fourth output wants.
func row[T kernel.Float](a *node, scores, probabilities []T, bias *bias, b, h, query int) {
	logits := bias.scratch
	capped(a, logits, scores)
	open := bias.add(logits, b, h, query)
	if a.scoresAfter == 2 {
		for j, v := range logits {
			scores[j] = T(v)
		}
	}
	top := math.Inf(-1)
	for _, v := range logits {
		if !(v < top) {
			top = max(top, v)
		}
	}
	if !open || math.IsInf(top, -1) {
		clear(probabilities)
	} else {
		total := 1 / exponents[T](logits, top)
		for j, v := range logits {
			probabilities[j] = T(v * total)
		}
	}
	if a.scoresAfter == 3 {
		copy(scores, probabilities)
	}
}

// capped widens the scores and bends those above the cap; scores keep the result when it is wanted.
func capped[T kernel.Float](a *node, logits []float64, scores []T) {
	for j, s := range scores {
		logits[j] = float64(s)
	}
	if a.cap == 0 {
		return
	}
	for j, v := range logits {
		logits[j] = a.cap * math.Tanh(v/a.cap)
	}
	if a.scoresAfter == 1 {
		for j, v := range logits {
			scores[j] = T(v)
		}
	}
}

// add adds the bias to a query's logits and reports whether any of it is above -infinity.
func (x *bias) add(logits []float64, b, h, query int) (open bool) {
	lo, hi, mask := x.line(b, h, query)
	for j := range logits[:lo] {
		logits[j] += math.Inf(-1)
	}
	rest := logits[hi:]
	for j := range rest {
		rest[j] += math.Inf(-1)
	}
	if mask == nil {
		return hi > lo
	}
	seen := logits[lo:hi]
	for j, v := range mask {
		seen[j] += v
		open = open || !math.IsInf(v, -1)
	}
	return open
}

// exponents overwrites the logits with their exponentials, as exact as the probabilities' type needs, and returns the sum.
func exponents[T kernel.Float](logits []float64, top float64) float64 {
	if _, narrow := any(T(0)).(float32); narrow {
		return single.ExpBelow(logits, top)
	}
	total := 0.0
	for j, v := range logits {
		logits[j] = math.Exp(v - top)
		total += logits[j]
	}
	return total
}
