// Package aggregate is the algebra of partial tensors: it puts the contributions of a stage's shards together into one
// full value, by the merge that the manifest names.
//
// It knows tensors and the manifest's merges, nothing of Lambda, requests, steps or models. The coordinator calls it,
// with partials in whatever order they arrive; the result's bits do not depend on that order. docs/aggregate.md has
// the rules at length.
//
// # Order
//
// Contributions are numbered by their position in the stage, from 0. Where the order of arithmetic matters it is one of
// two, and both start folding as soon as the next contribution in order is there:
//
//   - tree: groups of radix consecutive positions fold left to right, each group's result is one contribution of the
//     next level, which folds in the same manner, up to a single root. With radix 16 and up to 256 shards that is two
//     levels. Whoever owns whole groups may fold them elsewhere without changing a bit.
//   - sequential: strictly by position.
//
// All other merges are free of order: their result is the same number whatever the order.
//
// # Rules
//
//	merge          order       computed in     result dtype            NaN
//	concat         -           copy            any that holds the parts  copied
//	sum            tree        Acc             rounded once from Acc   propagates
//	ordered_sum    sequential  Acc             rounded once from Acc   propagates
//	mean           tree        Acc             rounded once from Acc   propagates
//	weighted_mean  tree        F64             rounded once            propagates; 0/0 when no weight
//	max, min       free        component       any that holds it       propagates; -0 < +0
//	moments        tree        F64             rounded once            propagates; no observation: NaN
//	topk           free        component       values: any that holds them; indices: integer  last
//	logsumexp      tree        F64             rounded once            propagates
//	softmax        tree        F64             rounded once            propagates
//	vote           free        I64             integer                 counts are integers
//	scatter_back   -           copy            any that holds the rows copied
//
// Multiplication and addition are never fused, so that arm64 and amd64 agree; math.Exp and math.Log are the standard
// library's, whose last bit may differ between architectures.
//
// # Memory
//
// A Merger keeps a contribution until it is folded. In order of arrival that is at once: what stays is one
// accumulator per level of the tree. concat without bounds, softmax and scatter_back keep everything until Result.
// Results never alias contributions.
package aggregate
