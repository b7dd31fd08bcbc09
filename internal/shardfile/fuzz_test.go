package shardfile

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// seal makes a manifest's description of any bytes, with right sums wherever the header lets a table be found, so that
// hostile headers get past the checksums.
func seal(file []byte) manifest.File {
	want := manifest.File{Bytes: int64(len(file)), Chunks: &manifest.Chunks{Tensor: tableName, Size: chunkSize}}
	table := []byte{}
	if at, err := tensor.HeaderSize(file, len(file), limits); err == nil {
		if entries, _, err := tensor.ParseHeader(file[8:at], len(file)-at, limits); err == nil && len(entries) > 0 {
			begin := at + entries[len(entries)-1].Begin
			table = file[begin:]
			for i := 0; i*chunkSize < begin && len(table) >= 4*i+4; i++ {
				sum := crc32.Checksum(file[i*chunkSize:min((i+1)*chunkSize, begin)], castagnoli)
				binary.LittleEndian.PutUint32(table[4*i:], sum)
			}
		}
	}
	whole, sum := sha256.Sum256(file), sha256.Sum256(table)
	want.SHA256, want.Chunks.SHA256 = hex.EncodeToString(whole[:]), hex.EncodeToString(sum[:])
	return want
}

// hostile builds a file around a header's JSON.
func hostile(json string, data int) []byte {
	file := make([]byte, dataAlign+data)
	binary.LittleEndian.PutUint64(file, dataAlign-8)
	for i := range file[8:dataAlign] {
		file[8+i] = ' '
	}
	copy(file[8:dataAlign], json)
	return file
}

func FuzzOpen(f *testing.F) {
	b := build(f, 1, declared()[1:6], map[string]string{"k": "v"})
	f.Add(b.file)
	const table = `"__crc32c":{"dtype":"U32","shape":[1],"data_offsets":[64,68]}}`
	for _, first := range []string{
		`{"x":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},`,
		`{"x":{"dtype":"BOOL","shape":[64],"data_offsets":[0,64]},`,
		`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[15],"data_offsets":[4,64]},`,
		`{"x":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]},"__pad.1":{"dtype":"U8","shape":[64],"data_offsets":[0,64]},`,
		`{"x":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,64]},`,
		`{"__metadata__":{"x":"{\"of\":\"w\",\"dim\":-1}"},"x":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},`,
		`{`,
	} {
		f.Add(hostile(first+table, 68))
	}
	f.Add(hostile(`{"__crc32c":{"dtype":"U32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(hostile(`{}`, 0))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"))
	path := filepath.Join(f.TempDir(), "w.safetensors")
	f.Fuzz(func(t *testing.T, file []byte) {
		want := seal(file)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, want)
		if err != nil {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("%v is not a CorruptError", err)
			}
			return
		}
		defer r.Close()
		for _, name := range r.Names() {
			w, err := r.Weight(name)
			if err != nil {
				continue // a bool that is none
			}
			if n, err := w.Shape().Elements(); err != nil || n*w.DType().Size() != len(w.Bytes()) {
				t.Fatalf("%q is %v with %d bytes, %v", name, w, len(w.Bytes()), err)
			}
			if _, err := r.Origin(name); err != nil && !errors.As(err, new(*CorruptError)) {
				t.Fatal(err)
			}
		}
		if err := r.VerifyAll(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestPythonReadsTheFile asks the format's own library, where it is installed.
func TestPythonReadsTheFile(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import numpy, safetensors.numpy").Run() != nil {
		t.Skip("python3 with safetensors and numpy is not installed")
	}
	b := build(t, 9, declared(), map[string]string{"k": "v"})
	const script = `
import sys, hashlib
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as f:
    assert f.metadata()["k"] == "v"
    for name in sorted(f.keys()):
        if not name.startswith("__"):
            print(name, hashlib.sha256(f.get_tensor(name).tobytes()).hexdigest())
`
	out, err := exec.Command(python, "-c", script, b.save(t, b.file)).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	want := ""
	for _, name := range []string{"big", "empty", "even", "flags \"é", "scalar", "small", "tail"} {
		sum := sha256.Sum256(b.bytes[name])
		want += name + " " + hex.EncodeToString(sum[:]) + "\n"
	}
	if string(out) != want {
		t.Fatalf("found\n%swant\n%s", out, want)
	}
}
