package reference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/internal/unshard"
)

// whole is the unsharded graph on weights put together from the shards.
type whole struct {
	m       *manifest.Manifest
	program engine.Program
	weights io.Closer
	nodes   int
}

func openGraph(dir string, m *manifest.Manifest, f manifest.File) (Model, error) {
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != f.Bytes {
		return nil, fmt.Errorf("%s has %d bytes, the manifest says %d; copy the file again, or split the model again", f.Path, len(data), f.Bytes)
	}
	g, err := onnx.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	w, closer, err := unshard.Weights(dir, m)
	if err != nil {
		return nil, err
	}
	p, err := native.New().Compile(g, w)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Path, err), closer.Close())
	}
	return &whole{m: m, program: p, weights: closer, nodes: len(g.Nodes)}, nil
}

func (w *whole) Method() string {
	return fmt.Sprintf("the unsharded graph of %d nodes, on weights put together from the shards", w.nodes)
}

func (w *whole) Predict(ctx context.Context, in tensor.Named, outputs []string) (tensor.Named, error) {
	wanted, err := w.m.ResolveOutputs(outputs)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(wanted))
	for i, o := range wanted {
		names[i] = o.Name
	}
	typed := tensor.Named{}
	for i := range w.m.Signature.Inputs {
		spec := &w.m.Signature.Inputs[i]
		if t := in[spec.Name]; t != nil {
			if typed[spec.Name], err = tensor.Convert(t, spec.DType); err != nil {
				return nil, fmt.Errorf("input %s: %w", spec.Name, err)
			}
		}
	}
	return w.program.Run(ctx, typed, names)
}

func (w *whole) Close() error { return w.weights.Close() }
