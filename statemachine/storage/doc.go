// Package storage reads and writes objects of Amazon S3 for batches: in ranges, in lists, and joined from pieces of others.
//
// Failures are *shard.Error: NotFound for an object that is not there, Denied, and the retryable kinds for what another attempt
// may mend; the SDK has repeated what it can by then. S3 is safe for concurrent use.
package storage
