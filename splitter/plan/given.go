package plan

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
)

// Given estimates a plan that is given, called by its kind, at the memory sizes of the wish, and picks a size as Explore does. A wish that can not be met is
// a *layout.RefusalError.
func Given(m *partition.Model, kind string, pl *partition.Plan, o Options, w Wish) (*Survey, error) {
	opts := o.defaults()
	n := pl.Shards
	switch {
	case opts.Kind != "" && opts.Kind != kind:
		return nil, &layout.RefusalError{Subject: "plans of the kind " + opts.Kind, Reason: "the model has one plan, of the kind " + kind, Remedy: "leave the kind away"}
	case len(w.Shards) > 0 && !slices.Contains(w.Shards, n):
		return nil, &layout.RefusalError{Subject: "shards", Reason: fmt.Sprintf("the model's only plan has %d", n), Remedy: "leave their number away"}
	}
	symbols := map[string]int{manifest.Batch: 1}
	for name, size := range opts.Symbols {
		symbols[name] = size
	}
	sz := &sizes{symbols: symbols, other: opts.OtherSize}
	if err := sz.bounded(m); err != nil {
		return nil, err
	}
	k := kept{kind: kind, plan: pl, profile: newProfiler(pl.Graph, sz).profile(pl)}
	memory := w.MemoryMB
	if len(memory) == 0 {
		memory = Sizes()
	}
	s, err := choose(k.sized(opts.Model, memory), &w)
	if s != nil || err != nil {
		return s, err
	}
	need := k.at(opts.Model, Size{slices.Max(memory), slices.Max(coordinatorSizes())}).Estimate.need()
	return nil, &layout.RefusalError{Subject: fmt.Sprintf("%d MB of memory", slices.Max(memory)),
		Reason: fmt.Sprintf("the largest of %d shards needs %d MB for its weights, its process and %d rows, or the coordinator's part does not fit", n, (need+1<<20-1)>>20, partition.MemoryRows), Remedy: "give more memory"}
}
