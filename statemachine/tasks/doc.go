// Package tasks is the function behind a batch's own states: prepare, rows, aggregate, write and finish (package
// statemachine says what each is for). A payload's member "task" names one.
//
// Rows become tensors by package blocks and are checked, scattered and folded by the coordinator's own code; predictions are
// written by package dataset. Every key is a function of batch, block, step and shard, and equal work writes equal
// tensors, so that a task may run twice, also at the same time, and nothing changes.
//
// Errors are typed as every function's of a deployment. What a block's data is guilty of is kept beside the batch, too, for the
// summary.
package tasks
