// Package shard is one shard of a model at run time: it opens a shard's files, answers requests for its part of a stage,
// and defines the errors that every function of a deployment reports.
//
// It is not the coordinator: it knows neither the plan beyond its own programs nor the other shards. The form of
// requests and replies stands in shard/wire, scripted fakes for tests in shard/shardtest.
//
// Invariants: a Server answers only requests that carry its model's fingerprint and its own index; work is a pure
// forward pass, so a request may be repeated; weights are checked before their bytes are used; every failure is an
// *Error whose Kind alone decides whether it is worth another attempt. Buffers that callers pass in are read-only and not
// retained.
//
// internal/bootstrap runs a Server as a Lambda function; coordinator uses the errors.
package shard
