package sharding

import "fmt"

// Kind is how a value lies over the shards of a stage.
type Kind uint8

// The placements, in DTensor's terms.
const (
	Replicate Kind = iota // every shard has it whole
	Shard                 // every shard has its units of one dimension
	Partial               // every shard has a value of the whole shape; they reduce by Op to it
)

// Placement is how a value lies over the shards. A Shard's dimension Dim is [Outer, units, Inner], row-major: a shard has, for every outer index,
// its own units, each Inner elements wide. Outer is 1 unless the value holds several cut blocks side by side.
type Placement struct {
	Kind Kind
	Dim  int
	// Outer and Inner are known numbers at the borders of a region and in weights.
	Outer, Inner int
	Op           string
}

// String is the placement in DTensor's words.
func (p Placement) String() string {
	switch p.Kind {
	case Shard:
		if p.Outer != 1 {
			return fmt.Sprintf("Shard(%d of %d)", p.Dim, p.Outer)
		}
		return fmt.Sprintf("Shard(%d)", p.Dim)
	case Partial:
		return "Partial(" + p.Op + ")"
	}
	return "Replicate"
}

// cut says where a region's units lie in a value's dimension: [outer, units, inner].
type cut struct {
	dim   int
	outer size
}

// binding says where a region's units lie in a node's rule: inside one factor, [outer, units, inner].
type binding struct {
	factor int
	outer  size
}

// locate finds the factor of the node in which the cut of an operand's dimension lies, and how many units remain: the units that
// are given become fewer and larger (merge of them each) when the factors behind in the same dimension have to stay whole. ok is false
// when the cut lies across factors or in a fixed one.
func (r *rule) locate(dims [][]int, c cut, units int, whole size) (b binding, remain int, ok bool) {
	if dims == nil || c.dim >= len(dims) {
		return binding{}, 0, false
	}
	before := one()
	for _, f := range dims[c.dim] {
		s := r.factors[f].size
		outer, divides := c.outer.over(before)
		if !divides {
			return binding{}, 0, false
		}
		inside, fits := s.over(outer) // units x what is behind them, as far as it lies in this factor
		if !fits {
			before = before.times(s)
			continue
		}
		if !inside.known() || inside.isOne() && units > 1 {
			before = before.times(s)
			continue
		}
		if r.factors[f].kind == fixed {
			return binding{}, 0, false
		}
		remain := gcd(units, inside.number)
		if remain < 2 {
			return binding{}, 0, false
		}
		// Merged units must still be whole within the dimension: what lies behind a unit is a whole number of elements.
		if _, ok := whole.over(c.outer.times(number(remain))); !ok {
			return binding{}, 0, false
		}
		return binding{f, outer}, remain, true
	}
	return binding{}, 0, false
}

// place finds where the binding lies in an operand: the dimension that has its factor. found is false when no dimension has it: the
// operand is whole then. ok is false when it stands in two dimensions.
func (r *rule) place(dims [][]int, b binding) (c cut, found, ok bool) {
	for d, factors := range dims {
		before := one()
		for _, f := range factors {
			if f == b.factor {
				if found {
					return cut{}, false, false
				}
				c, found = cut{dim: d, outer: before.times(b.outer)}, true
			}
			before = before.times(r.factors[f].size)
		}
	}
	return c, found, true
}
