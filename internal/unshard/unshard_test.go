package unshard

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
)

// cut is a part of a 6 x 10 matrix of ascending numbers.
type cut struct {
	dim, lo, hi int
	shape       tensor.Shape // the full shape that the origin claims
}

func value(r, c int) float32 { return float32(100*r + c) }

// file writes a weights file with the parts and returns its manifest entry.
func file(t *testing.T, dir, name string, cuts ...cut) manifest.File {
	t.Helper()
	var tensors []shardfile.Declared
	for i, c := range cuts {
		shape := tensor.Shape{6, 10}
		shape[c.dim] = c.hi - c.lo
		tensors = append(tensors, shardfile.Declared{Name: strings.Repeat("p", i+1), DType: tensor.F32, Shape: shape,
			Origin: &shardfile.Origin{Of: "w", Dim: c.dim, Start: c.lo, Stop: c.hi, Shape: c.shape}})
	}
	out, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := shardfile.NewWriter(out, tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cuts {
		part := tensor.New(tensor.F32, tensors[i].Shape...)
		for r := range part.Dim(0) {
			for col := range part.Dim(1) {
				at := [2]int{r, col}
				at[c.dim] += c.lo
				tensor.Of[float32](part)[r*part.Dim(1)+col] = value(at[0], at[1])
			}
		}
		if err := w.WriteTensor(func(w io.Writer) error { _, err := w.Write(part.Bytes()); return err }); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return manifest.File{Role: manifest.RoleWeights, Path: name, Bytes: sum.Bytes, SHA256: sum.SHA256, Chunks: &sum.Chunks}
}

func model(files ...manifest.File) *manifest.Manifest {
	m := &manifest.Manifest{}
	for _, f := range files {
		m.Shards = append(m.Shards, manifest.Shard{Files: []manifest.File{f, {Role: manifest.RoleProgram, Path: "program.onnx"}}})
	}
	return m
}

func TestPartsBecomeTheTensor(t *testing.T) {
	full := tensor.Shape{6, 10}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for name, cuts := range map[string][][]cut{
		"rows":          {{{0, 0, 2, full}}, {{0, 2, 6, full}}},
		"columns":       {{{1, 0, 3, full}}, {{1, 3, 4, full}}, {{1, 4, 10, full}}},
		"both":          {{{1, 0, 5, full}, {0, 0, 6, full}}, {{1, 5, 10, full}}},
		"whole":         {{{0, 0, 6, full}}},
		"same cut both": {{{0, 0, 3, full}, {1, 0, 5, full}}, {{0, 3, 6, full}, {1, 5, 10, full}}},
	} {
		dir := t.TempDir()
		var files []manifest.File
		for i, c := range cuts {
			files = append(files, file(t, dir, string(rune('a'+i))+".safetensors", c...))
		}
		rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		w, closer, err := Weights(dir, model(files...))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := w.Weight("w")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		for r := range 6 {
			for c := range 10 {
				if got != nil && tensor.Of[float32](got)[r*10+c] != value(r, c) {
					t.Fatalf("%s: element %d,%d is %v", name, r, c, tensor.Of[float32](got)[r*10+c])
				}
			}
		}
	}
}

func TestWhatDoesNotFitTogetherIsAnError(t *testing.T) {
	full := tensor.Shape{6, 10}
	for want, cuts := range map[string][]cut{
		"do not cover":  {{1, 0, 3, full}, {1, 4, 10, full}},
		"of one model":  {{1, 0, 3, full}, {1, 3, 10, tensor.Shape{6, 11}}},
		"its origin":    {{1, 0, 10, tensor.Shape{7, 10}}},
		"no file holds": nil,
	} {
		dir := t.TempDir()
		w, closer, err := Weights(dir, model(file(t, dir, "a.safetensors", cuts...)))
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if _, err := w.Weight("w"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, wanted one with %q", err, want)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMissingAndDamagedFilesAreErrors(t *testing.T) {
	dir := t.TempDir()
	f := file(t, dir, "a.safetensors", cut{0, 0, 6, tensor.Shape{6, 10}})
	if _, _, err := Weights(t.TempDir(), model(f)); err == nil {
		t.Error("a missing file was accepted")
	}
	path := filepath.Join(dir, "a.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[4096] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	w, closer, err := Weights(dir, model(f))
	if err != nil {
		return
	}
	defer closer.Close()
	if _, err := w.Weight("w"); err == nil {
		t.Error("a flipped bit was accepted")
	}
}
