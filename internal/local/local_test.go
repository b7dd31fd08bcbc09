package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

func TestEachFunctionHoldsItsOwnFilesOnly(t *testing.T) {
	m := load(t, directory(t, 3))
	functions := local.Functions(m.Dir, m.Manifest, m.Fingerprint, m.Deployment, "/bin/self")
	if len(functions) != 4 || functions[0].Handler != "coordinator" {
		t.Fatalf("%d functions, the first with handler %q", len(functions), functions[0].Handler)
	}
	for i, f := range functions {
		names := map[string]bool{}
		for _, file := range f.Files {
			names[file.Name] = true
		}
		if !names["bootstrap"] || !names["manifest.json"] {
			t.Errorf("%s lacks the bootstrap or the manifest: %v", f.Name, names)
		}
		for k := range m.Manifest.Shards {
			for _, file := range m.Manifest.Shards[k].Files {
				if names[file.Path] != (i == k+1) {
					t.Errorf("%s: holds %s of shard %d: %v", f.Name, file.Path, k, names[file.Path])
				}
			}
		}
		if f.Aliases[manifest.Alias(m.Fingerprint)] == "" || (f.Aliases["live"] != "") != (i == 0) {
			t.Errorf("%s: aliases %v", f.Name, f.Aliases)
		}
	}
}

func TestChunksFitBothWays(t *testing.T) {
	dims := func(n int) []manifest.Dim { return []manifest.Dim{{Name: manifest.Batch}, {Size: n}} }
	for _, in := range []int{1, 64, 4096, 1 << 20, 1 << 30} {
		for _, out := range []int{1, 1000, 1 << 18, 1 << 30} {
			s := manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: tensor.F32, Accepts: []tensor.DType{tensor.F64}, Shape: dims(in)}}}
			outputs := []manifest.Output{{Name: "y", DType: tensor.F32, Shape: dims(out)}}
			n := local.ChunkRows(s, outputs)
			if n < 1 {
				t.Fatalf("%d inputs, %d outputs: chunks of %d rows", in, out, n)
			}
			if n > 1 && (n*in*8/3*4 > wire.MaxRequest || n*out*4/3*4 > wire.MaxReply) {
				t.Errorf("%d inputs, %d outputs: chunks of %d rows do not fit", in, out, n)
			}
		}
	}
}

func TestHashesAreChecked(t *testing.T) {
	dir := directory(t, 2)
	m := load(t, dir)
	var last int64
	if err := local.CheckHashes(t.Context(), dir, m.Manifest, func(done int64) { last = done }); err != nil {
		t.Fatal(err)
	}
	if last != local.TotalBytes(m.Manifest) {
		t.Errorf("progress ended at %d of %d bytes", last, local.TotalBytes(m.Manifest))
	}
	path := filepath.Join(dir, m.Manifest.Shards[1].Files[0].Path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	err = local.CheckHashes(t.Context(), dir, m.Manifest, nil)
	if err == nil || !strings.Contains(err.Error(), "shard 1/2") || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("a flipped bit gives %v", err)
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, m.Manifest.Shards[0].Files[0].Path)); err != nil {
		t.Fatal(err)
	}
	err = local.CheckFiles(dir, m.Manifest)
	if err == nil || !strings.Contains(err.Error(), "shard 0/2") || !strings.Contains(err.Error(), "shard 1/2") {
		t.Errorf("of a missing and a truncated file only this is told: %v", err)
	}
}
