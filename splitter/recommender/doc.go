// Package recommender makes the graph of a recommender from a small JSON description: embedding tables, the widths of dense layers, and how
// features interact. It is for sizing before any model exists: the graph's weights have shapes and no data, so it can be planned and not split.
//
// The networks are those of DLRM and DCN: a bottom network over dense features, one pooled look-up a table, an interaction, a top network. The
// description's form is documented in docs/plans.md. The package is called by package splitter.
package recommender
