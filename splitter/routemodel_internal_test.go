package splitter

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// routeModel is a small model with the types of its values, made by hand so that a test can choose how it is cut.
type routeModel struct {
	g      *graph.Graph
	values map[string]graph.Value
	rng    *rand.Rand
	rows   string // of the signature
}

func newRouteModel(rng *rand.Rand) *routeModel {
	return &routeModel{g: &graph.Graph{Name: "m", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}}, values: map[string]graph.Value{}, rng: rng}
}

// typed enters a value; a negative size is the batch.
func (m *routeModel) typed(name string, d tensor.DType, dims ...int) graph.Value {
	v := graph.Value{Name: name, DType: d, Ranked: true}
	for _, n := range dims {
		if n < 0 {
			v.Dims = append(v.Dims, graph.Dim{Size: -1, Symbol: manifest.Batch})
		} else {
			v.Dims = append(v.Dims, graph.Dim{Size: n})
		}
	}
	m.values[name] = v
	return v
}

func (m *routeModel) input(name string, d tensor.DType, dims ...int) string {
	m.g.Inputs = append(m.g.Inputs, m.typed(name, d, dims...))
	return name
}

func (m *routeModel) output(name string) { m.g.Outputs = append(m.g.Outputs, m.values[name]) }

func (m *routeModel) weight(name string, t *tensor.Tensor) string {
	m.g.Weights[name] = &graph.Weight{Name: name, DType: t.DType(), Shape: t.Shape(), Data: t.Bytes()}
	m.typed(name, t.DType(), t.Shape()...)
	return name
}

// floats is a tensor of random numbers with zeros of both signs among them.
func (m *routeModel) floats(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.F32, shape...)
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] = float32(m.rng.NormFloat64())
		if m.rng.IntN(9) == 0 {
			tensor.Of[float32](t)[i] *= 0
		}
	}
	return t
}

func (m *routeModel) node(n *graph.Node, d tensor.DType, dims ...int) string {
	n.Name = n.Outputs[0]
	m.g.Nodes = append(m.g.Nodes, n)
	m.typed(n.Outputs[0], d, dims...)
	return n.Outputs[0]
}

// partitioned is the model for the partitioner.
func (m *routeModel) partitioned() *partition.Model {
	dims := func(list []graph.Dim) []manifest.Dim {
		out := make([]manifest.Dim, len(list))
		for i, d := range list {
			if out[i] = (manifest.Dim{Size: d.Size}); d.Size < 0 {
				out[i] = manifest.Dim{Name: d.Symbol}
			}
		}
		return out
	}
	p := &partition.Model{Graph: m.g, Values: m.values, Engine: native.Name, Dims: dims,
		Sources: []manifest.Source{{File: "m.onnx", Importer: "onnx"}},
		Read:    func(w *graph.Weight) (io.ReaderAt, error) { return bytes.NewReader(w.Data), nil }}
	p.Signature.Rows = m.rows
	for _, v := range m.g.Inputs {
		p.Signature.Inputs = append(p.Signature.Inputs, manifest.Input{Name: v.Name, DType: v.DType, Shape: dims(v.Dims)})
	}
	for _, v := range m.g.Outputs {
		p.Signature.Outputs = append(p.Signature.Outputs, manifest.Output{Name: v.Name, DType: v.DType, Shape: dims(v.Dims), Default: true,
			Rules: map[string]manifest.Rule{partition.Mode: partition.Rule(v.DType)}})
	}
	return p
}

// whole is what the uncut model answers.
func (m *routeModel) whole(t *testing.T, in tensor.Named) (tensor.Named, error) {
	t.Helper()
	p, err := native.New().Compile(m.g, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Run(t.Context(), in, nil)
}

// cut splits the model by the first node's rows, with the bounds, and serves it.
func (m *routeModel) cut(t *testing.T, bounds []int, routed bool) (*shardtest.Cluster, *coordinator.Coordinator, *manifest.Manifest) {
	t.Helper()
	p := m.partitioned()
	g := sharding.New(p.Graph, p.Values)
	i := slices.IndexFunc(g.Regions(), func(r *sharding.Region) bool {
		return r.Nodes[0] == 0 && r.Units == bounds[len(bounds)-1] && r.Outputs[0].Placement.Kind == sharding.Partial
	})
	if i < 0 {
		t.Fatalf("no region has %d rows", bounds[len(bounds)-1])
	}
	shards := make([]int, len(bounds)-1)
	for s := range shards {
		shards[s] = s
	}
	piece := program.Piece{Region: g.Regions()[i], Bounds: bounds, Routed: routed}
	l, err := partition.Lay(p, &partition.Plan{Graph: g, Shards: len(shards), Stages: []partition.Stage{{Shards: shards, Pieces: []program.Piece{piece}}}},
		layout.Options{Name: "m", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	source := t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "m.onnx"), []byte("made by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "parts")
	made, err := write(t.Context(), l, source, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	cluster := shardtest.New(t, dir)
	c, err := coordinator.Open(dir, coordinator.Options{Invoker: cluster, Policy: coordinator.Policy{BaseDelay: time.Microsecond, MaxDelay: time.Microsecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster, c, made
}

// bounds cuts rows into parts of random sizes, none of them empty.
func bounds(rng *rand.Rand, rows, shards int) []int {
	at := rng.Perm(rows - 1)[:shards-1]
	for i := range at {
		at[i]++
	}
	slices.Sort(at)
	return append(append([]int{0}, at...), rows)
}

// indices are row numbers, counted from the end as often as not, with many of a few rows.
func indices(rng *rand.Rand, d tensor.DType, rows int, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.I64, shape...)
	some := 1 + rng.IntN(rows)
	for i := range tensor.Of[int64](t) {
		v := rng.IntN(some)
		if rng.IntN(2) == 0 {
			v -= rows
		}
		tensor.Of[int64](t)[i] = int64(v)
	}
	if d == tensor.I64 {
		return t
	}
	out := tensor.New(d, shape...)
	for i, v := range tensor.Of[int64](t) {
		tensor.Of[int32](out)[i] = int32(v)
	}
	return out
}
