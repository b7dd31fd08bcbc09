package trees_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	enginetrees "github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// cluster is a laid-out model whose files are written and whose shards run in this process, one after the other.
type cluster struct {
	m     *manifest.Manifest
	parts []part // shards, then the coordinator
}

// part is one owner of files: its program and its weights.
type part struct {
	g       *graph.Graph
	weights *shardfile.Reader
	bytes   []byte // of all files
}

// build writes the files of a layout as the splitter does and opens them.
func build(t testing.TB, l *layout.Layout) *cluster {
	t.Helper()
	dir := t.TempDir()
	c := &cluster{m: l.Manifest, parts: make([]part, len(l.Manifest.Shards)+1)}
	for _, f := range l.Files {
		i := f.Shard
		if i == layout.CoordinatorFile {
			i = len(l.Manifest.Shards)
		}
		p := &c.parts[i]
		if f.Weights == nil {
			g, err := onnx.Decode(f.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			p.g, p.bytes = g, append(p.bytes, f.Bytes...)
			continue
		}
		path := filepath.Join(dir, f.Path)
		data, entry := writeWeights(t, f)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := shardfile.Open(path, entry)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		p.weights, p.bytes = r, append(p.bytes, data...)
	}
	return c
}

func writeWeights(t testing.TB, f layout.File) ([]byte, manifest.File) {
	t.Helper()
	var out bytes.Buffer
	w, err := shardfile.NewWriter(&out, f.Weights.Tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Weights.Tensors {
		if err := w.WriteTensor(writerOf(f, i)); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), manifest.File{Role: f.Role, Path: f.Path, Bytes: sum.Bytes, SHA256: sum.SHA256, Chunks: &sum.Chunks}
}

// run runs the nodes of the part's program, in their order.
func (p *part) run(t testing.TB, in tensor.Named, want ...string) tensor.Named {
	t.Helper()
	values := tensor.Named{}
	for name, v := range in {
		values[name] = v
	}
	for _, n := range p.g.Nodes {
		ops := enginetrees.Table()[engine.Key{Domain: n.Domain, Op: n.Op}]
		if len(ops) != 1 {
			t.Fatalf("operator %s.%s has %d definitions", n.Domain, n.Op, len(ops))
		}
		constant := func(i int) *graph.Weight { return p.g.Weights[n.Inputs[i]] }
		k, err := ops[0].Build(&engine.Site{Node: n, Opset: p.g.Opsets[n.Domain], Weights: p.weights, Const: constant})
		if err != nil {
			t.Fatal(err)
		}
		call := &engine.Call{Ctx: context.Background(), In: make([]*tensor.Tensor, len(n.Inputs)), Want: make([]bool, len(n.Outputs)), Out: make([]*tensor.Tensor, len(n.Outputs))}
		for i, name := range n.Inputs {
			switch {
			case name == "":
			case constant(i) != nil:
				if call.In[i], err = p.weights.Weight(name); err != nil {
					t.Fatal(err)
				}
			default:
				call.In[i] = values[name]
			}
		}
		for i := range n.Outputs {
			call.Want[i] = true
		}
		if err := k.Run(call); err != nil {
			t.Fatal(err)
		}
		for i, name := range n.Outputs {
			values[name] = call.Out[i]
		}
	}
	out := tensor.Named{}
	for _, name := range want {
		out[name] = values[name]
	}
	return out
}

// predict runs the plan: rows in, the three outputs out, with the stage's merges done in plain loops.
func (c *cluster) predict(t testing.TB, x *tensor.Tensor) (prediction, exact, sum []float32, leaf []int32) {
	t.Helper()
	coordinator := &c.parts[len(c.m.Shards)]
	table, err := coordinator.weights.Weight("tree_outputs")
	if err != nil {
		t.Fatal(err)
	}
	rows, stage := x.Dim(0), c.m.Steps[0].Stage
	k := len(stage.Outputs[0].Merge.Init)
	exact, sums := make([]float32, rows*k), make([]float64, rows*k)
	for i := range exact {
		exact[i], err = manifest.ParseHexF32(stage.Outputs[0].Merge.Init[i%k])
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = float64(exact[i])
	}
	trees, first, column := stage.Outputs[2].Merge.Bounds[len(c.m.Shards)], 0, 0
	leaf = make([]int32, rows*trees)
	for s := range c.m.Shards {
		out := c.parts[s].run(t, tensor.Named{"features": c.scatter(x, s)}, "leaf_values", "margin_sum", "leaf")
		values, n := tensor.Of[float32](out["leaf_values"]), out["leaf_values"].Dim(1)
		for i, v := range values {
			exact[i/n*k+int(tensor.Of[int32](table)[column+i%n])] += v
		}
		for i, v := range tensor.Of[float64](out["margin_sum"]) {
			sums[i] += v
		}
		count := out["leaf"].Dim(1)
		for i, v := range tensor.Of[int32](out["leaf"]) {
			leaf[i/count*trees+first+i%count] = v
		}
		first, column = first+count, column+n
	}
	for _, v := range sums {
		sum = append(sum, float32(v))
	}
	margin, err := tensor.FromSlice(tensor.F32, exact, rows, k)
	if err != nil {
		t.Fatal(err)
	}
	p := coordinator.run(t, tensor.Named{"margin": margin}, "prediction")["prediction"]
	return tensor.Of[float32](p), exact, sum, leaf
}

// scatter gives shard s its input.
func (c *cluster) scatter(x *tensor.Tensor, s int) *tensor.Tensor {
	if c.m.Steps[0].Stage.Inputs[0].Scatter.Kind == manifest.ScatterReplicate {
		return x
	}
	columns := c.m.Shards[s].Trees.Features
	out := tensor.New(tensor.F32, x.Dim(0), len(columns))
	src, dst := tensor.Of[float32](x), tensor.Of[float32](out)
	for r := range x.Dim(0) {
		for i, f := range columns {
			dst[r*len(columns)+i] = src[r*x.Dim(1)+f]
		}
	}
	return out
}

// sameBits compares two slices bit by bit.
func sameBits(a, b []float32) int {
	for i := range a {
		if i >= len(b) || math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	if len(a) != len(b) {
		return len(a)
	}
	return -1
}
