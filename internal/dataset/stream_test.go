package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// heap is the live memory after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Files of 16 MiB of floats, and a text of many rows, pass through a few MiB.
func TestMemoryIsBoundedByTheBatch(t *testing.T) {
	const columns = 64
	dir := t.TempDir()
	sig := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.F32, Shape: batch(columns)}}}
	sparse := func(name, header string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(header), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, int64(len(header))+16<<20); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const rows = 16 << 20 / (4 * columns)
	header, err := tensor.AppendHeader(nil, []tensor.Entry{{Name: "x", DType: tensor.F32, Shape: tensor.Shape{rows, columns}, End: 16 << 20}}, nil, 8)
	if err != nil {
		t.Fatal(err)
	}
	lines := filepath.Join(dir, "x.csv")
	if err := os.WriteFile(lines, []byte("x\n"+strings.Repeat("1\n", 300_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	scalar := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.F32, Shape: batch()}}}
	for _, c := range []struct {
		path string
		sig  manifest.Signature
		rows int
	}{
		{sparse("c.npy", npyBytes("<f4", "False", fmt.Sprintf("(%d, %d)", rows, columns))), sig, rows},
		{sparse("f.npy", npyBytes("<f4", "True", fmt.Sprintf("(%d, %d)", rows, columns))), sig, rows},
		{sparse("x.safetensors", string(header)), sig, rows},
		{lines, scalar, 300_000},
	} {
		r, err := Open(c.path, Auto, c.sig, Options{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := Create(filepath.Join(dir, "y.npz"), Auto, []manifest.Output{{Name: "x", DType: tensor.F32, Shape: c.sig.Inputs[0].Shape}})
		if err != nil {
			t.Fatal(err)
		}
		before, seen := heap(), 0
		for batches := 0; ; batches++ {
			n, err := r.Next(4096)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(n); err != nil {
				t.Fatal(err)
			}
			seen += n["x"].Dim(0)
			if batches%8 == 7 {
				if used := int64(heap()) - int64(before); used > 6<<20 {
					t.Fatalf("%s: %d bytes are held after %d rows", c.path, used, seen)
				}
			}
		}
		if seen != c.rows {
			t.Errorf("%s: %d rows, want %d", c.path, seen, c.rows)
		}
		if done, total := r.Progress(); done > total {
			t.Errorf("%s: %d of %d bytes read", c.path, done, total)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Batches of any sizes, in any sequence, give the same values in every format.
func TestBatchSizesNeverChangeValues(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 12))
	const rows = 61
	x := tensor.New(tensor.F32, rows, 3)
	for i := range tensor.Of[float32](x) {
		tensor.Of[float32](x)[i] = rng.Float32() * float32(int(1)<<rng.IntN(40))
	}
	dir := t.TempDir()
	outs := []manifest.Output{{Name: "x", DType: tensor.F32, Shape: batch(3)}}
	sig := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.F32, Shape: batch(3)}}}
	for _, format := range Formats() {
		path := filepath.Join(dir, "x."+string(format))
		sub := filepath.Join(t.TempDir(), "x."+string(format))
		write(t, sub, outs, tensor.Named{"x": x}, 1+rng.IntN(rows))
		if err := os.Rename(sub, path); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			r, err := Open(path, Auto, sig, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for {
				n, err := r.Next(1 + rng.IntN(20))
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, n["x"].Bytes()...)
			}
			if !bytes.Equal(got, x.Bytes()) {
				t.Fatalf("%s: the values differ", format)
			}
			if _, err := r.Next(1); err != io.EOF {
				t.Fatalf("%s: after the end: %v", format, err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// BenchmarkReadCSV compares with encoding/csv and strconv alone.
func BenchmarkReadCSV(b *testing.B) {
	const rows, columns = 2000, 64
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	names := make([]string, columns)
	for i := range names {
		names[i] = "feature_" + strconv.Itoa(i)
	}
	text.WriteString(strings.Join(names, ",") + "\n")
	for range rows {
		for c := range columns {
			if c > 0 {
				text.WriteByte(',')
			}
			text.WriteString(strconv.FormatFloat(rng.NormFloat64(), 'g', 8, 64))
		}
		text.WriteByte('\n')
	}
	s, err := inputSchema(trees(names...))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	var mine, theirs time.Duration
	values := make([]float32, 0, rows*columns)
	for b.Loop() {
		start := time.Now()
		src, err := newCSV(strings.NewReader(text.String()), s, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = src.next(512)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		mine += time.Since(start)
		b.StopTimer()
		start = time.Now()
		r := csv.NewReader(bufio.NewReaderSize(strings.NewReader(text.String()), readBuffer))
		r.ReuseRecord = true
		values = values[:0]
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
		var record []string
		for record, err = r.Read(); err == nil; record, err = r.Read() {
			for _, f := range record {
				v, err := strconv.ParseFloat(f, 64)
				if err != nil {
					b.Fatal(err)
				}
				values = append(values, float32(v))
			}
		}
		if err != io.EOF || len(values) != rows*columns {
			b.Fatal(err)
		}
		theirs += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(mine.Seconds()/theirs.Seconds(), "x-encoding/csv")
}
