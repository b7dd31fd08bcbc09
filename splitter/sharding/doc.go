// Package sharding propagates placements through a model's graph: which values are cut how, when one dimension of one
// weight is cut over the shards of a stage.
//
// Every operator has one rule, which writes its operands' dimensions as products of factors (docs/decisions/0006). Rules
// are data; Grow follows them from a seed, forward and backward, to a Region: the nodes that the shards run on their parts without an exchange, with
// the placement of every value at its borders. A value is `Replicate` (every shard has it whole), `Shard(dim)` or `Partial(op)`, in PyTorch
// DTensor's terms.
//
// The package reads no weights, writes no files and knows no costs: the planner chooses among regions, and the emitter makes programs of them. Everything here
// is deterministic; values are immutable once made, and safe for concurrent use.
package sharding
