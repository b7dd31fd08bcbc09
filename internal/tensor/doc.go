// Package tensor holds the values that travel between Shardwise's parts: dense row-major tensors of the safetensors
// dtypes plus strings, and the frame that puts named tensors on the wire.
//
// A Tensor is a view: it never copies the buffer that it is made from, and the buffer's owner decides its life.
// Parameters named dst are overwritten; every other buffer is read-only and not retained beyond the Tensor that views it.
// All multi-byte numbers are little-endian, on the wire and in memory; the supported processors (amd64, arm64) are too.
//
// The package knows nothing of models, shards or Lambda. Everybody may import it; it imports only the standard library
// and the base64 codec.
package tensor
