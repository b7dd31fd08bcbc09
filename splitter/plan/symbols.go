package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
)

// named refuses sizes of dimensions that no input of the model has; the number of rows may be given to any model.
func (o *Options) named(m *partition.Model) error {
	have := map[string]bool{}
	for _, in := range m.Graph.Inputs {
		for _, d := range in.Dims {
			if d.Symbol != "" {
				have[d.Symbol] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Symbols)) {
		if have[name] || name == manifest.Batch {
			continue
		}
		list := strings.Join(slices.Sorted(maps.Keys(have)), ", ")
		refusal := &layout.RefusalError{Subject: "a size of dimension " + name, Reason: "no input of the model has a dimension of that name", Remedy: "give sizes of " + list}
		if list == "" {
			refusal.Reason, refusal.Remedy = fmt.Sprintf("%s; all their sizes are fixed", refusal.Reason), "leave it away"
		}
		return refusal
	}
	return nil
}

// bounded refuses sizes at which a value is too large to be reckoned with.
func (s *sizes) bounded(m *partition.Model) error {
	if len(s.symbols) == 0 {
		return nil
	}
	largest, most := "", 0.0
	for _, name := range slices.Sorted(maps.Keys(m.Values)) {
		v := m.Values[name]
		symbolic := slices.ContainsFunc(v.Dims, func(d graph.Dim) bool { return d.Size < 0 }) // no request changes a fixed one
		if bytes := s.elements(v) * float64(max(v.DType.Size(), 1)); symbolic && bytes > most {
			largest, most = name, bytes
		}
	}
	if most < maxValue {
		return nil
	}
	var given []string
	for _, symbol := range slices.Sorted(maps.Keys(s.symbols)) {
		given = append(given, fmt.Sprintf("%s=%d", symbol, s.symbols[symbol]))
	}
	return &layout.RefusalError{Subject: "a request with " + strings.Join(given, ", "),
		Reason: fmt.Sprintf("the value %s alone would take %.1e bytes, and values of less than a tebibyte are reckoned with", largest, most), Remedy: "give fewer rows or smaller sizes of dimensions"}
}
