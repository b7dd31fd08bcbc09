package shardfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// usable opens the file and reads all of it; it returns whether anything complained, after checking that whatever was handed
// out is right.
func usable(t *testing.T, b built, path string) bool {
	t.Helper()
	complained := false
	complain := func(err error) bool {
		var corrupt *CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			t.Fatalf("error %v is not a CorruptError", err)
		}
		complained = complained || err != nil
		return err != nil
	}
	r, err := Open(path, b.want)
	if complain(err) {
		return false
	}
	defer r.Close()
	if len(r.Names()) != len(b.decl) {
		t.Fatalf("names %q", r.Names())
	}
	for i, d := range b.decl {
		if r.Names()[i] != d.Name {
			t.Fatalf("a corrupt header was believed: %q", r.Names())
		}
		w, err := r.Weight(d.Name)
		if complain(err) {
			continue
		}
		if w.DType() != d.DType || !w.Shape().Equal(d.Shape) || !bytes.Equal(w.Bytes(), b.bytes[d.Name]) {
			t.Fatalf("wrong bytes of %q were handed out", d.Name)
		}
	}
	complain(r.VerifyAll(context.Background()))
	return !complained
}

func TestAnyFlippedBitIsFound(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	decl := []Declared{
		{Name: "a", DType: tensor.F32, Shape: tensor.Shape{300, 100}}, {Name: "b", DType: tensor.F32, Shape: tensor.Shape{300, 100}},
		{Name: "c", DType: tensor.Bool, Shape: tensor.Shape{5}}, {Name: "d", DType: tensor.U16, Shape: tensor.Shape{500_000}},
	}
	b := build(t, seed, decl, nil)
	path := b.save(t, b.file)
	if !usable(t, b, path) {
		t.Fatal("the whole file is refused")
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flip := func(bit int) {
		t.Helper()
		one := []byte{b.file[bit/8] ^ 1<<(bit%8)}
		if _, err := f.WriteAt(one, int64(bit/8)); err != nil {
			t.Fatal(err)
		}
		if usable(t, b, path) {
			t.Fatalf("flipped bit %d of byte %d went unnoticed", bit%8, bit/8)
		}
		if _, err := f.WriteAt(b.file[bit/8:bit/8+1], int64(bit/8)); err != nil {
			t.Fatal(err)
		}
	}
	header := int(binary.LittleEndian.Uint64(b.file)) + 8
	json := bytes.LastIndexByte(b.file[:header], '}') + 1
	for range 400 {
		flip(rng.IntN(8 * json)) // the header's text
	}
	for range 100 {
		flip(rng.IntN(8 * len(b.file)))
	}
	for bit := 8 * (len(b.file) - 8); bit < 8*len(b.file); bit++ {
		flip(bit) // the table
	}
}

func TestTruncatedOrLongerIsRefusedAtOpen(t *testing.T) {
	b := build(t, 1, declared(), nil)
	for _, file := range [][]byte{nil, b.file[:7], b.file[:4096], b.file[:len(b.file)-1], append(bytes.Clone(b.file), 0)} {
		_, err := Open(b.save(t, file), b.want)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "copy the file again") {
			t.Errorf("%d bytes: %v", len(file), err)
		}
		// A manifest that agrees with the wrong size does not make the file right.
		want := b.want
		want.Bytes = int64(len(file))
		if _, err := Open(b.save(t, file), want); !errors.As(err, &corrupt) {
			t.Errorf("%d bytes and a manifest that says so: %v", len(file), err)
		}
	}
}

func TestAnotherModelsFileIsRefusedAtOpen(t *testing.T) {
	a, b := build(t, 1, declared(), nil), build(t, 2, declared(), nil)
	if len(a.file) != len(b.file) {
		t.Fatal("the files should have the same size")
	}
	_, err := Open(a.save(t, b.file), a.want)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "table of checksums has SHA-256") {
		t.Fatal(err)
	}
}

func TestOpenRefusesBadDescriptions(t *testing.T) {
	b := build(t, 1, declared(), nil)
	path := b.save(t, b.file)
	for _, size := range []int{-1, 0, 4095, 1<<30 + 1} {
		want, chunks := b.want, *b.want.Chunks
		chunks.Size, want.Chunks = size, &chunks
		if _, err := Open(path, want); err == nil {
			t.Errorf("chunk size %d is accepted", size)
		}
	}
	want := b.want
	want.Chunks = nil
	if _, err := Open(path, want); err == nil {
		t.Error("no table is accepted")
	}
	if _, err := Open(t.TempDir(), b.want); err == nil {
		t.Error("a folder is accepted")
	}
	if _, err := Open(path+"x", b.want); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gave %v", err)
	}
}

// A file that shrinks while it is mapped must become an error, not the death of the process.
func TestShrinkingFileIsAnError(t *testing.T) {
	b := build(t, 3, []Declared{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{8 << 20}}}, nil)
	path := b.save(t, b.file)
	r, err := Open(path, b.want)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(path, 2<<20); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if _, err := r.Weight("x"); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "cut short") {
		t.Fatalf("weight: %v", err)
	}
	if err := r.VerifyAll(context.Background()); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "cut short") {
		t.Fatalf("verify: %v", err)
	}
}

func TestVerifyAllStopsWithItsContext(t *testing.T) {
	r := build(t, 1, declared(), nil).open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.VerifyAll(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestEachChunkIsCheckedOnceHoweverManyAsk(t *testing.T) {
	b := build(t, 4, []Declared{{Name: "x", DType: tensor.U8, Shape: tensor.Shape{20 << 20}}, {Name: "y", DType: tensor.U8, Shape: tensor.Shape{100}}}, nil)
	r := b.open(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			name := []string{"x", "y"}[i%2]
			w, err := r.Weight(name)
			if err != nil || !bytes.Equal(w.Bytes(), b.bytes[name]) {
				t.Errorf("%q: %v", name, err)
			}
			if _, err := r.Rows("x", i<<20, (i+1)<<20); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := int(r.check.checked.Load()), len(r.check.sums)/4; got != want {
		t.Fatalf("%d chunks were read, the file has %d", got, want)
	}
}

func TestClosedReaderRefuses(t *testing.T) {
	b := build(t, 1, declared(), nil)
	r, err := Open(b.save(t, b.file), b.want)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Weight("big"); err == nil {
		t.Error("Weight works")
	}
	if err := r.VerifyAll(context.Background()); err == nil {
		t.Error("VerifyAll works")
	}
}
