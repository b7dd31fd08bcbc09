// Package ensemble makes one model of several: members that get the same inputs, and a combination of their outputs by mean, weighted mean, vote or a
// second model (stacking).
//
// A small JSON description, whose form docs/plans.md has, names the model files. Open puts their graphs into one and adds the nodes that combine. Laid out,
// every member is a shard of its own, all in one round, and the combination is the coordinator's local program, in the order of the description. The package
// reads no weights before they are written, and runs nothing. It is called by package splitter, which opens the members for it.
package ensemble
