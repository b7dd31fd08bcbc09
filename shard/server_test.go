package shard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
	"github.com/shardwise/shardwise/shard/wire"
)

func write(t testing.TB, o minimodel.Options) *minimodel.Model {
	t.Helper()
	m, err := minimodel.Write(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, m *minimodel.Model, index int, e *minimodel.Engine) *shard.Server {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := shard.Open(m.Dir, index, shard.Options{Engines: []engine.Engine{e}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func infer(m *minimodel.Model, index int) *wire.Request {
	return &wire.Request{Kind: wire.KindInfer, Fingerprint: m.Fingerprint, RequestID: "r", Attempt: 1, Step: "wide", Shard: index,
		Rows: 2, Outputs: []string{"columns"}, Reply: wire.ReplyRaw}
}

func payload(t testing.TB, r *wire.Request, in tensor.Named) []byte {
	t.Helper()
	var body []byte
	if in != nil {
		var err error
		if body, err = wire.EncodeBody(in); err != nil {
			t.Fatal(err)
		}
	}
	data, err := wire.AppendRequest(nil, r, body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func rows(t testing.TB, name string, n, width int) tensor.Named {
	t.Helper()
	v := make([]float32, n*width)
	for i := range v {
		v[i] = float32(i%7 - 3)
	}
	x, err := tensor.FromSlice(tensor.F32, v, n, width)
	if err != nil {
		t.Fatal(err)
	}
	return tensor.Named{name: x}
}

func TestServerAnswersInBothFormsAndSaysOnceThatItWasCold(t *testing.T) {
	m := write(t, minimodel.Options{Integers: true})
	s := open(t, m, 1, &minimodel.Engine{})
	in := rows(t, "prediction", 2, m.Hidden)
	var first []byte
	for i, form := range []string{wire.ReplyRaw, wire.ReplyBase64} {
		r := infer(m, 1)
		r.Reply = form
		reply, err := s.Handle(context.Background(), payload(t, r, in))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := wire.DecodeReply(form, reply, wire.EchoOf(r))
		if err != nil {
			t.Fatal(err)
		}
		out, timings := answer.Tensors, answer.Timings
		if timings.Cold != (i == 0) || timings.TotalUS < timings.ComputeUS {
			t.Errorf("%s: timings %+v", form, timings)
		}
		if first == nil {
			first = out["columns"].Bytes()
		}
		if !bytes.Equal(first, out["columns"].Bytes()) || out["columns"].Dim(1) != m.Wide/m.Shards {
			t.Errorf("%s: found %v", form, out["columns"])
		}
	}
}

func TestServerRefuses(t *testing.T) {
	m := write(t, minimodel.Options{})
	other := write(t, minimodel.Options{Seed: 9})
	s := open(t, m, 1, &minimodel.Engine{})
	good := rows(t, "prediction", 2, m.Hidden)
	for name, c := range map[string]struct {
		change func(r *wire.Request)
		in     tensor.Named
		kind   shard.Kind
		text   string
	}{
		"another model":   {func(r *wire.Request) { r.Fingerprint = other.Fingerprint }, good, shard.Mismatch, "request's fingerprint: wanted"},
		"another shard":   {func(r *wire.Request) { r.Shard = 2 }, good, shard.Mismatch, `request's shard: wanted "1", found "2"`},
		"unknown step":    {func(r *wire.Request) { r.Step = "deep" }, good, shard.Mismatch, `request's step: wanted "one of [hidden wide]", found "deep"`},
		"unknown output":  {func(r *wire.Request) { r.Outputs = []string{"rows"} }, good, shard.Mismatch, `request's output: wanted "one of [columns]"`},
		"output twice":    {func(r *wire.Request) { r.Outputs = []string{"columns", "columns"} }, good, shard.BadRequest, "wanted twice"},
		"predict":         {func(r *wire.Request) { r.Kind = wire.KindPredict }, good, shard.Unsupported, "send it to the coordinator"},
		"wrong width":     {func(*wire.Request) {}, rows(t, "prediction", 2, m.Hidden+1), shard.BadInput, "input prediction: wanted F32[batch, 5]"},
		"wrong name":      {func(*wire.Request) {}, rows(t, "x", 2, m.Hidden), shard.BadInput, "input prediction"},
		"warm at another": {func(r *wire.Request) { r.Kind, r.Shard = wire.KindWarm, 0 }, nil, shard.Mismatch, "request's shard"},
	} {
		t.Run(name, func(t *testing.T) {
			r := infer(m, 1)
			c.change(r)
			_, err := s.Handle(context.Background(), payload(t, r, c.in))
			if shard.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("wanted %v with %q, found %v: %v", c.kind, c.text, shard.KindOf(err), err)
			}
			if !strings.Contains(err.Error(), "shard 1/3") {
				t.Fatalf("the error does not name the shard: %v", err)
			}
		})
	}
	if _, err := s.Handle(context.Background(), []byte("{")); shard.KindOf(err) != shard.BadRequest {
		t.Errorf("half a request: %v", err)
	}
	_, err := s.Handle(context.Background(), []byte("{}"))
	if shard.KindOf(err) != shard.BadRequest || !strings.Contains(err.Error(), "shard 1/3: this function is one shard of a model") || !strings.Contains(err.Error(), "applications call the coordinator function") {
		t.Errorf("an application's request: found %v", err)
	}
	broken := []byte(`{"version":1,"kind":"infer","fingerprint":"` + m.Fingerprint + `","request":"r","attempt":1,"step":"wide","shard":1,"reply":"raw","body":"AAAA"}`)
	if _, err := s.Handle(context.Background(), broken); shard.KindOf(err) != shard.BadRequest {
		t.Errorf("a body that is no frame: %v", err)
	}
}

func TestServerTurnsAPanicIntoAnInternalErrorWithItsStackInTheLog(t *testing.T) {
	m := write(t, minimodel.Options{})
	var log bytes.Buffer
	e := &minimodel.Engine{Before: func(context.Context, string) error { panic("out of cheese") }}
	s, err := shard.Open(m.Dir, 0, shard.Options{Engines: []engine.Engine{e}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Handle(context.Background(), payload(t, infer(m, 0), rows(t, "prediction", 1, m.Hidden)))
	if shard.KindOf(err) != shard.Internal || !strings.Contains(err.Error(), "infer: shard 0/3: panic: out of cheese") {
		t.Fatalf("found %v", err)
	}
	if !strings.Contains(log.String(), "minimodel.(*program1).Run") {
		t.Fatalf("no stack in the log: %s", log.String())
	}
}

func TestServerEndsWhenTheBudgetIsUsedUp(t *testing.T) {
	m := write(t, minimodel.Options{})
	e := &minimodel.Engine{Before: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}
	s := open(t, m, 0, e)
	r := infer(m, 0)
	r.BudgetMS = 1
	_, err := s.Handle(context.Background(), payload(t, r, rows(t, "prediction", 1, m.Hidden)))
	if shard.KindOf(err) != shard.Deadline {
		t.Fatalf("found %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.BudgetMS = 0
	if _, err := s.Handle(ctx, payload(t, r, rows(t, "prediction", 1, m.Hidden))); shard.KindOf(err) != shard.Canceled {
		t.Fatalf("found %v", err)
	}
}

func TestServerDescribesAndWarms(t *testing.T) {
	m := write(t, minimodel.Options{Ballast: 3 << 20})
	s := open(t, m, 2, &minimodel.Engine{})
	reply, err := s.Handle(context.Background(), payload(t, &wire.Request{Kind: wire.KindDescribe}, nil))
	if err != nil {
		t.Fatal(err)
	}
	var f shard.Facts
	if err := json.Unmarshal(reply, &f); err != nil {
		t.Fatal(err)
	}
	if f.Model != "mini" || f.Shard != 2 || f.Of != 3 || f.Fingerprint != m.Fingerprint || strings.Join(f.Steps, " ") != "hidden wide" || !f.Cold {
		t.Fatalf("found %+v", f)
	}
	reply, err = s.Handle(context.Background(), payload(t, &wire.Request{Kind: wire.KindWarm, Fingerprint: m.Fingerprint, Shard: 2}, nil))
	if err != nil {
		t.Fatal(err)
	}
	var w shard.Warmth
	if err := json.Unmarshal(reply, &w); err != nil || w.Bytes < 3<<20 {
		t.Fatalf("found %+v, %v", w, err)
	}
}

func TestFlippedBitIsReportedAsCorruptBeforeItsBytesAreUsed(t *testing.T) {
	m := write(t, minimodel.Options{Ballast: 4 << 20})
	path := filepath.Join(m.Dir, "shard-001.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[3<<20] ^= 1 // in the ballast, which no step uses
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, m, 1, &minimodel.Engine{})
	if _, err := s.Handle(context.Background(), payload(t, infer(m, 1), rows(t, "prediction", 1, m.Hidden))); err != nil {
		t.Fatalf("weights that are whole: %v", err)
	}
	warm := payload(t, &wire.Request{Kind: wire.KindWarm, Fingerprint: m.Fingerprint, Shard: 1}, nil)
	if _, err := s.Handle(context.Background(), warm); shard.KindOf(err) != shard.Corrupt || !strings.Contains(err.Error(), "chunk 3") {
		t.Fatalf("found %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	damage := func(name string, f func(data []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), f(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := func(data []byte) []byte { return data[:len(data)/2] }
	flip := func(data []byte) []byte { data[len(data)/2] ^= 1; return data }
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string)
		index   int
		engine  string
		kind    shard.Kind
		text    string
	}{
		"no manifest": {remove("manifest.json"), 1, "", shard.Config, "wanted a model directory with manifest.json"},
		"huge manifest": {func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "manifest.json"), manifest.MaxBytes+1); err != nil {
				t.Fatal(err)
			}
		}, 1, "", shard.Config, "manifest.json has 67108865 bytes, at most 67108864 are read"},
		"half a manifest":   {damage("manifest.json", half), 1, "", shard.Config, "manifest"},
		"index":             {func(*testing.T, string) {}, 3, "", shard.Config, "wanted a shard index from 0 to 2, found 3"},
		"no weights":        {remove("shard-001.safetensors"), 1, "", shard.Config, "no such file"},
		"half the weights":  {damage("shard-001.safetensors", half), 1, "", shard.Corrupt, "shard-001.safetensors"},
		"no program":        {remove("shard-001.wide.onnx"), 1, "", shard.Config, "no such file"},
		"half a program":    {damage("shard-001.wide.onnx", half), 1, "", shard.Corrupt, "shard-001.wide.onnx"},
		"flipped program":   {damage("shard-001.wide.onnx", flip), 1, "", shard.Corrupt, "wanted sha256"},
		"flipped weights":   {damage("shard-001.safetensors", flip), 1, "", shard.Corrupt, "shard-001.safetensors"},
		"swapped weights":   {swap("shard-001.safetensors", "shard-002.safetensors"), 1, "", shard.Corrupt, "shard-001.safetensors"},
		"swapped programs":  {swap("shard-001.wide.onnx", "shard-001.hidden.onnx"), 1, "", shard.Corrupt, "damaged or another model's"},
		"an unknown engine": {func(*testing.T, string) {}, 1, "abacus", shard.Unsupported, `needs engine "abacus"`},
	} {
		t.Run(name, func(t *testing.T) {
			m := write(t, minimodel.Options{Engine: c.engine})
			c.prepare(t, m.Dir)
			_, err := shard.Open(m.Dir, c.index, shard.Options{Engines: []engine.Engine{&minimodel.Engine{}}})
			if shard.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("wanted %v with %q, found %v: %v", c.kind, c.text, shard.KindOf(err), err)
			}
			var own *shard.Error
			if !errors.As(err, &own) {
				t.Fatalf("not typed: %v", err)
			}
		})
	}
}

func swap(a, b string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		for _, step := range [][2]string{{a, "tmp"}, {b, a}, {"tmp", b}} {
			if err := os.Rename(filepath.Join(dir, step[0]), filepath.Join(dir, step[1])); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestServerIsSafeForConcurrentUse(t *testing.T) {
	m := write(t, minimodel.Options{})
	s := open(t, m, 0, &minimodel.Engine{})
	in := rows(t, "prediction", 3, m.Hidden)
	want, err := s.Handle(context.Background(), payload(t, infer(m, 0), in))
	if err != nil {
		t.Fatal(err)
	}
	r := infer(m, 0)
	expected, err := wire.DecodeReply(r.Reply, want, wire.EchoOf(r))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				reply, err := s.Handle(context.Background(), payload(t, r, in))
				if err != nil {
					t.Error(err)
					return
				}
				out, err := wire.DecodeReply(r.Reply, reply, wire.EchoOf(r))
				if err != nil || !bytes.Equal(out.Tensors["columns"].Bytes(), expected.Tensors["columns"].Bytes()) {
					t.Errorf("found %v, %v", out, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
