package ensemble_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/sbinet/npyio/npy"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/ensemble"
	"github.com/shardwise/shardwise/splitter/layout"
)

// served is a split ensemble whose shards run in this process.
type served struct {
	*manifest.Manifest
	dir     string
	cluster *shardtest.Cluster
	c       *coordinator.Coordinator
}

func serve(t *testing.T, path string, members int) *served {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	m, err := splitter.Split(t.Context(), path, dir, layout.Options{Shards: members}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{Manifest: m, dir: dir, cluster: shardtest.New(t, dir)}
	if s.c, err = coordinator.Open(dir, coordinator.Options{Invoker: s.cluster}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.c.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *served) ask(t *testing.T, in tensor.Named) tensor.Named {
	t.Helper()
	r, err := s.c.Run(t.Context(), coordinator.Request{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	return r.Outputs
}

// request asks for the default outputs.
func request(in tensor.Named) coordinator.Request { return coordinator.Request{Inputs: in} }

// describe writes a description into dir.
func describe(t *testing.T, dir string, d any) string {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ensemble.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// layer is a model of one dense layer with random weights.
type layer struct {
	input, output string
	in, out       int
	op            string // behind the product; "" for none
	opset         int64
	dtype         tensor.DType
	fixed         int // rows, when they are not of any number
}

func (l layer) graph(rng *rand.Rand) *graph.Graph {
	d := l.dtype
	if d == tensor.Invalid {
		d = tensor.F32
	}
	rows := graph.Dim{Size: -1, Symbol: []string{"n", "batch", "N"}[rng.IntN(3)]}
	if l.fixed > 0 {
		rows = graph.Dim{Size: l.fixed}
	}
	value := func(name string, width int) graph.Value {
		return graph.Value{Name: name, DType: d, Ranked: true, Dims: []graph.Dim{rows, {Size: width}}}
	}
	w := tensor.New(tensor.F64, l.in, l.out)
	for i := range tensor.Of[float64](w) {
		tensor.Of[float64](w)[i] = rng.NormFloat64()
	}
	w, err := tensor.Convert(w, d)
	if err != nil {
		panic(err)
	}
	g := &graph.Graph{Name: "layer", Opsets: map[string]int64{"": l.opset}, Inputs: []graph.Value{value(l.input, l.in)}, Outputs: []graph.Value{value(l.output, l.out)},
		Weights: map[string]*graph.Weight{"w": {Name: "w", DType: d, Shape: w.Shape(), Data: w.Bytes()}}}
	product := l.output
	if l.op != "" {
		product = "product"
	}
	g.Nodes = []*graph.Node{{Name: "product", Op: "MatMul", Inputs: []string{l.input, "w"}, Outputs: []string{product}}}
	if l.op != "" {
		g.Nodes = append(g.Nodes, &graph.Node{Name: "last", Op: l.op, Inputs: []string{product}, Outputs: []string{l.output}})
	}
	return g
}

func save(t *testing.T, path string, g *graph.Graph) {
	t.Helper()
	data, err := onnx.Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// reference is a case of testdata: what scikit-learn's own ensemble answers.
type reference struct {
	Members         int
	Inputs, Outputs map[string]string
	dir             string
}

func references(t *testing.T) map[string]reference {
	t.Helper()
	out := map[string]reference{}
	paths, err := filepath.Glob(filepath.Join("testdata", "*", "case.json"))
	if err != nil || len(paths) < 13 {
		t.Fatalf("%d cases, error %v", len(paths), err)
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		r := reference{dir: filepath.Dir(p)}
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(r.dir)] = r
	}
	return out
}

func (r *reference) arrays(t *testing.T, files map[string]string) tensor.Named {
	t.Helper()
	out := tensor.Named{}
	for name, file := range files {
		f, err := os.Open(filepath.Join(r.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		n, err := npy.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		shape := n.Header.Descr.Shape
		switch n.Header.Descr.Type {
		case "<f4":
			out[name] = array[float32](t, n, tensor.F32, shape)
		case "<i8":
			out[name] = array[int64](t, n, tensor.I64, shape)
		default:
			t.Fatalf("%s has dtype %s", file, n.Header.Descr.Type)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func array[T tensor.Element](t *testing.T, n *npy.Reader, d tensor.DType, shape []int) *tensor.Tensor {
	t.Helper()
	var v []T
	if err := n.Read(&v); err != nil {
		t.Fatal(err)
	}
	x, err := tensor.FromSlice(d, v, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// members are entries of a description for files m0.onnx and so on.
func members(n int) []ensemble.Member {
	out := make([]ensemble.Member, n)
	for i := range out {
		out[i].Model = fmt.Sprintf("m%d.onnx", i)
	}
	return out
}
