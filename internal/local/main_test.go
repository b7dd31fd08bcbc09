package local_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// TestMain makes the test binary its own bootstrap.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == dying {
		dieDuringAnInvocation()
	}
	if bootstrap.IsBootstrap() {
		bootstrap.Main()
		return
	}
	if role := os.Getenv(envFloor); role != "" {
		floorProcess(role)
	}
	goleak.VerifyTestMain(m)
}

const example = "../../examples/diabetes-xgboost/"

// directory splits the diabetes example.
func directory(t testing.TB, shards int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), example+"model.ubj", dir, layout.Options{Shards: shards}, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t testing.TB, dir string) *local.Model {
	t.Helper()
	m, err := local.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// start serves a directory until the test ends.
func start(t testing.TB, m *local.Model) *local.Deployment {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, err := local.Start(context.Background(), local.Config{Model: m, Bootstrap: self, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// rows reads all rows of the example as one tensor.
func rows(t testing.TB, m *local.Model) *tensor.Tensor {
	t.Helper()
	r, err := dataset.Open(example+"input.csv", dataset.Auto, m.Manifest.Signature, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := r.Next(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(1); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one batch: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return in["features"]
}

// batches is a Source of given batches; size is asked for each and may exceed what the stream wanted.
type batches struct {
	all  *tensor.Tensor
	at   int
	size func(maxRows int) int
	fail error // instead of the end
}

func (b *batches) Next(maxRows int) (tensor.Named, error) {
	if b.at == b.all.Dim(0) {
		if b.fail != nil {
			return nil, b.fail
		}
		return nil, io.EOF
	}
	n := min(b.size(maxRows), b.all.Dim(0)-b.at)
	part, err := b.all.Rows(b.at, b.at+n)
	b.at += n
	return tensor.Named{"features": part}, err
}
