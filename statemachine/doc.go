// Package statemachine builds the AWS Step Functions definition of a batch: one execution predicts all rows of a large
// input, in blocks, and nobody is billed for waiting.
//
// A batch is a STANDARD parent whose Distributed Map starts one child execution for each block of rows. States carry keys of
// objects, never tensors; every object's key is a function of batch, block, step and shard, so that work which is delivered
// twice writes the same values to the same place. Package statemachine/tasks has the functions' side, statemachine/batch
// the client's.
//
// The package computes what a definition will need of Step Functions' quotas and refuses, before anything starts, what would
// break one. It talks to no service. It uses JSONPath and nothing that Step Functions added for JSONata alone.
package statemachine
