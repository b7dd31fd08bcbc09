package splitter

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/plan"
)

// partitioned is a model whose graph can be planned.
type partitioned interface {
	Partition() (*partition.Model, error)
}

// surveyed is a model that has one plan of its own.
type surveyed interface {
	Survey(o plan.Options, w plan.Wish) (*plan.Survey, error)
}

// Plan explores how the model file, or the description of a recommender, at path can be cut, without reading weights. What cannot be planned, and a wish
// that cannot be met, is a *layout.RefusalError.
func Plan(ctx context.Context, path string, o plan.Options, w plan.Wish) (s *plan.Survey, err error) {
	m, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := m.Close(); err == nil {
			err = e
		}
	}()
	if e, ok := m.(surveyed); ok {
		return e.Survey(o, w)
	}
	p, ok := m.(partitioned)
	if !ok {
		return nil, &layout.RefusalError{Subject: filepath.Base(path), Reason: fmt.Sprintf("is a tree ensemble (%s), which has one plan: ranges of trees, one round", m.Info().Format),
			Remedy: "split it with --shards N or --memory MB, and inspect what comes out"}
	}
	in, err := p.Partition()
	if err != nil {
		return nil, err
	}
	planner, err := plan.Prepare(in, o)
	if err != nil {
		return nil, err
	}
	return planner.Explore(ctx, w)
}
