package client_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/bootstrap"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// TestMain makes the test binary its own bootstrap.
func TestMain(m *testing.M) {
	if bootstrap.IsBootstrap() {
		bootstrap.Main()
		return
	}
	goleak.VerifyTestMain(m)
}

// diabetes serves an example model in two shards; its name is "diabetes". Call stop at the end.
func diabetes() (endpoint string, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "client")
	if err != nil {
		return "", nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	parts := filepath.Join(dir, "parts")
	if _, err := splitter.Split(context.Background(), "../examples/diabetes-xgboost/model.ubj", parts, layout.Options{Shards: 2, Name: "diabetes"}, nil); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	model, err := local.Load(parts)
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	d, err := local.Start(context.Background(), local.Config{Model: model, Bootstrap: self, TempDir: dir})
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return d.Endpoint(), func() error { return errors.Join(d.Close(), remove()) }, nil
}
