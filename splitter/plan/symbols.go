package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

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
