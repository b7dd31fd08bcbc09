package plan

import (
	"maps"
	"slices"

	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// between are the normalisations at the borders of a cut: those of which it yields the moments, by the output that they read, and those that it
// computes itself, by the input that they yield.
type between struct{ moments, norms map[string]sharding.Norm }

// norms gives normalisations between two cuts to the second one, and makes the first one yield their moments. Without moments there are none, and
// the coordinator normalises.
func (c *choice) norms(g *sharding.Graph, owner []int) []between {
	out := make([]between, len(c.cuts))
	if !c.moments {
		return out
	}
	for p, x := range c.cuts {
		for _, n := range g.Behind(x.region) {
			from := c.yields(g, &n, owner)
			if from < 0 || from == p || owner[n.Node] >= 0 {
				continue
			}
			if _, taken := out[from].moments[n.X]; taken {
				continue
			}
			if out[from].moments == nil {
				out[from].moments = map[string]sharding.Norm{}
			}
			if out[p].norms == nil {
				out[p].norms = map[string]sharding.Norm{}
			}
			owner[n.Node], out[from].moments[n.X], out[p].norms[n.Y] = p, n, n
		}
	}
	return out
}

// yields is the cut that yields the normalisation's input in parts along a dimension that it looks at, -1 when there is none.
func (c *choice) yields(g *sharding.Graph, n *sharding.Norm, owner []int) int {
	made, ok := g.Producer[n.X]
	if !ok || owner[made] < 0 || owner[made] >= len(c.cuts) {
		return -1
	}
	for _, b := range c.cuts[owner[made]].region.Outputs {
		if b.Value == n.X && b.Placement.Kind == sharding.Shard && b.Placement.Dim >= n.Axis {
			return owner[made]
		}
	}
	return -1
}

// normalises reports whether a stage of the plan computes a normalisation of moments.
func normalises(p *partition.Plan) bool {
	return slices.ContainsFunc(p.Stages, func(s partition.Stage) bool {
		return slices.ContainsFunc(s.Pieces, func(x program.Piece) bool { return len(x.Norms) > 0 })
	})
}

// What the moments of a part take, and a part of a normalisation's result, in elements of a simple operator for each of theirs (BenchmarkConstants).
const (
	momentElements, momentNodes = 4, 5 // to float64, the mean, the deviations, their squares
	partElements, partNodes     = 6, 6 // the deviations, their ratio, the scale and the bias
)

// normWork is the work of the normalisations at a piece's borders, which is shared out by units.
func (e *profiler) normWork(p *program.Piece) work {
	var w work
	for _, x := range slices.Sorted(maps.Keys(p.Moments)) {
		w = w.plus(work{elements: momentElements * e.sizes.elements(e.g.Values[x]), nodes: momentNodes})
	}
	for _, y := range slices.Sorted(maps.Keys(p.Norms)) {
		w = w.plus(work{elements: partElements * e.sizes.elements(e.g.Values[y]), nodes: partNodes})
	}
	return w
}

// normHoldings are the scales and biases of a piece's normalisations.
func (e *profiler) normHoldings(p *program.Piece) []holding {
	var out []holding
	for _, y := range slices.Sorted(maps.Keys(p.Norms)) {
		n := p.Norms[y]
		at := slices.IndexFunc(p.Region.Inputs, func(b sharding.Border) bool { return b.Value == y })
		for _, name := range e.g.Nodes[n.Node].Inputs[1:] {
			if name == "" {
				continue
			}
			h := holding{name: name, bytes: sharding.Bytes(e.g.Weight(name)), outer: 1}
			h.dim, h.cut = e.g.Along(&n, name, p.Region.Inputs[at].Placement.Dim)
			out = append(out, h)
		}
	}
	return out
}
