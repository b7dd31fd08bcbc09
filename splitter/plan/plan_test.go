package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// model is a graph without bytes, with the types of its values.
type model struct {
	g      *graph.Graph
	values map[string]graph.Value
}

func newModel() *model {
	return &model{g: &graph.Graph{Name: "m", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}}, values: map[string]graph.Value{}}
}

func (m *model) value(name string, dims ...int) graph.Value {
	v := graph.Value{Name: name, DType: tensor.F32, Ranked: true}
	for _, d := range dims {
		dim := graph.Dim{Size: d}
		if d < 0 {
			dim.Symbol = manifest.Batch
		}
		v.Dims = append(v.Dims, dim)
	}
	m.values[name] = v
	return v
}

func (m *model) weight(name string, shape ...int) string {
	m.g.Weights[name] = &graph.Weight{Name: name, DType: tensor.F32, Shape: shape, Location: "w", Length: 1}
	m.value(name, shape...)
	return name
}

func (m *model) node(op, out string, dims []int, in ...string) string {
	m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}})
	m.value(out, dims...)
	return out
}

func (m *model) prepared() *sharding.Graph { return sharding.New(m.g, m.values) }

// perceptron is MatMul, Add and Relu over the widths.
func perceptron(widths ...int) *model {
	m := newModel()
	m.g.Inputs = []graph.Value{m.value("x", -1, widths[0])}
	last := "x"
	for i, width := range widths[1:] {
		dims := []int{-1, width}
		last = m.node("MatMul", fmt.Sprintf("matmul%d", i), dims, last, m.weight(fmt.Sprintf("w%d", i), widths[i], width))
		last = m.node("Add", fmt.Sprintf("add%d", i), dims, last, m.weight(fmt.Sprintf("b%d", i), width))
		last = m.node("Relu", fmt.Sprintf("relu%d", i), dims, last)
	}
	m.g.Outputs = []graph.Value{m.values[last]}
	return m
}

// text is a plan in one line: per stage, its pieces by their heavy nodes.
func text(c *Candidate) string {
	var stages []string
	for _, st := range c.Plan.Stages {
		var pieces []string
		for i := range st.Pieces {
			p := &st.Pieces[i]
			var names []string
			for _, n := range p.List() {
				if node := c.Plan.Graph.Nodes[n]; len(node.Inputs) > 1 && strings.HasPrefix(node.Inputs[len(node.Inputs)-1], "w") {
					names = append(names, node.Name)
				}
			}
			how := "cut"
			if p.Region == nil {
				how = fmt.Sprintf("on %d", st.Shards[p.At])
			}
			pieces = append(pieces, strings.Join(names, " ")+" "+how)
		}
		stages = append(stages, strings.Join(pieces, " and "))
	}
	return strings.Join(stages, ", ")
}

func TestPerceptronsHaveTheFewestRounds(t *testing.T) {
	const big = 2048 // big x big is 16 MiB, far above what may stay local
	for _, c := range []struct {
		widths []int
		shards int
		want   string
	}{
		{[]int{64, 256, 128, 10}, 4, "matmul0 matmul1 cut"},
		{[]int{big, big}, 4, "matmul0 cut"},
		{[]int{big, 1}, 4, "matmul0 cut"},
		{[]int{1 << 20, 8}, 4, "matmul0 cut"},
		{[]int{big, big, big}, 4, "matmul0 matmul1 cut"},
		{[]int{big, big, big, big}, 4, "matmul0 on 0, matmul1 matmul2 cut"}, // four would wait longer for the slowest than one computes
		{[]int{big, big, big, big, big}, 4, "matmul0 matmul1 cut, matmul2 matmul3 cut"},
		{[]int{16, big, big, big, 4}, 8, "matmul1 matmul2 cut"},
	} {
		p := New(perceptron(c.widths...).prepared(), Options{})
		best, err := p.Best(c.shards)
		if err != nil {
			t.Errorf("%v: %v", c.widths, err)
			continue
		}
		if got := text(best); got != c.want {
			t.Errorf("%v at %d shards: %s, wanted %s", c.widths, c.shards, got, c.want)
			for _, x := range p.Candidates(c.shards) {
				t.Logf("  %-30s %-60s %.2f ms", x.Kind, text(&x), x.Estimate.WarmMS)
			}
		}
	}
}
