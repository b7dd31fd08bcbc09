// Package objects is object storage as Shardwise needs it: whole objects by key, in one bucket.
//
// Payloads that are too large for a message travel as such objects (docs/decisions/0008-payloads-by-reference.md); package
// awss3 keeps them in Amazon S3, and Memory in memory, for tests. The package knows nothing of what the bytes mean, nor
// which keys are allowed: shard/byref does.
package objects

import (
	"context"
	"fmt"
)

// Store keeps objects. Implementations are safe for concurrent use, repeat by themselves what a storage service expects to
// be repeated, and return soon after ctx ends. A failure is an *Error.
type Store interface {
	// Get returns the whole object, in a buffer of its own that is aligned to 8 bytes. An object of another size than the
	// one given is refused before any memory is taken for it, with Reason Size.
	Get(ctx context.Context, key string, size int64) ([]byte, error)
	// Put writes the object, over one that is there. data is read-only and not retained.
	Put(ctx context.Context, key string, data []byte) error
	// Delete removes the object; one that is not there is removed already.
	Delete(ctx context.Context, key string) error
}

// Reason is why an operation failed.
type Reason uint8

// The reasons.
const (
	Other       Reason = iota // what fits none of the rest
	Missing                   // there is no such object
	Size                      // the object has another size than the one wanted
	Denied                    // the caller may not do this, or its credentials do not hold
	NoBucket                  // there is no such bucket, or it lies elsewhere
	Unavailable               // the service failed, was not reached, or asked to slow down, also when asked again
	Ended                     // the context ended first
)

// Error is a failed operation on an object. Reason alone says what to do about it.
type Error struct {
	Op     string // "get", "put" or "delete"
	Bucket string // "" of a store that has none
	Key    string
	Reason Reason
	Cause  error // may be nil
}

// Error names the object and what would help.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s object %q", e.Op, e.Key)
	if e.Bucket != "" {
		text += fmt.Sprintf(" of bucket %q", e.Bucket)
	}
	switch e.Reason {
	case Missing:
		text += ": it is not there; whoever wrote it failed, or it was removed since"
	case Size:
		text += ": it is another object than the one meant"
	case Denied:
		text += ": not allowed; allow s3:GetObject, s3:PutObject and s3:DeleteObject below the store's prefix, and s3:ListBucket on the bucket"
	case NoBucket:
		text += ": no such bucket here; make it, or correct store.bucket in deployment.json"
	case Unavailable:
		text += ": the storage does not answer"
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }
