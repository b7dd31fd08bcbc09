package dense

import (
	"fmt"
	"slices"
	"sort"

	"github.com/shardwise/shardwise/splitter/layout"
)

const (
	// localBytes and localShare bound the weights of layers that the coordinator runs itself: the larger of 1 MiB and a
	// tenth of all. See docs/decisions/0003-dense-plans.md.
	localBytes = 1 << 20
	localShare = 10
	// maxManifest is how many shards a manifest can list.
	maxManifest = 10000
)

// cut is how a stage begins: by the columns or by the rows of its first layer.
type cut uint8

const (
	byColumns cut = iota
	byRows
)

// group is one stage of a plan: first is cut as how says; rows are the layers behind it that are cut by rows, only when
// first is cut by columns. width is the dimension that the shards share.
type group struct {
	first int // index in layers
	how   cut
	rows  []int
	width int
}

// plan is the choice of stages; layers in no group are local.
type plan struct {
	v      *view
	layers []layer
	groups []group
	shards int
	region []region // of the groups that begin by columns
}

// planner finds plans for any number of shards.
type planner struct {
	v       *view
	layers  []layer
	regions []region
	budget  int64
	fixed   int64 // bytes of weights that no layer has
	fixedAt string
}

func newPlanner(m *Model) *planner {
	p := &planner{v: newView(m)}
	p.layers = p.v.layers()
	inLayers := map[string]bool{}
	var total int64
	for i := range p.layers {
		l := &p.layers[i]
		p.regions = append(p.regions, p.v.grow(l))
		inLayers[l.w.Name] = true
	}
	largest := int64(0)
	for _, n := range m.Graph.Nodes {
		for _, in := range n.Inputs {
			if w := m.Graph.Weights[in]; w != nil && !inLayers[in] && bytes(w) > largest {
				largest, p.fixedAt = bytes(w), n.Name+" ("+n.Op+")"
			}
		}
	}
	for name, w := range m.Graph.Weights {
		total += bytes(w)
		if !inLayers[name] {
			p.fixed += bytes(w)
		}
	}
	p.budget = max(localBytes, total/localShare)
	return p
}

// options are the groups that may begin with layer i at n shards; each covers the layers from i on, without a gap.
func (p *planner) options(i, n int) []group {
	l := &p.layers[i]
	var out []group
	column, row := l.n >= n, l.k >= n
	// By columns every shard gets the whole input and returns its part of the output; by rows it is the other way round.
	if column && (!row || n*l.k+l.n <= l.k+n*l.n) {
		out = append(out, group{first: i, how: byColumns, width: l.n})
	} else if row {
		out = append(out, group{first: i, how: byRows, width: l.k})
	}
	if !column {
		return out
	}
	var rows []int
	for j := i + 1; j < len(p.layers) && p.regions[i].values[p.layers[j].x]; j++ {
		rows = append(slices.Clone(rows), j)
		out = append(out, group{first: i, how: byColumns, rows: rows, width: l.n})
	}
	return out
}

// state is the best way to the layers before one: bytes that stay local, and how it came about.
type state struct {
	local int64
	from  int    // layer index of the state before
	by    *group // nil: the layer before is local
	ok    bool
}

// find chooses the plan for n shards: the fewest stages whose local layers fit the budget, then the fewest local bytes.
// It is nil when there is none.
func (p *planner) find(n int) *plan {
	k := len(p.layers)
	best := make([][]state, k+1) // by layers done and stages
	for i := range best {
		best[i] = make([]state, k+1)
	}
	best[0][0] = state{ok: true}
	put := func(to, stages int, s state) {
		if old := &best[to][stages]; !old.ok || s.local < old.local {
			*old = s
		}
	}
	for i := range k {
		groups := p.options(i, n)
		for s := range k {
			at := best[i][s]
			if !at.ok {
				continue
			}
			put(i+1, s, state{local: at.local + bytes(p.layers[i].w), from: i, ok: true})
			for g := range groups {
				put(i+1+len(groups[g].rows), s+1, state{local: at.local, from: i, by: &groups[g], ok: true})
			}
		}
	}
	for s := 1; s <= k; s++ {
		if at := best[k][s]; at.ok && at.local <= p.budget {
			return p.trace(best, k, s, n)
		}
	}
	return nil
}

func (p *planner) trace(best [][]state, at, stages, n int) *plan {
	out := &plan{v: p.v, layers: p.layers, shards: n}
	for at > 0 {
		s := best[at][stages]
		if s.by != nil {
			out.groups = append(out.groups, *s.by)
			stages--
		}
		at = s.from
	}
	slices.Reverse(out.groups)
	for _, g := range out.groups {
		out.region = append(out.region, p.regions[g.first])
	}
	return out
}

// MaxShards is the largest number of shards that the model can be cut into, at least 1.
func MaxShards(m *Model) int { return newPlanner(m).maxShards() }

func (p *planner) maxShards() int {
	if p.refuseFixed() != nil {
		return 1
	}
	widths := []int{1}
	for _, l := range p.layers {
		widths = append(widths, l.n, l.k)
	}
	slices.Sort(widths)
	widths = slices.Compact(widths)
	// What is possible at n is possible at fewer, so the answer is one of the widths, found by halving.
	first := sort.Search(len(widths), func(i int) bool { return widths[i] > 1 && p.find(widths[i]) == nil })
	return min(max(widths[max(first-1, 0)], 1), maxManifest)
}

// refuseFixed refuses to cut a model most of whose weight is in no layer.
func (p *planner) refuseFixed() error {
	if len(p.layers) == 0 {
		return &layout.RefusalError{Subject: "model", Reason: "no Gemm or MatMul with a constant matrix was found, so there is nothing to cut", Remedy: "use one shard (--shards 1)"}
	}
	if p.fixed > p.budget {
		return &layout.RefusalError{Subject: "node " + p.fixedAt, Remedy: "use one shard (--shards 1)",
			Reason: fmt.Sprintf("%d bytes of weights belong to operators that are not cut, and the coordinator may hold %d", p.fixed, p.budget)}
	}
	return nil
}

// choose finds the plan for n shards, or says why there is none.
func (p *planner) choose(n int) (*plan, error) {
	if n == 1 {
		return &plan{v: p.v, layers: p.layers, shards: 1}, nil
	}
	if err := p.refuseFixed(); err != nil {
		return nil, err
	}
	if found := p.find(n); found != nil {
		return found, nil
	}
	most := p.maxShards()
	return nil, &layout.RefusalError{Subject: fmt.Sprintf("%d shards", n), Remedy: fmt.Sprintf("use at most %d shards", most),
		Reason: fmt.Sprintf("the layers are too narrow: the largest useful number is %d, where every shard still has a part of each stage", most)}
}

// bounds cuts a width into n parts as even as can be.
func bounds(width, n int) []int {
	out := make([]int, n+1)
	for i := range out {
		out[i] = i * width / n
	}
	return out
}
