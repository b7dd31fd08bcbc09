// Package minimodel writes small complete model directories for tests of the run time, so that those need neither a
// splitter nor a training library.
//
// The model, for x of [batch, Features]: stage "hidden" cuts x and the weights W by features and sums the shards'
// partial products into h [batch, Hidden]; the local program "head" adds a bias, giving prediction; stage "wide" multiplies
// prediction with V, cut by columns, giving wide [batch, Wide]. It so has a slice scatter, a replicate scatter, a sum, a concat, a local
// program and two rounds. It is not a model of anything. Its own engine ("mini", two operators) can be told to
// misbehave. Tests only; not for concurrent use while writing, what is written is read-only.
package minimodel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Options are the model's sizes. Zero means the default in brackets.
type Options struct {
	Shards   int    // [3]
	Features int    // [4 per shard], at least one per shard
	Hidden   int    // [5]
	Wide     int    // [2 per shard], at least one per shard
	Seed     uint64 // of the weights
	Integers bool   // weights are small integers, so that every order of addition gives the same numbers
	Engine   string // engine named in the manifest [mini]
	Name     string // of the model [mini]
	Reply    string // "base64" or "raw" [base64]
	Ballast  int    // bytes of an unused weight in each shard [0]
	PerRow   int64  // shard memory per row in the manifest [0]
	Store    string // s3://bucket/prefix in the deployment [none]
	MemoryMB int    // of every shard in the deployment [the manifest's estimate]
}

// Model is a written model with its weights, for reference computations. W is [Features, Hidden], V [Hidden, Wide].
type Model struct {
	Options
	Dir         string
	Manifest    *manifest.Manifest
	Fingerprint string
	W, B, V     []float32
}

func (o *Options) defaults() {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Shards, 3)
	set(&o.Features, 4*o.Shards)
	set(&o.Hidden, 5)
	set(&o.Wide, 2*o.Shards)
	if o.Engine == "" {
		o.Engine = EngineName
	}
	if o.Name == "" {
		o.Name = "mini"
	}
	if o.Reply == "" {
		o.Reply = manifest.ReplyBase64
	}
}

// Write writes a model into dir, which must exist.
func Write(dir string, o Options) (*Model, error) {
	o.defaults()
	if o.Shards > o.Features || o.Shards > o.Wide {
		return nil, fmt.Errorf("minimodel: %d shards need as many features and columns", o.Shards)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	m := &Model{Options: o, Dir: dir, W: numbers(rng, o.Features*o.Hidden, o.Integers), B: numbers(rng, o.Hidden, o.Integers), V: numbers(rng, o.Hidden*o.Wide, o.Integers)}
	m.Manifest = m.plan()
	for i := range o.Shards {
		if err := m.writeShard(i); err != nil {
			return nil, err
		}
	}
	if err := m.writeLocal(); err != nil {
		return nil, err
	}
	return m, m.writeContracts()
}

func numbers(rng *rand.Rand, n int, integers bool) []float32 {
	v := make([]float32, n)
	for i := range v {
		if integers {
			v[i] = float32(rng.IntN(9) - 4)
		} else {
			v[i] = float32(rng.NormFloat64())
		}
	}
	return v
}

// Bounds cuts n into parts as the model does.
func Bounds(n, parts int) []int {
	b := make([]int, parts+1)
	for i := range b {
		b[i] = n * i / parts
	}
	return b
}

func (m *Model) writeShard(i int) error {
	fb, wb := Bounds(m.Features, m.Shards), Bounds(m.Wide, m.Shards)
	w := m.W[fb[i]*m.Hidden : fb[i+1]*m.Hidden]
	v := columns(m.V, m.Hidden, m.Wide, wb[i], wb[i+1])
	prefix := fmt.Sprintf("shard-%03d", i)
	weights := []weight{
		{"W", []int{fb[i+1] - fb[i], m.Hidden}, w},
		{"V", []int{m.Hidden, wb[i+1] - wb[i]}, v},
	}
	if m.Ballast > 0 {
		weights = append(weights, weight{"ballast", []int{m.Ballast / 4}, make([]float32, m.Ballast/4)})
	}
	s := &m.Manifest.Shards[i]
	err := m.writeFiles(&s.Files, prefix, weights, []program{
		{"hidden", "MatMul", "part", "W", "h", fb[i+1] - fb[i], m.Hidden},
		{"wide", "MatMul", "prediction", "V", "columns", m.Hidden, wb[i+1] - wb[i]},
	})
	for _, step := range []string{"hidden", "wide"} {
		s.Programs = append(s.Programs, manifest.Program{Step: step, Engine: m.Engine, Graph: prefix + "." + step + ".onnx"})
	}
	return err
}

func (m *Model) writeLocal() error {
	l := m.Manifest.Local
	l.Programs = []manifest.Program{{Step: "head", Engine: m.Engine, Graph: "coordinator.head.onnx"}}
	return m.writeFiles(&l.Files, "coordinator", []weight{{"B", []int{m.Hidden}, m.B}}, []program{{"head", "Add", "hsum", "B", "prediction", m.Hidden, m.Hidden}})
}

// columns copies columns lo to hi-1 of a matrix of rows x width.
func columns(v []float32, rows, width, lo, hi int) []float32 {
	var out []float32
	for r := range rows {
		out = append(out, v[r*width+lo:r*width+hi]...)
	}
	return out
}

type weight struct {
	name   string
	shape  []int
	values []float32
}

// program is a graph of one node: output = op(input, weight).
type program struct {
	step, op, input, weight, output string
	in, out                         int
}

func (m *Model) writeFiles(files *[]manifest.File, prefix string, weights []weight, programs []program) error {
	location := prefix + ".safetensors"
	f, err := writeWeights(filepath.Join(m.Dir, location), weights)
	if err != nil {
		return err
	}
	f.Path = location
	*files = append(*files, f)
	for _, p := range programs {
		data, err := onnx.Encode(p.graph(weights, location))
		if err != nil {
			return err
		}
		name := prefix + "." + p.step + ".onnx"
		if err := os.WriteFile(filepath.Join(m.Dir, name), data, 0o600); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		*files = append(*files, manifest.File{Role: manifest.RoleProgram, Path: name, Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:])})
	}
	return nil
}

func (p program) graph(weights []weight, location string) *graph.Graph {
	value := func(name string, n int) graph.Value {
		return graph.Value{Name: name, DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: manifest.Batch}, {Size: n}}}
	}
	g := &graph.Graph{
		Name: p.step, Opsets: map[string]int64{"": 17}, Inputs: []graph.Value{value(p.input, p.in)}, Outputs: []graph.Value{value(p.output, p.out)},
		Nodes:   []*graph.Node{{Name: p.op, Op: p.op, Inputs: []string{p.input, p.weight}, Outputs: []string{p.output}}},
		Weights: map[string]*graph.Weight{},
	}
	for _, w := range weights {
		if w.name == p.weight {
			// Offset and length serve foreign readers; the run time finds weights by name.
			g.Weights[w.name] = &graph.Weight{Name: w.name, DType: tensor.F32, Shape: w.shape, Location: location, Length: int64(4 * len(w.values))}
		}
	}
	return g
}

func writeWeights(path string, weights []weight) (manifest.File, error) {
	var none manifest.File
	var declared []shardfile.Declared
	for _, w := range weights {
		declared = append(declared, shardfile.Declared{Name: w.name, DType: tensor.F32, Shape: w.shape})
	}
	var buf bytes.Buffer
	out, err := shardfile.NewWriter(&buf, declared, nil)
	if err != nil {
		return none, err
	}
	for _, w := range weights {
		t, err := tensor.FromSlice(tensor.F32, w.values, w.shape...)
		if err != nil {
			return none, err
		}
		if err := out.WriteTensor(func(w io.Writer) error { _, err := w.Write(t.Bytes()); return err }); err != nil {
			return none, err
		}
	}
	sum, err := out.Close()
	if err != nil {
		return none, err
	}
	f := manifest.File{Role: manifest.RoleWeights, Bytes: sum.Bytes, SHA256: sum.SHA256, Chunks: &sum.Chunks}
	return f, os.WriteFile(path, buf.Bytes(), 0o600)
}

func (m *Model) writeContracts() error {
	data, err := manifest.Canonical(m.Manifest)
	if err != nil {
		return err
	}
	if m.Fingerprint, err = manifest.Fingerprint(m.Manifest); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(m.Dir, manifest.FileName), data, 0o600); err != nil {
		return err
	}
	d := manifest.DefaultDeployment(m.Manifest)
	d.Reply = m.Reply
	if m.Store != "" {
		store, err := manifest.ParseStore(m.Store)
		if err != nil {
			return err
		}
		d.Store = &store
	}
	for i := range d.Shards {
		if m.MemoryMB > 0 {
			d.Shards[i].MemoryMB = m.MemoryMB
		}
	}
	if data, err = json.Marshal(d); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.Dir, manifest.DeploymentFileName), data, 0o600)
}
