// Package shardwise serves models that are too large, or too slow, for one AWS Lambda function.
//
// A splitter cuts a model offline into shards, one Lambda function each. At request time a coordinator function
// scatters the request to the shards concurrently, gathers their partial tensors and aggregates them. A local
// simulation runs the very same binaries as processes behind AWS's own protocol.
//
// The tree:
//
//	cmd/shardwise      the command line            cmd/bootstrap      the Lambda binary, cmd/bootstrap-batch a batch's
//	splitter/          model file -> shard files and manifest.json (offline): onnx, xgboost and ensemble read, infer finds types, sharding
//	                   and plan choose the cut, program, partition and trees lay it out
//	coordinator/       scatter, fan-out and gather of one request
//	shard/             one shard's run time, and the wire contract between coordinator and shards
//	aggregate/         the algebra of partial tensors
//	statemachine/      batches by AWS Step Functions: definition, tasks, client
//	simulator/         AWS Lambda, S3 and Step Functions on localhost
//	client/            predictions from Go programs, over HTTP or the AWS SDK
//	shardwisetest/     a model directory served for other people's tests
//	internal/manifest  the contract between splitter and run time
//	internal/tensor    values and their wire frame         internal/shardfile  mapped, checksummed weights files
//	internal/graph     the model graph                     internal/onnx       ONNX on the wire
//	internal/forest    tree ensembles                      internal/engine     operators that run a graph
//	internal/kernel    dense products                      internal/unshard    whole tensors put together from shards
//	internal/dataset   CSV, JSON, npy, npz, safetensors    internal/local      a model directory as running processes
//	internal/waterfall who did what when, drawn            internal/livepage  the simulator's page
//	internal/price     what AWS asks for                   internal/planview   plans, drawn
//	internal/jsondoc   JSON that people write, and what is wrong with it
//	internal/cli       the commands                        internal/bootstrap  what a function's process does at its start
//	tests/             house rules, end to end, parity with the reference libraries
//
// The life of a request: the coordinator's handler decodes it (coordinator/oip, coordinator/httpapi), Run checks it against the
// manifest's signature and walks the plan's steps; for a stage it scatters the inputs, fans out through one Invoker and
// folds each reply into a merger of package aggregate as it arrives; local steps run on the coordinator's own engine; the
// wanted values are the answer. A shard's handler checks that the request is meant for it, runs its program on mapped
// weights and returns named partial tensors.
//
// docs/architecture.md tells the same at length.
package shardwise
