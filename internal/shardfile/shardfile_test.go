package shardfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// built is a finished file in memory, its description and the bytes of each tensor.
type built struct {
	file  []byte
	want  manifest.File
	bytes map[string][]byte
	decl  []Declared
}

// declared is a mix of sizes: larger than a chunk, small, empty, rank 0, and one that is a multiple of the alignment.
func declared() []Declared {
	return []Declared{
		{Name: "big", DType: tensor.F32, Shape: tensor.Shape{1000, 700}, Origin: &Origin{Of: "W", Dim: 0, Start: 1000, Stop: 2000, Shape: tensor.Shape{4000, 700}}},
		{Name: "small", DType: tensor.U8, Shape: tensor.Shape{3}},
		{Name: "scalar", DType: tensor.I64},
		{Name: "empty", DType: tensor.F16, Shape: tensor.Shape{0, 5}},
		{Name: "even", DType: tensor.F64, Shape: tensor.Shape{8}},
		{Name: "flags \"é", DType: tensor.Bool, Shape: tensor.Shape{77}},
		{Name: "tail", DType: tensor.I32, Shape: tensor.Shape{300_000}},
	}
}

func build(t testing.TB, seed uint64, decl []Declared, meta map[string]string) built {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	b := built{bytes: map[string][]byte{}, decl: decl}
	var out bytes.Buffer
	w, err := NewWriter(&out, decl, meta)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range decl {
		n, err := d.Shape.Elements()
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, n*d.DType.Size())
		for i := range data {
			data[i] = byte(rng.Uint32())
			if d.DType == tensor.Bool {
				data[i] &= 1
			}
		}
		b.bytes[d.Name] = data
		if err := w.WriteTensor(func(out io.Writer) error { return pieces(rng, out, data) }); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if s.Bytes != int64(out.Len()) {
		t.Fatalf("summary says %d bytes, written were %d", s.Bytes, out.Len())
	}
	b.file = out.Bytes()
	b.want = manifest.File{Role: "weights", Path: "w.safetensors", Bytes: s.Bytes, SHA256: s.SHA256, Chunks: &s.Chunks}
	return b
}

// pieces writes data in random cuts.
func pieces(rng *rand.Rand, out io.Writer, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), 1+rng.IntN(200_000))
		if _, err := out.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func (b built) save(t testing.TB, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b built) open(t testing.TB) *Reader {
	t.Helper()
	r, err := Open(b.save(t, b.file), b.want)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	b := build(t, seed, declared(), map[string]string{"made": "by test"})
	r := b.open(t)
	names := r.Names()
	if len(names) != len(b.decl) {
		t.Fatalf("names %q", names)
	}
	for i, d := range b.decl {
		if names[i] != d.Name {
			t.Fatalf("name %d is %q, want %q", i, names[i], d.Name)
		}
		for range 2 {
			w, err := r.Weight(d.Name)
			if err != nil {
				t.Fatal(err)
			}
			if w.DType() != d.DType || !w.Shape().Equal(d.Shape) || !bytes.Equal(w.Bytes(), b.bytes[d.Name]) {
				t.Fatalf("%q came back as %v, or with other bytes", d.Name, w)
			}
		}
		o, err := r.Origin(d.Name)
		if err != nil || fmt.Sprint(o) != fmt.Sprint(d.Origin) {
			t.Fatalf("origin of %q is %v, %v; want %v", d.Name, o, err, d.Origin)
		}
	}
	if err := r.VerifyAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"weight": func() error { _, err := r.Weight("none"); return err },
		"rows":   func() error { _, err := r.Rows("none", 0, 0); return err },
		"origin": func() error { _, err := r.Origin("__crc32c"); return err },
		"bounds": func() error { _, err := r.Rows("big", 999, 1001); return err },
		"scalar": func() error { _, err := r.Rows("scalar", 0, 1); return err },
	} {
		if call() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDataLiesAtMultiplesOf4096And64(t *testing.T) {
	b := build(t, 1, declared(), nil)
	at, err := tensor.HeaderSize(b.file, len(b.file), limits)
	if err != nil || at%4096 != 0 {
		t.Fatalf("data begins at %d, %v", at, err)
	}
	entries, meta, err := tensor.ParseHeader(b.file[8:at], len(b.file)-at, limits)
	if err != nil {
		t.Fatal(err)
	}
	if len(meta) != 1 || meta["big"] != `{"of":"W","dim":0,"start":1000,"stop":2000,"shape":[4000,700]}` {
		t.Fatalf("metadata %q", meta)
	}
	for _, e := range entries {
		if e.Begin%64 != 0 && e.Name[:2] != "__" {
			t.Errorf("%q begins at %d", e.Name, e.Begin)
		}
	}
	if last := entries[len(entries)-1]; last.Name != "__crc32c" || last.Begin%64 != 0 {
		t.Fatalf("last tensor is %q at %d", last.Name, last.Begin)
	}
}

func TestTheSameTensorsGiveTheSameFile(t *testing.T) {
	a, b := build(t, 5, declared(), map[string]string{"a": "1", "b": "2"}), build(t, 5, declared(), map[string]string{"b": "2", "a": "1"})
	if !bytes.Equal(a.file, b.file) || a.want.SHA256 != b.want.SHA256 || *a.want.Chunks != *b.want.Chunks {
		t.Fatal("two runs differ")
	}
}

func TestRowsChecksOnlyTheirChunks(t *testing.T) {
	b := build(t, 2, []Declared{{Name: "table", DType: tensor.F32, Shape: tensor.Shape{4096, 512}}}, nil) // 8 MiB
	b.file[4096+5<<20] ^= 1                                                                               // row 2560
	r := b.open(t)
	before := r.check.checked.Load()
	rows, err := r.Rows("table", 600, 601)
	if err != nil || !bytes.Equal(rows.Bytes(), b.bytes["table"][600*2048:601*2048]) {
		t.Fatalf("rows: %v", err)
	}
	if n := r.check.checked.Load() - before; n != 1 {
		t.Fatalf("%d chunks were read for one row", n)
	}
	if _, err := r.Rows("table", 600, 602); err != nil || r.check.checked.Load()-before != 1 {
		t.Fatalf("a known chunk was read again (%d), %v", r.check.checked.Load()-before, err)
	}
	var corrupt *CorruptError
	if _, err := r.Rows("table", 2560, 2561); !errors.As(err, &corrupt) || corrupt.Chunk != 5 || corrupt.Tensor != "table" {
		t.Fatalf("the wrong row gave %v", err)
	}
	if none, err := r.Rows("table", 2560, 2560); err != nil || none.Len() != 0 {
		t.Fatalf("no rows: %v, %v", none, err)
	}
	if _, err := r.Weight("table"); !errors.As(err, &corrupt) {
		t.Fatalf("the whole gave %v", err)
	}
}
