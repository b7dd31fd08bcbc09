package onnx_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/aggregate"
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/internal/unshard"
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
		t.Fatalf("split %s with %+v: %v", path, o, err)
	}
	return dir, l.Manifest, nil
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

// executor runs a model directory in this process, plainly: every step in order, every shard in order.
type executor struct {
	t        testing.TB
	m        *manifest.Manifest
	programs map[string]engine.Program // shard number and step, or "local" and step
}

func open(t testing.TB, dir string, m *manifest.Manifest) *executor {
	t.Helper()
	e := &executor{t: t, m: m, programs: map[string]engine.Program{}}
	for i, s := range m.Shards {
		e.add(dir, fmt.Sprint(i), s.Files, s.Programs)
	}
	if m.Local != nil {
		e.add(dir, "local", m.Local.Files, m.Local.Programs)
	}
	return e
}

func (e *executor) add(dir, owner string, files []manifest.File, programs []manifest.Program) {
	e.t.Helper()
	var w engine.Weights
	for _, f := range files {
		if f.Role != manifest.RoleWeights {
			continue
		}
		r, err := shardfile.Open(filepath.Join(dir, f.Path), f)
		if err != nil {
			e.t.Fatal(err)
		}
		e.t.Cleanup(func() {
			if err := r.Close(); err != nil {
				e.t.Error(err)
			}
		})
		w = r
	}
	for _, p := range programs {
		program, err := native.New().Compile(decode(e.t, dir, p.Graph), w)
		if err != nil {
			e.t.Fatalf("%s: %v", p.Graph, err)
		}
		e.programs[owner+" "+p.Step] = program
	}
}

func (e *executor) run(in tensor.Named) tensor.Named {
	e.t.Helper()
	values := tensor.Named{}
	for name, v := range in {
		values[name] = v
	}
	for _, s := range e.m.Steps {
		if s.Local != nil {
			args := tensor.Named{}
			for _, name := range s.Local.Inputs {
				args[name] = values[name]
			}
			for name, v := range e.call("local "+s.Name, args, s.Local.Outputs) {
				values[name] = v
			}
			continue
		}
		e.stage(s, values)
	}
	return values
}

func (e *executor) call(program string, in tensor.Named, want []string) tensor.Named {
	e.t.Helper()
	out, err := e.programs[program].Run(e.t.Context(), in, want)
	if err != nil {
		e.t.Fatalf("%s: %v", program, err)
	}
	return out
}

func (e *executor) stage(s manifest.Step, values tensor.Named) {
	e.t.Helper()
	var mergers []aggregate.Merger
	for _, o := range s.Stage.Outputs {
		m, err := aggregate.New(o.Merge, o.Contributors(s.Stage), e.m.Radix, nil)
		if err != nil {
			e.t.Fatal(err)
		}
		mergers = append(mergers, m)
	}
	for pos, shard := range s.Stage.Shards {
		args := tensor.Named{}
		for _, in := range s.Stage.Inputs {
			place, gets := in.Receiver(pos)
			if !gets {
				continue
			}
			v := values[in.Value]
			if in.Scatter.Kind == manifest.ScatterSlice {
				v = columns(e.t, v, in.Scatter.Bounds[place], in.Scatter.Bounds[place+1])
			}
			args[in.Name] = v
		}
		out := e.call(fmt.Sprintf("%d %s", shard, s.Name), args, s.Stage.Wanted(pos))
		for i, o := range s.Stage.Outputs {
			place, yields := o.Contributor(pos)
			if !yields {
				continue
			}
			partial := aggregate.Partial{}
			for _, c := range o.Components {
				partial[c.Role] = out[c.Name]
			}
			if err := mergers[i].Add(place, partial); err != nil {
				e.t.Fatalf("stage %s, value %s: %v", s.Name, o.Value, err)
			}
		}
	}
	for i, o := range s.Stage.Outputs {
		v, err := mergers[i].Result()
		if err != nil {
			e.t.Fatal(err)
		}
		values[o.Value] = v
	}
}

// columns are [lo, hi) of the last dimension.
func columns(t testing.TB, v *tensor.Tensor, lo, hi int) *tensor.Tensor {
	t.Helper()
	shape := v.Shape().Clone()
	width := shape[len(shape)-1]
	shape[len(shape)-1] = hi - lo
	out := tensor.New(v.DType(), shape...)
	size := v.DType().Size()
	for r := range v.Len() / width {
		copy(out.Bytes()[r*(hi-lo)*size:(r+1)*(hi-lo)*size], v.Bytes()[(r*width+lo)*size:(r*width+hi)*size])
	}
	return out
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
