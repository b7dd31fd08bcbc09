// Package partition makes the layout of a planned model: the shards' programs and weights of every stage, the coordinator's local programs between
// the stages, and the manifest.
//
// A Plan says which parts of the graph are stages (package program) and in which order; what is in no stage is local. The package reads
// weights by ranges as they are written and holds none; it runs nothing and chooses nothing: package plan does.
package partition
