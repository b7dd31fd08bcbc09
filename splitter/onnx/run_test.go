package onnx_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/internal/unshard"
	"github.com/shardwise/shardwise/shard/shardtest"
	"github.com/shardwise/shardwise/splitter/layout"
	onnximport "github.com/shardwise/shardwise/splitter/onnx"
)

// split cuts the model and writes a fresh directory.
func split(t testing.TB, path string, shards int) (string, *manifest.Manifest) {
	t.Helper()
	dir, m, err := trySplit(t, path, layout.Options{Shards: shards})
	if err != nil {
		t.Fatalf("split %s into %d shards: %v", path, shards, err)
	}
	return dir, m
}

// trySplit does what splitter.Split does, without making anything durable, which takes most of its time.
func trySplit(t testing.TB, path string, o layout.Options) (string, *manifest.Manifest, error) {
	t.Helper()
	model, err := onnximport.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer model.Close()
	o.Name, o.Version = "model", "1"
	l, err := model.Layout(t.Context(), o)
	if err != nil {
		return "", nil, err
	}
	return put(t, l), l.Manifest, nil
}

// put writes the files of a layout into a fresh directory and enters them in its manifest.
func put(t testing.TB, l *layout.Layout) string {
	t.Helper()
	dir := t.TempDir()
	for i := range l.Manifest.Sources {
		l.Manifest.Sources[i].SHA256 = strings.Repeat("0", 64)
	}
	for _, f := range l.Files {
		list := &l.Manifest.Local.Files
		if f.Shard >= 0 {
			list = &l.Manifest.Shards[f.Shard].Files
		}
		*list = append(*list, writeFile(t, dir, f))
	}
	if err := l.Manifest.Validate(); err != nil {
		t.Fatalf("a plan of %d shards: %v", len(l.Manifest.Shards), err)
	}
	return dir
}

func writeFile(t testing.TB, dir string, f layout.File) manifest.File {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, f.Path))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	entry := manifest.File{Role: f.Role, Path: f.Path, Bytes: int64(len(f.Bytes))}
	if f.Weights == nil {
		sum := sha256.Sum256(f.Bytes)
		entry.SHA256 = hex.EncodeToString(sum[:])
		if _, err := out.Write(f.Bytes); err != nil {
			t.Fatal(err)
		}
		return entry
	}
	w, err := shardfile.NewWriter(out, f.Weights.Tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Weights.Tensors {
		if err := w.WriteTensor(func(w io.Writer) error { return f.Weights.Write(t.Context(), i, w) }); err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	entry.Bytes, entry.SHA256, entry.Chunks = sum.Bytes, sum.SHA256, &sum.Chunks
	return entry
}

func decode(t testing.TB, dir, path string) *graph.Graph {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Decode(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return g
}

// executor serves a model directory in this process, with the real coordinator and shards.
type executor struct {
	t    testing.TB
	c    *coordinator.Coordinator
	want []string
}

func open(t testing.TB, dir string, m *manifest.Manifest) *executor {
	t.Helper()
	data, err := manifest.Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := json.Marshal(manifest.DefaultDeployment(m))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{manifest.FileName: data, manifest.DeploymentFileName: deployment} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := &executor{t: t}
	for _, o := range m.Signature.Outputs {
		e.want = append(e.want, o.Name)
	}
	if e.c, err = coordinator.Open(dir, coordinator.Options{Invoker: shardtest.New(t, dir)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.c.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *executor) run(in tensor.Named) tensor.Named {
	e.t.Helper()
	got, err := e.c.Run(e.t.Context(), coordinator.Request{Inputs: in, Outputs: e.want})
	if err != nil {
		e.t.Fatal(err)
	}
	return got.Outputs
}

// reference runs the unsharded model, put together from the shards.
func reference(t testing.TB, dir string, m *manifest.Manifest, in tensor.Named) tensor.Named {
	t.Helper()
	w, closer, err := unshard.Weights(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	program, err := native.New().Compile(decode(t, dir, "reference.onnx"), w)
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compare fails unless got lies within the rule of want.
func compare(t testing.TB, what string, got, want *tensor.Tensor, rule manifest.Rule) {
	t.Helper()
	if got == nil {
		t.Errorf("%s: nothing, wanted %v", what, want)
		return
	}
	d, err := tensor.Diff(got, want, tensor.Tolerance(rule))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if d.Beyond > 0 {
		t.Errorf("%s: %v", what, d)
	}
}
