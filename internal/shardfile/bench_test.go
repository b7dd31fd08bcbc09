package shardfile

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// bigFile writes a weights file of 256 MiB and more.
func bigFile(b *testing.B) (string, manifest.File) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "w.safetensors")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const tensors, rows = 64, 1024
	decl := make([]Declared, tensors)
	for i := range decl {
		decl[i] = Declared{Name: string(rune('A' + i)), DType: tensor.F32, Shape: tensor.Shape{rows, 1024}}
	}
	w, err := NewWriter(f, decl, nil)
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, rows*4096)
	for i := range decl {
		if err := w.WriteTensor(func(out io.Writer) error { block[i]++; _, err := out.Write(block); return err }); err != nil {
			b.Fatal(err)
		}
	}
	s, err := w.Close()
	if err != nil {
		b.Fatal(err)
	}
	return path, manifest.File{Path: "w.safetensors", Bytes: s.Bytes, SHA256: s.SHA256, Chunks: &s.Chunks}
}

func BenchmarkOpen256MB(b *testing.B) {
	path, want := bigFile(b)
	b.ReportAllocs()
	for b.Loop() {
		r, err := Open(path, want)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstUse compares checking all weights with reading the file once.
func BenchmarkFirstUse(b *testing.B) {
	path, want := bigFile(b)
	var check, read time.Duration
	buf := make([]byte, chunkSize)
	for b.Loop() {
		start := time.Now()
		r, err := Open(path, want)
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range r.Names() {
			if _, err := r.Weight(name); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
		check += time.Since(start)
		start = time.Now()
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		read += time.Since(start)
	}
	b.SetBytes(want.Bytes)
	b.ReportMetric(check.Seconds()/read.Seconds(), "x-read")
}

func BenchmarkWeightChecked(b *testing.B) {
	r := build(b, 1, declared(), nil).open(b)
	if _, err := r.Weight("big"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Weight("big"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite compares the writer with the hash that every file needs.
func BenchmarkWrite(b *testing.B) {
	block := make([]byte, 16<<20)
	decl := []Declared{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{len(block)}}}
	var write, hash time.Duration
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		start := time.Now()
		w, err := NewWriter(io.Discard, decl, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.WriteTensor(func(out io.Writer) error { _, err := out.Write(block); return err }); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
		write += time.Since(start)
		start = time.Now()
		sha256.Sum256(block)
		hash += time.Since(start)
	}
	b.ReportMetric(write.Seconds()/hash.Seconds(), "x-sha256")
}
