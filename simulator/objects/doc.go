//go:build unix

// Package objects is Amazon S3 on localhost, as far as Shardwise and its users' tools need it: buckets, objects, ranges,
// conditional writes, listings and multipart uploads, in path style.
//
// The protocol is gofakes3's; the storage below it is this package's own, one file an object, so that memory holds names
// and sums and never contents, a write is seen whole or not at all, and a directory can be served again later. What the
// library would accept and ignore is refused here by name. docs/simulator.md lists what is not emulated.
//
// A Server reads no environment, checks no signature and listens nowhere: package simulator serves it at its own endpoint.
// It is safe for concurrent use.
package objects
