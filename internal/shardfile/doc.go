// Package shardfile writes and maps the weights files of shards: safetensors whose data starts at a multiple of 4096,
// whose tensors start at multiples of 64 (padding stands in the header and in explicit pad tensors, because the format
// forbids holes), and whose last tensor is a table of CRC32C checksums, one per MiB of what precedes it.
//
// A Reader maps the file and checks a chunk before its bytes are first handed out, so a cold start reads only what it
// uses. The package knows nothing of what the tensors mean.
package shardfile
