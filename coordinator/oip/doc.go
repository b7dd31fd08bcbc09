// Package oip reads and writes the Open Inference Protocol's infer request and response (KServe V2).
//
// Tensor data, flat or nested, is scanned straight into the tensor's buffer; no tree is built. In float data null and the
// bare words NaN, Infinity and -Infinity are accepted, null and NaN as a missing value. A decimal becomes FP32 in one
// correct rounding and FP64 in another, so data that is float64 at home belongs into an FP64 input: it then takes the
// same path, decimal to float64 to float32, as in the reference library.
//
// DecodeExtended and EncodeExtended are the same with the binary tensor data extension: elements stand after the JSON, in
// row-major order, little-endian, in the order of the tensors; an element of BYTES is its length as 4 bytes and its bytes.
// FP16 and BF16 exist in this form only. Decode and Encode refuse both, as a Lambda payload is JSON and nothing more.
//
// Unlike many servers, unknown parameters are refused: a policy that is silently ignored is a wrong answer. The package
// knows neither models nor shards; coordinator calls it. Everything is safe for concurrent use, and nothing of the input
// is retained.
package oip
