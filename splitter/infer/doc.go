// Package infer finds the type of every value of a graph: dtype, rank, and dimensions as expressions over symbols.
//
// A Dim is a polynomial over symbols, with floor divisions, minima and maxima; equal sizes have equal text, so that they
// compare equal. Sizes that follow from nothing get a fresh symbol. Small integer vectors are followed element by element
// (Value.Elems), so that shapes that a model computes (Shape, Gather, Concat, Reshape ...) resolve.
//
// A Scope holds the values that are known and infers node by node; a subgraph's Scope sees those of the graphs around it.
// There is one rule per operator, in one file per family, gathered by rules. An operator without a rule has outputs of
// unknown type. Inputs that contradict each other or the operator's definition are a *ConflictError that names the node;
// rules never panic, whatever a node's attributes and inputs.
//
// Rows answers another question about the same graph: which values have one slice per row of the batch that depends on
// that row alone, so that batches may be cut and sharded.
//
// The package reads no files and runs nothing. Importers and partitioners call it.
package infer
