package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/splitter/layout"
)

// what says what a plan of each kind is, for who asks for one that there is not.
func what(kind string) string {
	return map[string]string{
		Whole:           "such a plan has 1 shard",
		Rows:            "such a plan shares out the rows of a request over its shards, 2 or more",
		Tensor:          "such a plan cuts layers over all of its shards, 2 or more",
		Pipeline:        "such a plan has a segment of the graph on each of its shards, 2 or more",
		Mixed:           "such a plan cuts some layers over its shards, 2 or more, and keeps other parts whole on one of them",
		Tables:          "such a plan places every look-up table whole on one of its shards, 2 or more",
		TablesByRows:    "such a plan cuts by rows the tables that fit into no function, over 2 shards or more",
		TablesByColumns: "such a plan cuts by columns the tables that fit into no function, over 2 shards or more",
	}[kind]
}

// noneOfKind is the refusal of n shards in a plan of the kind that is wanted, of which most is the largest number for which there is one.
func (p *Planner) noneOfKind(n, most int) error {
	refusal := &layout.RefusalError{Subject: fmt.Sprintf("%s in a plan of the kind %q", counted(n, "shard"), p.o.Kind)}
	other, found := p.nearest(n, most)
	switch {
	case p.o.Kind == Whole:
		refusal.Reason, refusal.Remedy = what(Whole), "ask for 1 shard, or leave the kind away"
	case !found:
		refusal.Reason = fmt.Sprintf("the model has no plan of that kind that differs from the other kinds: %s", what(p.o.Kind))
		refusal.Remedy = p.others()
	case n > most:
		refusal.Reason = fmt.Sprintf("the largest useful number is %d, where every shard still has a part", most)
		refusal.Remedy = fmt.Sprintf("use at most %s, or leave the kind away", counted(most, "shard"))
	default:
		refusal.Reason = fmt.Sprintf("there is none that differs from the other kinds: %s", what(p.o.Kind))
		refusal.Remedy = fmt.Sprintf("ask for %s, or leave the kind away", counted(other, "shard"))
	}
	return refusal
}

// maxNearest is how far from the wanted number of shards another one is looked for.
const maxNearest = 32

// nearest is the number of shards nearest to n, and at most most, for which there is a plan of the kind that is wanted.
func (p *Planner) nearest(n, most int) (int, bool) {
	n = min(n, most)
	for d := range maxNearest {
		for _, m := range []int{n + d, n - d} {
			if m >= 1 && m <= most && p.possible(m) {
				return m, true
			}
		}
	}
	return most, p.possible(most)
}

// noneAtSizes is the refusal of a kind that has no plan of the numbers of shards and the sizes that were looked at.
func (p *Planner) noneAtSizes(w *Wish, sizes []int, most int) error {
	numbers, mb := p.counts(w, sizes), slices.Max(sizes)
	numbers = slices.DeleteFunc(slices.Clone(numbers), func(n int) bool { return n > most || !p.possible(n) })
	if len(numbers) == 0 {
		if len(w.Shards) == 0 {
			return p.noneOfKind(2, most)
		}
		return p.noneOfKind(slices.Min(w.Shards), most)
	}
	least, of := int64(0), 0
	for _, n := range numbers {
		for _, c := range p.Candidates(n) {
			if need := c.Estimate.need(); least == 0 || need < least {
				least, of = need, n
			}
		}
	}
	refusal := &layout.RefusalError{Subject: fmt.Sprintf("plans of the kind %q in functions of %d MB", p.o.Kind, mb), Reason: "none of them fits, with what the coordinator has to keep, at the numbers of shards that were looked at",
		Remedy: "give more memory or other numbers of shards, or leave the kind away"}
	if least > int64(mb)<<20 {
		refusal.Reason = fmt.Sprintf("at best, with %s, a function needs %d MB", counted(of, "shard"), up(least))
		refusal.Remedy = fmt.Sprintf("%s; or ask for about %s, or leave the kind away", give(least), counted(max(p.fewest(int64(mb)<<20), of+1), "shard"))
	}
	return refusal
}

// others says which kinds of plans the model does have, where it has any on several shards.
func (p *Planner) others() string {
	planner, options := *p, *p.o
	options.Kind = ""
	planner.o = &options
	var kinds []string
	for _, c := range planner.Candidates(2) {
		if !slices.Contains(kinds, c.Kind) {
			kinds = append(kinds, c.Kind)
		}
	}
	slices.Sort(kinds)
	if len(kinds) == 0 {
		return "leave the kind away"
	}
	return fmt.Sprintf("leave the kind away, or ask for %s", strings.Join(kinds, " or "))
}
