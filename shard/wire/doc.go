// Package wire is the form of requests to a function of a deployment and of its replies.
//
// A request is one flat JSON object, because Lambda demands JSON. Its keys, in any order, none twice, no others:
//
//	version      integer, 1
//	kind         "infer", "warm", "describe" (to a shard), "predict", "describe" (to a coordinator)
//	fingerprint  the model's, 64 hex digits; a predict or describe may leave it out
//	request      the caller's request id; attempt: integer from 1
//	step, shard  the plan's step by name and the shard's index
//	row, rows    first row and number of rows of the block, of the whole request's rows
//	budget_ms    time left for the answer; 0 means no limit but the function's own
//	outputs      wanted output names, array of strings; empty means all (infer) or the default ones (predict)
//	mode         numeric mode by name
//	wire_dtype   dtype in which floats travel; only "" (their own) is known
//	trace        trace context, passed on into logs
//	reply        "raw" (the frame itself), "base64" ({"frame":"<base64>"}), or "ref" (an object always; wants a reply_key)
//	reply_key    the object's key to which the answer's frame goes if it is too large for a message, or wanted as an object
//	body         the input tensors: a frame (package tensor) in standard base64 with padding
//	ref, ref_bytes, ref_sha256   in place of body: key, size and SHA-256 of an object that holds the frame itself
//
// Objects lie in the deployment's store (docs/decisions/0008-payloads-by-reference.md); which keys are allowed, package byref checks.
//
// A reply is a frame whose metadata echoes version, fingerprint, request, attempt, step, shard and row and adds timings.
// In place of tensors it may have ref, ref_bytes and ref_sha256 in its metadata, of an object that holds the same frame with
// them; asked for as "ref", a reply is these metadata as one flat JSON object, which Step Functions can read.
// DecodeReply refuses any that differs from what was asked, so that swapped shards and late duplicates cannot slip in.
//
// The hot path builds no tree for tensor data and allocates only the buffers themselves. The package does no I/O and
// knows nothing of retries; its errors are typed, and package shard gives them kinds. Everything is safe for concurrent
// use. Buffers passed in are read-only and not retained, unless a comment says so.
package wire
