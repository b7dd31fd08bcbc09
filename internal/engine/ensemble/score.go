package ensemble

import (
	"context"
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// block is how many rows are walked before their leaves become scores, so that the leaves stay in the cache.
const block = 256

// Score computes the scores of every row, row-major [rows, Targets], by calling row for one after the other; row may change the
// slice but not keep it. A target that no leaf of the row adds to is NaN. The input is F32 or F64 [rows, columns] or
// [columns], one row. It ends early, with ctx's error, when ctx is done. A row's scores do not depend on the other rows.
func (e *Ensemble) Score(ctx context.Context, x *tensor.Tensor, row func(r int, scores []float64)) error {
	if x.Rank() < 1 || x.Rank() > 2 || x.Dim(x.Rank()-1) < e.features {
		return fmt.Errorf("input is %v, wanted rows of at least %d columns", x, e.features)
	}
	rows, columns := 1, x.Dim(x.Rank()-1)
	if x.Rank() == 2 {
		rows = x.Dim(0)
	}
	if x.DType() == tensor.F32 && e.packed != nil {
		return e.scorePacked(ctx, tensor.Of[float32](x), rows, columns, row)
	}
	wide, err := tensor.Convert(x, tensor.F64)
	if err != nil {
		return err
	}
	scores := make([]float64, e.targets)
	for r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		values := tensor.Of[float64](wide)[r*columns : (r+1)*columns]
		e.start(scores)
		for _, at := range e.roots {
			e.add(scores, e.walk(at, values))
		}
		e.close(scores)
		row(r, scores)
	}
	return nil
}

func (e *Ensemble) scorePacked(ctx context.Context, x []float32, rows, columns int, row func(int, []float64)) error {
	trees := e.packed.forest.Trees()
	leaves, scores := make([]int32, min(rows, block)*trees), make([]float64, e.targets)
	for from := 0; from < rows; from += block {
		n := min(block, rows-from)
		if err := e.packed.forest.Run(ctx, x[from*columns:(from+n)*columns], n, columns, forest.Results{LeafNode: leaves[:n*trees]}); err != nil {
			return err
		}
		for r := range n {
			e.start(scores)
			for _, at := range leaves[r*trees : (r+1)*trees] {
				e.add(scores, &e.nodes[e.packed.leaf[at]])
			}
			e.close(scores)
			row(from+r, scores)
		}
	}
	return nil
}

// walk goes down from a node to the leaf of a row.
func (e *Ensemble) walk(at int32, values []float64) *node {
	n := &e.nodes[at]
	for n.mode != Leaf {
		if n.takes(values[n.feature]) {
			at = n.yes
		} else {
			at = n.no
		}
		n = &e.nodes[at]
	}
	return n
}

func (e *Ensemble) start(scores []float64) {
	for i := range scores {
		scores[i] = math.NaN()
	}
}

// add folds the weights of a leaf into the scores.
func (e *Ensemble) add(scores []float64, leaf *node) {
	for _, w := range e.weights[leaf.first:leaf.last] {
		old := scores[w.target]
		switch {
		case old != old:
			scores[w.target] = w.value
		case e.fold == Min:
			scores[w.target] = min(old, w.value)
		case e.fold == Max:
			scores[w.target] = max(old, w.value)
		default:
			scores[w.target] = old + w.value
		}
	}
}

// close divides averages by the number of trees.
func (e *Ensemble) close(scores []float64) {
	if e.fold == Average {
		for i := range scores {
			scores[i] /= float64(len(e.roots))
		}
	}
}
