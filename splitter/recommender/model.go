package recommender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
)

// model implements layout.Model over a description.
type model struct {
	base string
	d    *Description
}

// maxBytes bounds a description's file.
const maxBytes = 4 << 20

// Open reads the description at path. What is wrong with it is a *layout.RefusalError.
func Open(path string) (layout.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open description: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	base := filepath.Base(path)
	if len(data) > maxBytes {
		return nil, &layout.RefusalError{Subject: base, Reason: fmt.Sprintf("is a description of more than %d bytes", maxBytes), Remedy: "describe fewer tables"}
	}
	d, err := Parse(data)
	if err != nil {
		return nil, &layout.RefusalError{Subject: base, Reason: err.Error(), Remedy: "see docs/plans.md for the form of a description"}
	}
	return &model{base, d}, nil
}

// Info implements layout.Model.
func (m *model) Info() layout.Info {
	p, _ := m.Partition()
	info := layout.Info{Format: "recommender description", Signature: p.Signature, Operators: map[string]int{}, Dtypes: map[string]int64{},
		Weightless: "a description without weights"}
	for _, n := range p.Graph.Nodes {
		info.Operators[n.Op]++
	}
	for _, w := range p.Graph.Weights {
		if w.Location == Location {
			info.Bytes += w.Length
			info.Parameters += w.Length / int64(w.DType.Size())
			info.Dtypes[w.DType.String()] += w.Length
		}
	}
	return info
}

// Layout implements layout.Model: it refuses, because there are no weights.
func (m *model) Layout(context.Context, layout.Options) (*layout.Layout, error) {
	return nil, &layout.RefusalError{Subject: m.base, Reason: "is a description without weights, which can be planned and not split", Remedy: "use shardwise plan, or give the model itself as ONNX"}
}

// Close implements layout.Model.
func (m *model) Close() error { return nil }

// Partition is what the planner works on. Its weights can not be read.
func (m *model) Partition() (*partition.Model, error) {
	g, values := m.d.Build()
	s := manifest.Signature{}
	for _, v := range g.Inputs {
		s.Inputs = append(s.Inputs, manifest.Input{Name: v.Name, DType: v.DType, Shape: dims(v.Dims)})
	}
	for _, v := range g.Outputs {
		s.Outputs = append(s.Outputs, manifest.Output{Name: v.Name, DType: v.DType, Shape: dims(v.Dims)})
	}
	return &partition.Model{Graph: g, Values: values, Engine: native.Name, Signature: s, Dims: dims,
		Read: func(w *graph.Weight) (io.ReaderAt, error) {
			return nil, fmt.Errorf("weight %s: the description %s has no weights", w.Name, m.base)
		}}, nil
}

func dims(list []graph.Dim) []manifest.Dim {
	out := make([]manifest.Dim, len(list))
	for i, d := range list {
		out[i] = manifest.Dim{Size: max(d.Size, 0), Name: d.Symbol}
	}
	return out
}
