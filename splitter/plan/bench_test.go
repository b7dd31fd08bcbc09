package plan

import (
	"fmt"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// transformer is a decoder of so many layers, 20 nodes and 12 weights each, with tables in front and a wide output layer.
func transformer(layers, width, heads, steps, words int) *model {
	m := newModel()
	const batch = 1
	size := width / heads
	m.g.Inputs = []graph.Value{m.value("ids", batch, steps)}
	ids := m.values["ids"]
	ids.DType = tensor.I64
	m.values["ids"], m.g.Inputs[0] = ids, ids
	dims := []int{batch, steps, width}
	x := m.node("Gather", "embed", dims, m.weight("words", words, width), "ids")
	ints := func(name string, values ...int64) string {
		t, err := tensor.FromSlice(tensor.I64, values, len(values))
		if err != nil {
			panic(err)
		}
		m.g.Weights[name] = &graph.Weight{Name: name, DType: tensor.I64, Shape: t.Shape(), Data: t.Bytes()}
		m.value(name, len(values))
		v := m.values[name]
		v.DType = tensor.I64
		m.values[name] = v
		return name
	}
	split, join := ints("split", batch, int64(steps), int64(heads), int64(size)), ints("join", batch, int64(steps), int64(width))
	attr := func(name string, a graph.Attr) {
		n := m.g.Nodes[len(m.g.Nodes)-1]
		if n.Attrs == nil {
			n.Attrs = map[string]graph.Attr{}
		}
		n.Attrs[name] = a
	}
	perm := func(out string, dims []int, in string, order ...int64) string {
		m.node("Transpose", out, dims, in)
		attr("perm", graph.Attr{Kind: graph.AttrInts, Ints: order})
		return out
	}
	for l := range layers {
		name := func(s string) string { return fmt.Sprintf("l%d/%s", l, s) }
		linear := func(out, in string, from, to int) string {
			d := []int{batch, steps, to}
			y := m.node("MatMul", name(out), d, in, m.weight(name(out+"_w"), from, to))
			return m.node("Add", name(out+"_bias"), d, y, m.weight(name(out+"_b"), to))
		}
		norm := func(out, in string) string {
			m.node("LayerNormalization", name(out), dims, in, m.weight(name(out+"_g"), width))
			return name(out)
		}
		h := norm("norm1", x)
		head := func(p string) string {
			return m.node("Reshape", name(p+"_r"), []int{batch, steps, heads, size}, linear(p, h, width, width), split)
		}
		q := perm(name("qt"), []int{batch, heads, steps, size}, head("q"), 0, 2, 1, 3)
		k := perm(name("kt"), []int{batch, heads, size, steps}, head("k"), 0, 2, 3, 1)
		v := perm(name("vt"), []int{batch, heads, steps, size}, head("v"), 0, 2, 1, 3)
		s := m.node("MatMul", name("qk"), []int{batch, heads, steps, steps}, q, k)
		s = m.node("Softmax", name("soft"), []int{batch, heads, steps, steps}, s)
		c := perm(name("ct"), []int{batch, steps, heads, size}, m.node("MatMul", name("ctx"), []int{batch, heads, steps, size}, s, v), 0, 2, 1, 3)
		c = m.node("Reshape", name("joined"), dims, c, join)
		x = m.node("Add", name("res1"), dims, linear("o", c, width, width), x)
		h = norm("norm2", x)
		h = m.node("Gelu", name("act"), []int{batch, steps, 4 * width}, linear("up", h, width, 4*width))
		x = m.node("Add", name("res2"), dims, linear("down", h, 4*width, width), x)
	}
	y := m.node("MatMul", "logits", []int{batch, steps, words}, x, m.weight("head", width, words))
	m.g.Opsets[""] = 20
	m.g.Outputs = []graph.Value{m.values[y]}
	return m
}

func BenchmarkPlan(b *testing.B) {
	for _, layers := range []int{20, 190} {
		m := transformer(layers, 2048, 16, 64, 32000)
		b.Run(fmt.Sprintf("nodes=%d/weights=%d", len(m.g.Nodes), len(m.g.Weights)), func(b *testing.B) {
			for b.Loop() {
				g := sharding.New(m.g, m.values)
				if _, err := New(g, Options{}).Best(8); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRegions(b *testing.B) {
	m := transformer(190, 2048, 16, 64, 32000)
	for b.Loop() {
		if len(sharding.New(m.g, m.values).Regions()) == 0 {
			b.Fatal("no region")
		}
	}
}

// BenchmarkExplore is what shardwise plan does with a model of 6 GiB.
func BenchmarkExplore(b *testing.B) {
	m := transformer(20, 2560, 20, 64, 20000)
	for b.Loop() {
		if _, err := New(sharding.New(m.g, m.values), Options{}).Explore(b.Context(), Wish{}); err != nil {
			b.Fatal(err)
		}
	}
}
