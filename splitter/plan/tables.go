package plan

import (
	"cmp"
	"slices"

	"github.com/shardwise/shardwise/splitter/sharding"
)

// lookups is a table with the nodes that look up in it and pool what they found. Either cut may be nil.
type lookups struct {
	item          item
	reads         float64 // rows looked up
	nodes         []int
	rows, columns *sharding.Region
}

// findTables finds the tables that can be looked up in one round: none needs another's rows, and each is read by one node. Where they are less than
// half of all weights, they are not what the plan is about, and there are none.
func (p *Planner) findTables() {
	g := p.line.g
	bytes := int64(0)
	for _, it := range p.line.items {
		table := g.Nodes[it.node].Inputs[0]
		if g.Weight(table) == nil || len(g.Consumers[table]) != 1 {
			continue
		}
		rows := g.Cut(it.node, 0, 0, nil)
		if rows == nil || !rows.Lookup(it.node) || slices.ContainsFunc(p.tables, func(t *lookups) bool { return g.Before(t.item.node, it.node) || g.Before(it.node, t.item.node) }) {
			continue
		}
		p.tables = append(p.tables, &lookups{item: it, reads: p.prof.work[it.node].lookups, nodes: rows.Nodes, rows: rows, columns: g.Cut(it.node, 0, 1, rows.Nodes)})
		bytes += it.bytes
	}
	if bytes < p.total/2 {
		p.tables = nil
	}
}

// byTables yields plans with every table on the shards that have room for it, in one round: whole where it fits, else in parts over as few shards as
// needed. What is no table is placed as in other plans.
func (p *Planner) byTables(n int, limit int64, size Size, yield func(*choice) bool) bool {
	total := int64(0)
	for _, t := range p.tables {
		total += t.item.bytes
	}
	s := p.newSearch(p.restLine, n, limit, size, p.placed)
	seen := map[string]bool{}
	for i := range 2 * len(chances()) {
		rest, ok := s.walk(true, i%2 == 1, chances()[i/2])
		if !ok || seen[p.key(rest)] {
			continue
		}
		seen[p.key(rest)] = true
		held := p.held(rest)
		rooms := []int64{limit}
		// Even shards, with some room so that not everything is in parts, are for much memory: where most of it is needed they only add parts.
		if even := total/int64(n)*17/16 + held; even < limit/2 {
			rooms = append(rooms, even)
		}
		for _, room := range rooms {
			for _, kind := range []string{TablesByRows, TablesByColumns} {
				c := *rest
				c.kind = kind
				if p.place(&c, room-held, kind == TablesByColumns) && !yield(&c) {
					return false
				}
			}
		}
	}
	return true
}

// held are the bytes of weights that a shard has of a choice, at most.
func (p *Planner) held(c *choice) int64 {
	total, whole := int64(0), make([]int64, c.shards)
	for _, s := range c.segments {
		for _, it := range p.restLine.items {
			if _, found := slices.BinarySearch(s.nodes, it.node); found {
				whole[s.shard] += it.bytes
			}
		}
	}
	for _, x := range c.cuts {
		for _, it := range p.restLine.items {
			if x.region.Has(it.node) {
				total += (it.bytes + int64(c.shards) - 1) / int64(c.shards)
			}
		}
	}
	return total + slices.Max(whole)
}

// bin is a shard while tables are placed: what is left of its memory, and what it looks up.
type bin struct {
	shard int
	free  int64
	reads float64
}

// place adds the tables to the choice, largest first, each to the shard that looks up the least of those with room, by bytes and by rows read; ok is
// false when they do not fit.
func (p *Planner) place(c *choice, room int64, columns bool) bool {
	tables := slices.Clone(p.tables)
	slices.SortStableFunc(tables, func(a, b *lookups) int {
		return cmp.Or(cmp.Compare(b.item.bytes, a.item.bytes), cmp.Compare(b.reads, a.reads))
	})
	bytes, reads := 1.0, 1.0
	for _, t := range tables {
		bytes, reads = bytes+float64(t.item.bytes), reads+t.reads
	}
	c.cuts, c.segments = slices.Clone(c.cuts), slices.Clone(c.segments)
	bins := make([]bin, c.shards)
	for i := range bins {
		bins[i] = bin{shard: i, free: room}
	}
	load := func(b *bin, t *lookups) float64 {
		return max(float64(room-b.free+t.item.bytes)/bytes, (b.reads+t.reads)/reads)
	}
	for _, t := range tables {
		best := -1
		for i := range bins {
			if bins[i].free >= t.item.bytes && (best < 0 || load(&bins[i], t) < load(&bins[best], t)) {
				best = i
			}
		}
		if best >= 0 {
			bins[best].free, bins[best].reads = bins[best].free-t.item.bytes, bins[best].reads+t.reads
			c.segments = append(c.segments, segment{nodes: t.nodes, shard: best})
			continue
		}
		region := t.rows
		if columns && t.columns != nil {
			region = t.columns
		}
		bounds := spread(bins, t, region.Units)
		if bounds == nil {
			return false
		}
		c.cuts, c.divided = append(c.cuts, cut{region, bounds}), true
	}
	return true
}

// spread cuts a table over as few shards as have room for it together, as even as their room allows; nil when all have not enough. The bins are
// charged.
func spread(bins []bin, t *lookups, units int) []int {
	unit := t.item.bytes / int64(units)
	if unit == 0 {
		return nil
	}
	order := slices.Clone(bins)
	slices.SortStableFunc(order, func(a, b bin) int { return cmp.Compare(b.free, a.free) })
	many, sum := 0, 0
	for sum < units {
		if many == len(order) || order[many].free < unit {
			return nil
		}
		sum += int(order[many].free / unit)
		many++
	}
	// The shards with the least room are filled first, the others share the rest.
	parts := make([]int, len(bins))
	left := units
	for i := many - 1; i >= 0; i-- {
		b := &order[i]
		n := min(int(b.free/unit), (left+i)/(i+1))
		parts[b.shard], left = n, left-n
		bins[b.shard].free -= int64(n) * unit
		bins[b.shard].reads += t.reads * float64(n) / float64(units)
	}
	bounds := make([]int, len(bins)+1)
	for s, n := range parts {
		bounds[s+1] = bounds[s] + n
	}
	return bounds
}
