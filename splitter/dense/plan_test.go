package dense

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// perceptron is a model of MatMul, Add and Relu over the widths, without bytes.
func perceptron(widths ...int) *Model {
	m := &Model{Graph: &graph.Graph{Name: "perceptron", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}}, Values: map[string]graph.Value{},
		Dims: func(dims []graph.Dim) []manifest.Dim {
			out := make([]manifest.Dim, len(dims))
			for i, d := range dims {
				out[i] = manifest.Dim{Size: d.Size}
				if d.Size < 0 {
					out[i] = manifest.Dim{Name: d.Symbol}
				}
			}
			return out
		},
		Read: func(w *graph.Weight) (io.ReaderAt, error) { return nil, errors.New("no bytes") }}
	value := func(name string, width int) graph.Value {
		v := graph.Value{Name: name, DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: manifest.Batch}, {Size: width}}}
		m.Values[name] = v
		return v
	}
	weight := func(name string, shape ...int) string {
		m.Graph.Weights[name] = &graph.Weight{Name: name, DType: tensor.F32, Shape: shape}
		m.Values[name] = graph.Value{Name: name, DType: tensor.F32, Ranked: true}
		return name
	}
	m.Graph.Inputs = []graph.Value{value("x", widths[0])}
	last := "x"
	for i, width := range widths[1:] {
		for _, op := range []string{"MatMul", "Add", "Relu"} {
			out := fmt.Sprintf("%s%d", strings.ToLower(op), i)
			n := &graph.Node{Name: out, Op: op, Inputs: []string{last}, Outputs: []string{out}}
			switch op {
			case "MatMul":
				n.Inputs = append(n.Inputs, weight(fmt.Sprintf("w%d", i), widths[i], width))
			case "Add":
				n.Inputs = append(n.Inputs, weight(fmt.Sprintf("b%d", i), width))
			}
			m.Graph.Nodes = append(m.Graph.Nodes, n)
			m.Graph.Outputs = []graph.Value{value(out, width)}
			last = out
		}
	}
	return m
}

func TestPlansHaveTheFewestStages(t *testing.T) {
	const big = 2048 // big x big is 16 MiB, far above what may stay local
	for _, c := range []struct {
		widths []int
		shards int
		groups string // per stage: how it begins and its layers
	}{
		{[]int{64, 256, 128, 10}, 4, "columns 0 1"},                     // the last layer is local
		{[]int{big, big}, 4, "columns 0"},                               // one large layer
		{[]int{big, 1}, 4, "rows 0"},                                    // wide input, one output
		{[]int{1 << 20, 8}, 4, "rows 0"},                                // a lone wide first layer
		{[]int{big, big, big}, 4, "columns 0 1"},                        // a pair
		{[]int{big, big, big, big}, 4, "columns 0, columns 1 2"},        // three: two rounds
		{[]int{big, big, big, big, big}, 4, "columns 0 1, columns 2 3"}, // four: two rounds
		{[]int{16, big, big, big, 4}, 8, "columns 1 2"},                 // narrow ends are local
	} {
		p, err := newPlanner(perceptron(c.widths...)).choose(c.shards)
		if err != nil {
			t.Errorf("%v: %v", c.widths, err)
			continue
		}
		var got []string
		for _, g := range p.groups {
			text := "columns"
			if g.how == byRows {
				text = "rows"
			}
			for _, i := range append([]int{g.first}, g.rows...) {
				text += fmt.Sprint(" ", i)
			}
			got = append(got, text)
		}
		if strings.Join(got, ", ") != c.groups {
			t.Errorf("%v at %d shards: %s, wanted %s", c.widths, c.shards, strings.Join(got, ", "), c.groups)
		}
	}
}

func TestNoShardIsEmptyAndTooManyAreRefused(t *testing.T) {
	m := perceptron(12, 9, 4)
	most := MaxShards(m)
	if most != 12 {
		t.Errorf("largest count %d, wanted 12: the first layer by rows", most)
	}
	for n := 1; n <= most; n++ {
		l, err := Partition(t.Context(), m, layout.Options{Shards: n, Name: "m", Version: "1"})
		if err != nil {
			t.Fatalf("%d shards: %v", n, err)
		}
		for _, s := range l.Manifest.Steps {
			if s.Stage == nil {
				continue
			}
			cuts := slices.Concat(s.Stage.Inputs[0].Scatter.Bounds, s.Stage.Outputs[0].Merge.Bounds)
			for i := 1; i < len(cuts); i++ {
				if cuts[i] <= cuts[i-1] {
					t.Errorf("%d shards: bounds %v have an empty part", n, cuts)
				}
			}
		}
		if len(l.Manifest.Shards) != n {
			t.Errorf("%d shards, wanted %d", len(l.Manifest.Shards), n)
		}
	}
	_, err := Partition(t.Context(), m, layout.Options{Shards: most + 1, Name: "m", Version: "1"})
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "12") {
		t.Errorf("13 shards: error %v, wanted a refusal that names 12", err)
	}
}

func TestPartsAreEvenToOneColumn(t *testing.T) {
	for width := 1; width < 200; width++ {
		for n := 1; n <= width; n++ {
			b := bounds(width, n)
			for i := 1; i <= n; i++ {
				if part := b[i] - b[i-1]; part < width/n || part > width/n+1 || b[n] != width || b[0] != 0 {
					t.Fatalf("width %d in %d parts: %v", width, n, b)
				}
			}
		}
	}
}

func TestMemoryTakesTheFewestShardsThatFit(t *testing.T) {
	m := perceptron(2048, 4096, 4096, 10) // 32 + 64 MiB
	last := 1 << 30
	for _, mb := range []int{100, 128, 192, 256, 1024} {
		l, err := Partition(t.Context(), m, layout.Options{MemoryMB: mb, Name: "m", Version: "1"})
		if err != nil {
			t.Fatalf("%d MB: %v", mb, err)
		}
		n := len(l.Manifest.Shards)
		if need := widest(l.Manifest); need > int64(mb)<<20 {
			t.Errorf("%d MB: a function needs %d bytes", mb, need)
		}
		if n > 1 {
			fewer, err := Partition(t.Context(), m, layout.Options{Shards: n - 1, Name: "m", Version: "1"})
			if err != nil {
				t.Fatal(err)
			}
			if widest(fewer.Manifest) <= int64(mb)<<20 {
				t.Errorf("%d MB: %d shards, and %d would do", mb, n, n-1)
			}
		}
		if n > last {
			t.Errorf("%d MB takes %d shards, less memory took %d", mb, n, last)
		}
		last = n
	}
	_, err := Partition(t.Context(), m, layout.Options{MemoryMB: 20, Name: "m", Version: "1"})
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "MB") {
		t.Errorf("20 MB: error %v, wanted a refusal that says how much is needed", err)
	}
}

func TestLargeWeightsThatCannotBeCutAreRefusedByNode(t *testing.T) {
	m := perceptron(64, 64, 8)
	m.Graph.Weights["table"] = &graph.Weight{Name: "table", DType: tensor.F32, Shape: tensor.Shape{1 << 20, 64}}
	n := &graph.Node{Name: "embed", Op: "Gather", Inputs: []string{"table", "ids"}, Outputs: []string{"e"}}
	m.Graph.Nodes = append(m.Graph.Nodes, n)
	m.Values["e"] = graph.Value{Name: "e", DType: tensor.F32}
	_, err := Partition(t.Context(), m, layout.Options{Shards: 2, Name: "m", Version: "1"})
	var refused *layout.RefusalError
	if !errors.As(err, &refused) || !strings.Contains(refused.Subject, "embed") {
		t.Errorf("error %v, wanted a refusal of node embed", err)
	}
}
