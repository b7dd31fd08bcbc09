package coordinator

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// asked says which shards of a stage are asked for a block, always the first ones, and for which of its rows.
type asked struct {
	stage  *manifest.Stage
	shards int
	rows   int // of the block, -1 when the model has no batch
	byRows bool
}

// asked are all shards of the stage with all rows of the block; of a stage by rows those that have a share of them.
func (r *run) asked(stage *manifest.Stage, b *block) (asked, error) {
	a := asked{stage: stage, shards: len(stage.Shards), rows: -1, byRows: stage.ByRows()}
	if r.batched {
		a.rows = b.span.hi - b.span.lo
	}
	if !a.byRows {
		return a, nil
	}
	for _, in := range stage.Inputs {
		if in.Scatter.Kind != manifest.ScatterRows {
			continue
		}
		v := b.values[in.Value]
		if v == nil || v.Rank() == 0 || r.batched && v.Dim(0) != a.rows {
			return a, &shard.Error{Op: "scatter", Kind: shard.Internal, Message: fmt.Sprintf("value %q is %v, wanted %d rows in front", in.Value, v, a.rows)}
		}
		a.rows = v.Dim(0)
	}
	a.shards = manifest.RowShards(a.rows, len(stage.Shards))
	return a, nil
}

// share is how many rows the shard at position p gets; -1 when the model has no batch.
func (a *asked) share(p int) int {
	if !a.byRows {
		return a.rows
	}
	lo, hi := manifest.RowShare(a.rows, p, len(a.stage.Shards))
	return hi - lo
}

// contributors is how many of the shards that are asked contribute to the output.
func (a *asked) contributors(out *manifest.StageOutput) int {
	if a.byRows {
		return a.shards
	}
	return out.Contributors(a.stage)
}

// shareOfRows is a view of the rows that shard i of n gets.
func shareOfRows(v *tensor.Tensor, i, n int) (*tensor.Tensor, error) {
	if v.Rank() == 0 {
		return nil, cannot("a share of the rows", v)
	}
	lo, hi := manifest.RowShare(v.Dim(0), i, n)
	return v.Rows(lo, hi)
}

// shared is how many rows a block may have of which each of n shards takes at most so many.
func shared(rows, n int) int {
	if rows > math.MaxInt/n {
		return math.MaxInt
	}
	return rows * n
}

// heavyRows is the size of a block of rows of which not even one fits into a message: one row. In a stage by rows it is one for each shard, as
// far as a block's bytes go.
func (c *Coordinator) heavyRows(x *extents, stage *manifest.Stage) (int, error) {
	if !stage.ByRows() {
		return 1, nil
	}
	request, reply, _, err := c.messages(x, stage, 0)
	if err != nil {
		return 0, err
	}
	return max(1, min(len(stage.Shards), blockBytes/max(request.perRow+reply.perRow, 1))), nil
}
