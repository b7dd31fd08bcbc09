// Package planview draws plans: one plan as SVG, with shards as columns and rounds as rows between lanes of the coordinator, and many plans as a plot of
// cost against latency.
//
// It shows what package splitter/plan found and decides nothing. Pictures have no scripts and no external fonts; those of plans follow the reader's
// light or dark theme. It is called by the command line.
package planview
