// Package coordinator answers one request for a sharded model: it checks the inputs against the signature, cuts the rows
// into blocks, walks the manifest's steps, scatters each stage to its shards, gathers their partials in a fixed order
// and runs the local programs in between.
//
// It is not a shard and not a transport: shards are reached through Invoker (awslambda holds the SDK client, a scripted
// in-process one stands in shard/shardtest). It has no code for any model family; the plan says everything.
//
// Invariants: all shards or a typed *shard.Error, never a partial answer; the bits of a row depend on the manifest and the
// mode alone, not on arrival order, retries, blocks or concurrency; when Run returns, everything it started has ended.
//
// internal/bootstrap runs it as a Lambda function through Handler; tests and tools may call Run directly.
package coordinator
