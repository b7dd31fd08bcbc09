// Package parity holds the tests that compare sharded predictions with those of the real libraries, on models that
// tests/reference trains for the occasion.
//
// It trains nothing itself and has no models of its own: the directory that tests/reference/run.sh wrote is named by
// the environment variable SHARDWISE_PARITY_DIR. Each case is split at several shard counts and predicted in one process,
// a few of them through real processes too. What is bit for bit the same and what only within a tolerance is written
// down in parity_test.go; the comparison here shares no code with the product's own. The shards' programs of the networks are opened in
// ONNX Runtime as well, and yield the partial tensors that our engine yields.
//
// The package exports nothing and nobody imports it.
package parity
