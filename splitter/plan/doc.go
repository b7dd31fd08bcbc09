// Package plan chooses how a graph is cut: which regions become stages, which parts run whole on one shard, and what the coordinator keeps.
//
// It enumerates candidates and estimates each with one cost model (costmodel.json): tensor-parallel stages from regions of package sharding,
// pipeline segments on single shards, and their mix. A dynamic program over the weights in topological order makes the candidates, for several prices of
// memory at the coordinator; the estimate decides among those that fit. docs/decisions/0007-plan-search.md tells why.
//
// The package reads no weights. Results are deterministic.
package plan
