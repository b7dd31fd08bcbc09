// Package shardfile writes and maps the weights files of shards: safetensors whose data starts at a multiple of 4096,
// whose tensors start at multiples of 64 (padding stands in the header and in explicit pad tensors, __pad.N, because the
// format forbids holes), and whose last tensor, __crc32c, is a table of CRC32C checksums, one per MiB of all that precedes
// it, the header included. The SHA-256 of the table and of the file stand in the manifest.
//
// A Reader maps the file and checks a chunk before its bytes are first handed out, so a cold start reads only what it
// uses: at Open the header's chunk and the table, later the chunks of the tensors or rows that are asked for. Weights that a
// Reader hands out are what was written, or there is a *CorruptError.
//
// The splitter writes such files, shards and the coordinator read them. The package knows nothing of what the tensors
// mean.
package shardfile
