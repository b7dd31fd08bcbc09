package onnx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/plan"
)

// importer is the name that manifests give this importer.
const importer = "onnx"

// model implements layout.Model.
type model struct {
	base    string // file name
	store   *store
	scanned *onnx.Model
	net     *net
	other   *net               // the form for other engines than the native one, when net is not for all
	info    func() layout.Info // made when it is first asked for: the largest useful number of shards takes a search
}

// Open reads the structure of the ONNX file at path. The caller closes the model. What cannot be read is a
// *layout.RefusalError that names the node or field.
func Open(path string) (layout.Model, error) {
	s, err := openStore(path)
	if err != nil {
		return nil, err
	}
	m := &model{base: filepath.Base(path), store: s}
	if err := m.read(); err != nil {
		return nil, errors.Join(refusal(m.base, err), s.Close())
	}
	return m, nil
}

func (m *model) read() error {
	scanned, err := onnx.Scan(m.store.file, m.store.size)
	if err != nil {
		return err
	}
	if v := scanned.Graph.Opsets[""]; v > native.Newest {
		return &layout.RefusalError{Subject: fmt.Sprintf("operator set %d of ai.onnx", v), Reason: fmt.Sprintf("it is newer than %d, the newest known", native.Newest), Remedy: "export the model with an older one"}
	}
	m.scanned, m.store.model = scanned, scanned
	portable, own, err := clean(scanned, m.store)
	if err != nil {
		return err
	}
	if m.net = portable; own != nil {
		m.net, m.other = own, portable
	}
	m.info = sync.OnceValue(m.describe)
	return nil
}

// refusal turns what the scanner found into a refusal; errors of the operating system stay what they are.
func refusal(file string, err error) error {
	var format *onnx.FormatError
	var unsupported *onnx.UnsupportedError
	switch {
	case errors.As(err, &format):
		return &layout.RefusalError{Subject: file, Reason: err.Error(), Remedy: "export the model again, or copy the file again: it is damaged, cut off or no ONNX file"}
	case errors.As(err, &unsupported):
		return &layout.RefusalError{Subject: file, Reason: err.Error(), Remedy: "export the model with ordinary tensors, as ONNX's own tools write them"}
	}
	var refused *layout.RefusalError
	if errors.As(err, &refused) {
		return refused
	}
	return fmt.Errorf("open %s: %w", file, err)
}

// Info implements layout.Model.
func (m *model) Info() layout.Info { return m.info() }

// Close implements layout.Model.
func (m *model) Close() error { return m.store.Close() }

// Layout implements layout.Model.
func (m *model) Layout(ctx context.Context, o layout.Options) (*layout.Layout, error) {
	n := m.covered(o.Engine)
	in, err := m.partition(n, o.Engine)
	if err != nil {
		return nil, err
	}
	l, err := plan.Layout(ctx, in, o)
	if err != nil {
		return nil, err
	}
	if changes := n.changes(); len(changes) > 0 && o.Optimised != nil {
		o.Optimised(changes)
	}
	for _, r := range n.refused {
		l.Uncovered = append(l.Uncovered, r.why.Subject)
	}
	return l, nil
}

// Partition is the graph for the planner, which reads no weights. What cannot be split is a *layout.RefusalError.
func (m *model) Partition() (*partition.Model, error) { return m.partition(m.net, "") }

// covered is the graph for an engine: what the optimiser made, or what ONNX Runtime runs as well.
func (m *model) covered(engine string) *net {
	if engine == onnxruntime.Name && m.other != nil {
		return m.other
	}
	return m.net
}

func (m *model) partition(n *net, engine string) (*partition.Model, error) {
	if err := n.refusal(engine); err != nil {
		return nil, err
	}
	in, err := m.input(n)
	if err != nil && len(n.refused) > 0 {
		return nil, n.refused[0].why // what is not covered is why something else is not known
	}
	return in, err
}

// input is what the partitioner works on.
func (m *model) input(n *net) (*partition.Model, error) {
	signature, err := n.signature()
	if err != nil {
		return nil, err
	}
	sources := []manifest.Source{{File: m.base, Importer: importer, Library: library(m.scanned)}}
	for _, location := range m.store.locations() {
		sources = append(sources, manifest.Source{File: location, Importer: importer, Library: library(m.scanned)})
	}
	return &partition.Model{Engine: native.Name, Graph: n.graph, Values: n.values, Signature: signature, Sources: sources,
		Dims: n.dims, Read: m.store.open}, nil
}

// refusal is the first reason why the model cannot be split, nil when there is none. What the native engine alone does
// not cover is left to another engine, unless it is the one that is wanted; where it is the types alone that it does not
// cover, the other has to be named.
func (n *net) refusal(engine string) error {
	if len(n.foreign) > 0 {
		return n.foreign[0]
	}
	for _, r := range n.refused {
		if engine == native.Name || !r.why.Native || r.why.Types && engine != onnxruntime.Name {
			return r.why
		}
	}
	return nil
}

// library is what wrote the file, as far as it tells.
func library(m *onnx.Model) string {
	return strings.TrimSpace(m.Producer + " " + m.ProducerVersion)
}

// openFile opens a model file.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("open model: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open model: %w", err), f.Close())
	}
	return f, info.Size(), nil
}

// sorted are the keys of a map in ascending order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
