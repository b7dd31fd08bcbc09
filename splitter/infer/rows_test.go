package infer_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// TestIndependentRowsMayBeCut takes the ONNX project's node tests for models with any number of rows. Where rows are said to
// be independent, the model must give the same bits for two halves as for the whole.
func TestIndependentRowsMayBeCut(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(*cases, "*", "model.onnx"))
	if err != nil || len(paths) == 0 {
		t.Skipf("no test cases in %s: install libonnx-testdata", *cases)
	}
	cut := map[string]bool{}
	for _, path := range paths {
		g := scan(t, path)
		if g == nil {
			continue
		}
		inputs := tensor.Named{}
		for i, v := range g.Inputs {
			if x, ok := reference(t, filepath.Join(filepath.Dir(path), "test_data_set_0", fmt.Sprintf("input_%d.pb", i))); ok && x.DType() == v.DType {
				inputs[v.Name] = x
			}
		}
		if len(inputs) != len(g.Inputs) || len(inputs) == 0 {
			continue
		}
		// Every set of inputs may be the one that has the rows.
		for set := 1; set < 1<<min(len(g.Inputs), 4); set++ {
			if cutHalves(t, filepath.Base(filepath.Dir(path)), g, inputs, set) {
				for _, n := range g.Nodes {
					cut[n.Op] = true
				}
			}
		}
	}
	t.Logf("models with %d operators were cut", len(cut))
	if len(cut) < 40 {
		t.Errorf("only models of %v were cut", cut)
	}
}

// cutHalves gives the inputs of the set rows, as constants the others, and reports whether the model could be cut.
func cutHalves(t *testing.T, name string, g *graph.Graph, inputs tensor.Named, set int) bool {
	t.Helper()
	c := *g
	c.Inputs, c.Weights = nil, map[string]*graph.Weight{}
	for k, w := range g.Weights {
		c.Weights[k] = w
	}
	rows := -1
	for i, v := range g.Inputs {
		x := inputs[v.Name]
		if set>>i&1 == 0 {
			w := &graph.Weight{Name: v.Name, DType: x.DType(), Shape: x.Shape(), Data: x.Bytes()}
			if x.DType() == tensor.String {
				return false
			}
			c.Weights[v.Name] = w
			continue
		}
		if x.Rank() == 0 || rows >= 0 && x.Dim(0) != rows || x.Dim(0) < 2 {
			return false
		}
		rows = x.Dim(0)
		in := graph.Value{Name: v.Name, DType: x.DType(), Ranked: true}
		for j, d := range x.Shape() {
			in.Dims = append(in.Dims, graph.Dim{Size: d})
			if j == 0 {
				in.Dims[0] = graph.Dim{Size: -1, Symbol: "batch"}
			}
		}
		c.Inputs = append(c.Inputs, in)
	}
	s := infer.NewScope(c.Opsets)
	if err := s.Graph(&c); err != nil {
		return false // it needs this number of rows
	}
	r := infer.AnalyseRows(&c, s, "batch")
	p, err := native.New().Compile(&c, nil)
	if err != nil {
		return false
	}
	run := func(lo, hi int) (tensor.Named, error) {
		in := tensor.Named{}
		for _, v := range c.Inputs {
			part, err := inputs[v.Name].Rows(lo, hi)
			if err != nil {
				t.Fatal(err)
			}
			in[v.Name] = part
		}
		return p.Run(t.Context(), in, nil)
	}
	whole, err := run(0, rows)
	if err != nil {
		return false
	}
	did := false
	for _, o := range c.Outputs {
		at, ok := r.Dim(o.Name)
		if !ok {
			continue
		}
		var parts []*tensor.Tensor
		for _, b := range [][2]int{{0, 1}, {1, rows}} {
			out, err := run(b[0], b[1])
			if err != nil {
				t.Errorf("%s: rows of %s are said to be independent, but for %v rows: %v", name, o.Name, b, err)
				return true
			}
			parts = append(parts, out[o.Name])
		}
		did = true
		if !sameRows(whole[o.Name], parts, at) {
			t.Errorf("%s: rows of %s are said to be independent along dimension %d of %v, but differ: %v, %v", name, o.Name, at, whole[o.Name], parts[0], parts[1])
		}
	}
	return did
}

// sameRows compares the whole with the parts put together along a dimension.
func sameRows(whole *tensor.Tensor, parts []*tensor.Tensor, at int) bool {
	size := whole.DType().Size()
	if size == 0 || whole.Rank() <= at {
		return true
	}
	outer, inner := 1, size
	for i, d := range whole.Shape() {
		if i < at {
			outer *= d
		} else if i > at {
			inner *= d
		}
	}
	var joined []byte
	for o := range outer {
		for _, p := range parts {
			if p.Rank() != whole.Rank() {
				return false
			}
			run := p.Dim(at) * inner
			if len(p.Bytes()) != outer*run {
				return false
			}
			joined = append(joined, p.Bytes()[o*run:(o+1)*run]...)
		}
	}
	return bytes.Equal(joined, whole.Bytes())
}
