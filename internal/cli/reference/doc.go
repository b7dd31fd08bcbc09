// Package reference evaluates a sharded model as if it had never been cut, in this process, as the yardstick of verify.
//
// A model of dense layers keeps its unsharded graph in the directory; its weights are put together again from the shards'
// slices. A tree ensemble is walked shard after shard and its leaf values are added one by one in a plain loop. Neither
// way uses the coordinator, the package aggregate, or the wire.
//
// A Model is not safe for concurrent use. internal/cli uses it; nothing else may.
package reference
