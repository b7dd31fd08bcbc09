package onnx

import (
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// attended is what attention works on: query, keys and values as [batch, heads, steps, size], and what is added to the
// scores, each "" when it is absent.
type attended struct {
	q, k, v            string
	mask               string // as the node has it
	bias               string
	pastKey, pastVal   string
	causal             bool
	size               int    // of a head
	presentK, presentV string // set by attend: keys and values with those of the past
}

// heads cuts [batch, steps, heads·size] into [batch, heads, steps, size].
func (f *fusion) heads(x string, heads int) string {
	return f.op("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 2, 1, 3)}, f.op("Reshape", nil, x, f.ints(0, 0, int64(heads), -1)))
}

// attend is softmax(q·kᵀ·scale + mask + bias)·v as [batch, steps, heads·size].
func (f *fusion) attend(a *attended) (string, bool) {
	if a.pastKey != "" {
		behind := map[string]graph.Attr{"axis": intAttr(2)}
		a.k, a.v = f.op("Concat", behind, a.pastKey, a.k), f.op("Concat", behind, a.pastVal, a.v)
	}
	a.presentK, a.presentV = a.k, a.v
	scale := float64(f.n.Float("scale", 0))
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(a.size))
	}
	scores := f.op("MatMul", nil, a.q, f.op("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 1, 3, 2)}, a.k))
	scores = f.op("Mul", nil, scores, f.number(scale))
	mask, ok := f.mask(a)
	if !ok {
		return "", false
	}
	scores = f.add(scores, mask, a.bias)
	if a.causal {
		scores = f.add(scores, f.triangle(a))
	}
	y := f.op("MatMul", nil, f.op("Softmax", map[string]graph.Attr{"axis": intAttr(-1)}, scores), a.v)
	y = f.op("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 2, 1, 3)}, y)
	return f.op("Reshape", nil, y, f.ints(0, 0, -1)), true
}

// mask is what the node's mask adds to the scores: mask_filter_value where it is 0. [batch] are numbers of keys that count,
// [batch, keys] and [batch, steps, keys] say it of each key.
func (f *fusion) mask(a *attended) (string, bool) {
	if a.mask == "" {
		return "", true
	}
	filter := f.number(float64(f.n.Float("mask_filter_value", -10000)))
	switch f.rank(a.mask) {
	case 1:
		lengths := f.cast(a.mask, tensor.I64)
		if v := f.c.net.values[f.in(0)]; len(v.Dims) == 0 || f.c.net.values[a.mask].Dims[0] != v.Dims[0] {
			return "", false // starts and ends, or sums of lengths
		}
		keys := f.count("", f.extent(a.k, 2))
		inside := f.op("Less", nil, keys, f.unsqueeze(lengths, 1, 2, 3))
		return f.op("Where", nil, inside, f.number(0), filter), true
	case 2:
		gone := f.op("Sub", nil, f.number(1), f.cast(a.mask, f.dtype))
		return f.op("Mul", nil, f.unsqueeze(gone, 1, 2), filter), true
	case 3:
		gone := f.op("Sub", nil, f.number(1), f.cast(a.mask, f.dtype))
		return f.op("Mul", nil, f.unsqueeze(gone, 1), filter), true
	}
	return "", false
}

// triangle hides the keys behind each query; the last query sees all keys.
func (f *fusion) triangle(a *attended) string {
	all, steps := f.extent(a.k, 2), f.extent(a.q, 2)
	keys := f.count("", all)
	queries := f.unsqueeze(f.count(f.op("Sub", nil, all, steps), all), 1)
	return f.op("Where", nil, f.op("Greater", nil, keys, queries), f.number(f.lowest()), f.number(0))
}

// fuseAttention is Attention: queries, keys and values are products of one input with one matrix of three parts. past and
// output 1 are [2, batch, heads, steps, size].
func fuseAttention(f *fusion) bool {
	heads := int(f.n.Int("num_heads", 0))
	if !f.only(2, "mask_filter_value", "num_heads", "qkv_hidden_sizes", "scale", "unidirectional", "do_rotary", "past_present_share_buffer", "rotary_embedding_dim") || f.n.Int("do_rotary", 0) != 0 ||
		f.n.Int("past_present_share_buffer", 0) != 0 || f.has(6) || heads < 1 || !f.dtype.Float() || !f.onlyOutputs(0, 1) {
		return false
	}
	width := int64(f.size(f.in(1), 1))
	sizes := f.n.Attrs["qkv_hidden_sizes"].Ints
	if len(sizes) == 0 {
		sizes = []int64{width / 3, width / 3, width / 3}
	}
	if len(sizes) != 3 || width < 1 || sizes[0]+sizes[1]+sizes[2] != width || sizes[0] != sizes[1] || sizes[0]%int64(heads) != 0 || sizes[2]%int64(heads) != 0 {
		return false
	}
	var parts []string
	start := int64(0)
	for _, n := range sizes {
		y := f.op("MatMul", nil, f.in(0), f.slice(f.in(1), 1, start, start+n))
		if f.has(2) {
			y = f.add(y, f.slice(f.in(2), 0, start, start+n))
		}
		parts, start = append(parts, f.heads(y, heads)), start+n
	}
	a := &attended{q: parts[0], k: parts[1], v: parts[2], mask: f.in(3), bias: f.in(5), causal: f.n.Int("unidirectional", 0) != 0, size: int(sizes[0]) / heads}
	if f.has(4) {
		half := func(i int64) string {
			return f.op("Gather", map[string]graph.Attr{"axis": intAttr(0)}, f.in(4), f.whole(i))
		}
		a.pastKey, a.pastVal = half(0), half(1)
	}
	y, ok := f.attend(a)
	if !ok {
		return false
	}
	f.result(0, y)
	if f.wants(1) {
		f.result(1, f.op("Concat", map[string]graph.Attr{"axis": intAttr(0)}, f.unsqueeze(a.presentK, 0), f.unsqueeze(a.presentV, 0)))
	}
	return true
}

// fuseHeads is MultiHeadAttention: query [batch, steps, heads·size], key and value likewise or, already cut into heads, with 4
// dimensions; a bias of all three parts; past and present ones as outputs 1 and 2.
func fuseHeads(f *fusion) bool {
	heads := int(f.n.Int("num_heads", 0))
	if !f.only(3, "mask_filter_value", "num_heads", "scale", "unidirectional") || heads < 1 || !f.dtype.Float() || !f.onlyOutputs(0, 1, 2) || f.has(8) || f.has(9) || f.has(6) != f.has(7) {
		return false
	}
	ranks := []int{f.rank(f.in(0)), f.rank(f.in(1)), f.rank(f.in(2))}
	width, values := int64(f.size(f.in(0), 2)), int64(f.size(f.in(2), 2))
	cut := slices.Equal(ranks, []int{3, 4, 4})
	if !cut && !slices.Equal(ranks, []int{3, 3, 3}) || width < 1 || width%int64(heads) != 0 || f.has(3) && (cut || values < 1) {
		return false
	}
	in, start := []string{f.in(0), f.in(1), f.in(2)}, int64(0)
	for i, n := range []int64{width, width, values} {
		if f.has(3) {
			in[i] = f.add(in[i], f.slice(f.in(3), 0, start, start+n))
			start += n
		}
		if i == 0 || !cut {
			in[i] = f.heads(in[i], heads)
		}
	}
	a := &attended{q: in[0], k: in[1], v: in[2], mask: f.in(4), bias: f.in(5), pastKey: f.in(6), pastVal: f.in(7),
		causal: f.n.Int("unidirectional", 0) != 0, size: int(width) / heads}
	y, ok := f.attend(a)
	if !ok {
		return false
	}
	f.result(0, y)
	f.result(1, a.presentK)
	f.result(2, a.presentV)
	return true
}

// fuseRotary is RotaryEmbedding: pairs of each head's first elements are rotated by the angles of their steps, which
// position_ids number, [batch, steps] or the first one's alone.
func fuseRotary(f *fusion) bool {
	if !f.only(4, "interleaved", "is_packed_batching", "num_heads", "rotary_embedding_dim", "scale") || f.n.Int("is_packed_batching", 0) != 0 ||
		f.n.Float("scale", 1) != 1 || !f.dtype.Float() {
		return false
	}
	x, half := f.in(0), int64(f.size(f.in(2), 1))
	rank, heads := f.rank(x), int(f.n.Int("num_heads", 0))
	if half < 1 || rank != 3 && rank != 4 {
		return false
	}
	if rank == 3 {
		if part := int(f.n.Int("rotary_embedding_dim", 0)); heads == 0 && part == 0 && f.size(x, 2) > 0 {
			heads = f.size(x, 2) / int(2*half)
		}
		if heads < 1 {
			return false
		}
		x = f.heads(x, heads)
	}
	at := f.in(1)
	switch f.rank(at) {
	case 1:
		first := f.op("Reshape", nil, at, f.ints())
		at = f.unsqueeze(f.count(first, f.op("Add", nil, first, f.extent(x, 2))), 0)
	case 2:
	default:
		return false
	}
	cos, sin := f.unsqueeze(f.op("Gather", nil, f.in(2), at), 1), f.unsqueeze(f.op("Gather", nil, f.in(3), at), 1)
	y := f.rotate(x, cos, sin, half, f.n.Int("interleaved", 0) != 0)
	if size := f.size(f.in(0), -1); rank == 4 && size != int(2*half) || rank == 3 && size != heads*int(2*half) {
		y = f.op("Concat", map[string]graph.Attr{"axis": intAttr(-1)}, y, f.slice(x, -1, 2*half, math.MaxInt64))
	}
	if rank == 3 {
		y = f.op("Reshape", nil, f.op("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 2, 1, 3)}, y), f.ints(0, 0, -1))
	}
	f.result(0, y)
	return true
}

// rotate turns the pairs (a, b) of the first 2·half elements of each head into (cos·a - sin·b, sin·a + cos·b). A pair are
// neighbours, or one of each half.
func (f *fusion) rotate(x, cos, sin string, half int64, neighbours bool) string {
	var a, b string
	if neighbours {
		pairs := f.op("Reshape", nil, f.slice(x, -1, 0, 2*half), f.ints(0, 0, 0, half, 2))
		pick := map[string]graph.Attr{"axis": intAttr(4)}
		a, b = f.op("Gather", pick, pairs, f.whole(0)), f.op("Gather", pick, pairs, f.whole(1))
	} else {
		a, b = f.slice(x, -1, 0, half), f.slice(x, -1, half, 2*half)
	}
	left := f.op("Sub", nil, f.op("Mul", nil, a, cos), f.op("Mul", nil, b, sin))
	right := f.op("Add", nil, f.op("Mul", nil, a, sin), f.op("Mul", nil, b, cos))
	if !neighbours {
		return f.op("Concat", map[string]graph.Attr{"axis": intAttr(-1)}, left, right)
	}
	both := f.op("Concat", map[string]graph.Attr{"axis": intAttr(-1)}, f.unsqueeze(left, 4), f.unsqueeze(right, 4))
	return f.op("Reshape", nil, both, f.ints(0, 0, 0, 2*half))
}
