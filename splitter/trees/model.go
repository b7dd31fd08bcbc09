package trees

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/plan"
)

// model is an ensemble that can be laid out. It owns its source.
type model struct {
	src   forest.Source
	e     *forest.Ensemble
	spool *spool // of Whole, nil before
}

// NewModel makes a model of a source, which belongs to it from now on: closing the model closes the source. Like the
// source it is not safe for concurrent use, and a Layout's recipes read from it until it is closed.
func NewModel(src forest.Source) layout.Model { return &model{src: src, e: src.Ensemble()} }

// Close closes the source and gives up what Whole packed.
func (m *model) Close() error {
	if m.spool != nil {
		return errors.Join(m.spool.Close(), m.src.Close())
	}
	return m.src.Close()
}

// Info describes the ensemble.
func (m *model) Info() layout.Info {
	e := m.e
	var nodes, leaves, depth int
	var parameters int64
	for i := range e.Trees {
		t := &e.Trees[i]
		nodes, leaves, depth = nodes+t.Nodes, leaves+t.Leaves, max(depth, t.Depth)
		parameters += int64(t.Nodes-t.Leaves) + int64(t.Leaves*len(t.Outputs))
	}
	info := layout.Info{Format: e.Format, Library: library(e), Parameters: parameters, Bytes: m.bytes(0, len(e.Trees)), MaxShards: len(e.Trees),
		Notes: slices.Clone(e.Remarks)}
	if p, err := m.prediction(); err == nil {
		info.Signature = m.signature(p, sumErrors(e), e.Outputs)
	}
	add := func(name, format string, args ...any) {
		info.Facts = append(info.Facts, layout.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	add("objective", "%s", e.Objective)
	add("trees", "%d", len(e.Trees))
	add("outputs per row", "%d", e.Outputs)
	add("nodes", "%d, of which %d are leaves", nodes, leaves)
	add("depth", "%d at most", depth)
	add("features", "%d, of which %d are tested%s", len(e.Features), len(m.tested(0, len(e.Trees))), kinds(e.Features))
	add("missing values", "NaN; each node sends them to its default side")
	add("first margin", "%s", floats(e.Init))
	for _, n := range e.Notes {
		add(n.Name, "%s", n.Value)
	}
	return info
}

func library(e *forest.Ensemble) string {
	return strings.TrimSpace(string(e.Library) + " " + e.Version)
}

// kinds counts the features that are not plain numbers.
func kinds(features []forest.Feature) string {
	categorical := 0
	for _, f := range features {
		if f.Kind == "categorical" {
			categorical++
		}
	}
	if categorical == 0 {
		return ""
	}
	return fmt.Sprintf("; %d are categorical", categorical)
}

func floats(v []float32) string {
	const shown = 10
	var parts []string
	for _, x := range v[:min(len(v), shown)] {
		parts = append(parts, fmt.Sprint(x))
	}
	if len(v) > shown {
		parts = append(parts, "...")
	}
	return strings.Join(parts, ", ")
}

// Layout cuts the ensemble as wished.
func (m *model) Layout(ctx context.Context, o layout.Options) (*layout.Layout, error) {
	if o.Plan == plan.Rows {
		whole, err := m.Whole()
		if err != nil {
			return nil, err
		}
		return plan.Layout(ctx, whole, o)
	}
	if o.Plan != "" {
		return nil, &layout.RefusalError{Subject: "plans of the kind " + o.Plan, Reason: "are for graphs; a tree ensemble is cut into ranges of trees", Remedy: "leave the kind away, or ask for the kind " + plan.Rows}
	}
	if o.Latency > 0 || o.MaxCost > 0 {
		return nil, &layout.RefusalError{Subject: "a tree ensemble", Reason: "has one plan, ranges of trees in one round, so there is no choice by latency or cost", Remedy: "give --shards N or --memory MB alone"}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := m.refuse(); err != nil {
		return nil, err
	}
	bounds, err := m.ranges(o)
	if err != nil {
		return nil, err
	}
	if shards := len(bounds) - 1; shards*m.e.Outputs > maxSums {
		return nil, &layout.RefusalError{Subject: "the ensemble", Reason: fmt.Sprintf("in %d shards with %d outputs each it needs a manifest that nobody could read", shards, m.e.Outputs),
			Remedy: fmt.Sprintf("split it into at most %d shards", max(1, maxSums/m.e.Outputs))}
	}
	return m.lay(bounds, o)
}

// maxSums bounds the shards times the outputs: the manifest bounds the sum of every shard's leaves for every output.
const maxSums = 1 << 20

// refuse says what no plan can be made of.
func (m *model) refuse() error {
	if len(m.e.Trees) == 0 {
		return &layout.RefusalError{Subject: "the ensemble", Reason: "has no trees, so there is nothing to split", Remedy: "train it for at least one round"}
	}
	if len(m.e.Features) == 0 {
		return &layout.RefusalError{Subject: "the ensemble", Reason: "has no features", Remedy: "train it on data with columns"}
	}
	seen := map[string]bool{}
	for i, f := range m.features() {
		if seen[f.Name] || f.Name == "" {
			return &layout.RefusalError{Subject: fmt.Sprintf("feature %d (%q)", i, f.Name), Reason: "has no name of its own, so columns cannot be matched by name",
				Remedy: "give every feature a name of its own before saving the model"}
		}
		seen[f.Name] = true
		if len(f.Name) > maxFeatureName || !utf8.ValidString(f.Name) || strings.ContainsFunc(f.Name, unicode.IsControl) {
			return &layout.RefusalError{Subject: fmt.Sprintf("feature %d (%.80q)", i, f.Name), Reason: fmt.Sprintf("its name has %d bytes; a name has 1 to %d of UTF-8 without control characters", len(f.Name), maxFeatureName),
				Remedy: "rename the feature before saving the model"}
		}
	}
	return nil
}

// maxFeatureName is the manifest's limit on names, in bytes.
const maxFeatureName = 256

// features are the named input columns: f0, f1 ... when the file has no names.
func (m *model) features() []manifest.Feature {
	list := make([]manifest.Feature, len(m.e.Features))
	named := false
	for _, f := range m.e.Features {
		named = named || f.Name != ""
	}
	for i, f := range m.e.Features {
		list[i] = manifest.Feature{Name: f.Name, Kind: f.Kind}
		if !named {
			list[i].Name = fmt.Sprintf("f%d", i)
		}
	}
	return list
}
