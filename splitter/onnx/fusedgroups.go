package onnx

import (
	"math"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// grouped is what GroupQueryAttention works on.
type grouped struct {
	heads, keyHeads, size int
	q, k, v               string // [batch, heads, steps, size]
	steps, keys           string // scalars: of the query, and of the present keys
	before                string // [batch, 1] of I64: past keys of each row that count
	at                    string // [batch, steps] of I64: positions
}

// fuseGroups is GroupQueryAttention: several heads of queries share one of keys. Row b has seqlens_k[b] + 1 keys in all, the new
// ones among them; while the query is all there is of the sequence, total_sequence_length, there are none before it. New
// keys stand behind those that count, whatever room the past has behind them. Query i sees the keys up to its own, and of these
// its own and local_window_size before it. Outputs 1 and 2 are the present keys and values; behind those that count they hold anything.
func fuseGroups(f *fusion) bool {
	if !f.only(1, "do_rotary", "kv_num_heads", "local_window_size", "num_heads", "rotary_interleaved", "scale", "smooth_softmax", "softcap", "qk_output", "k_quant_type", "v_quant_type", "kv_cache_bit_width") ||
		!f.has(5) || !f.has(6) || f.has(1) != f.has(2) || f.has(3) != f.has(4) || f.n.Int("smooth_softmax", 0) > 0 || f.n.Int("qk_output", 0) > 0 || f.n.Int("kv_cache_bit_width", 0) > 0 ||
		len(f.n.Inputs) > 11 || !f.dtype.Float() || !f.onlyOutputs(0, 1, 2) || f.opset < 12 {
		return false
	}
	g := &grouped{heads: int(f.n.Int("num_heads", 0)), keyHeads: int(f.n.Int("kv_num_heads", 0))}
	if g.heads < 1 || g.keyHeads < 1 || g.heads%g.keyHeads != 0 || f.rank(f.in(0)) != 3 {
		return false
	}
	in, of := []string{f.in(0), f.in(1), f.in(2)}, g.heads
	if !f.has(1) {
		of += 2 * g.keyHeads
	}
	if width := f.size(f.in(0), 2); width < 1 || width%of != 0 {
		return false
	}
	g.size = f.size(f.in(0), 2) / of
	if !f.has(1) {
		end, wide := int64(g.heads*g.size), int64(g.keyHeads*g.size)
		in = []string{f.slice(f.in(0), 2, 0, end), f.slice(f.in(0), 2, end, end+wide), f.slice(f.in(0), 2, end+wide, end+2*wide)}
	}
	g.q, g.k, g.v = f.heads(in[0], g.heads), f.heads(in[1], g.keyHeads), f.heads(in[2], g.keyHeads)
	f.places(g)
	if f.n.Int("do_rotary", 0) != 0 && !f.turn(g) {
		return false
	}
	g.k, g.v = f.present(g, g.k, f.in(3)), f.present(g, g.v, f.in(4))
	f.result(0, f.share(g))
	f.result(1, g.k)
	f.result(2, g.v)
	return true
}

// places computes where each row's new keys stand.
func (f *fusion) places(g *grouped) {
	total := f.op("Reshape", nil, f.cast(f.in(6), tensor.I64), f.ints())
	g.steps = f.extent(f.in(0), 1)
	all := f.op("Add", nil, f.op("Reshape", nil, f.cast(f.in(5), tensor.I64), f.ints(-1, 1)), f.whole(1))
	g.before = f.op("Where", nil, f.op("Equal", nil, g.steps, total), f.whole(0), f.op("Sub", nil, all, g.steps))
	g.at = f.op("Add", nil, g.before, f.count("", g.steps))
	g.keys = total
	if f.has(3) {
		g.keys = f.op("Max", nil, total, f.extent(f.in(3), 2))
	}
}

// turn rotates queries and keys by their positions, those of position_ids if there are any.
func (f *fusion) turn(g *grouped) bool {
	half := int64(f.size(f.in(7), 1))
	if half < 1 || 2*half > int64(g.size) || !f.has(8) {
		return false
	}
	at := g.at
	if f.has(9) {
		if f.rank(f.in(9)) != 2 {
			return false
		}
		at = f.in(9)
	}
	cos, sin := f.unsqueeze(f.op("Gather", nil, f.in(7), at), 1), f.unsqueeze(f.op("Gather", nil, f.in(8), at), 1)
	interleaved := f.n.Int("rotary_interleaved", 0) != 0
	for _, x := range []*string{&g.q, &g.k} {
		y := f.rotate(*x, cos, sin, half, interleaved)
		if 2*half < int64(g.size) {
			y = f.op("Concat", map[string]graph.Attr{"axis": intAttr(-1)}, y, f.slice(*x, -1, 2*half, math.MaxInt64))
		}
		*x = y
	}
	return true
}

// present puts new keys or values behind the past ones that count: place j is past j, or new j - before.
func (f *fusion) present(g *grouped, fresh, past string) string {
	if past == "" {
		return fresh
	}
	both := f.op("Concat", map[string]graph.Attr{"axis": intAttr(2)}, past, fresh)
	room := f.extent(past, 2)
	j := f.count("", g.keys)
	behind := f.op("Add", nil, f.op("Sub", nil, j, g.before), room)
	last := f.op("Sub", nil, f.op("Add", nil, room, g.steps), f.whole(1))
	from := f.op("Where", nil, f.op("Less", nil, j, g.before), j, f.op("Min", nil, behind, last)) // [batch, keys]
	index := f.op("Expand", nil, f.unsqueeze(from, 1, 3), f.ints(1, int64(g.keyHeads), 1, int64(g.size)))
	return f.op("GatherElements", map[string]graph.Attr{"axis": intAttr(2)}, both, index)
}

// share is the attention, each head of keys repeated for its queries.
func (f *fusion) share(g *grouped) string {
	repeat := func(x string) string {
		if g.heads == g.keyHeads {
			return x
		}
		x = f.op("Expand", nil, f.unsqueeze(x, 2), f.ints(1, 1, int64(g.heads/g.keyHeads), 1, 1))
		return f.op("Reshape", nil, x, f.ints(0, int64(g.heads), -1, int64(g.size)))
	}
	scale := float64(f.n.Float("scale", 0))
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(g.size))
	}
	scores := f.op("MatMul", nil, g.q, f.op("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 1, 3, 2)}, repeat(g.k)))
	scores = f.op("Mul", nil, scores, f.number(scale))
	if c := float64(f.n.Float("softcap", 0)); c != 0 {
		scores = f.op("Mul", nil, f.op("Tanh", nil, f.op("Div", nil, scores, f.number(c))), f.number(c))
	}
	scores = f.add(scores, f.in(10))
	j, own := f.count("", g.keys), f.unsqueeze(g.at, 1, 3)
	hidden := f.op("Greater", nil, j, own)
	if w := f.n.Int("local_window_size", -1); w > 0 {
		hidden = f.op("Or", nil, hidden, f.op("Less", nil, j, f.op("Sub", nil, own, f.whole(w))))
	}
	scores = f.op("Where", nil, hidden, f.number(f.lowest()), scores)
	y := f.op("MatMul", nil, f.op("Softmax", map[string]graph.Attr{"axis": intAttr(-1)}, scores), repeat(g.v))
	return f.op("Reshape", nil, f.op("Transpose", map[string]graph.Attr{"perm": intsAttr(0, 2, 1, 3)}, y), f.ints(0, 0, -1))
}
