package shard

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/objects"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/shard/wire"
)

// Error is a failure of a function of a deployment, on either side of the wire. Its text is
//
//	op: shard i/n: message: cause
//
// where i counts from 0, as function and file names do; the shard part is left out when Of is 0.
type Error struct {
	Op      string // what was being done: "infer", "open", "stage trees"; never holds ": "
	Shard   int    // index in the manifest, meaningful when Of > 0
	Of      int    // number of shards of the model
	Kind    Kind
	Message string // what was wanted and found, and what to do
	Cause   error  // may be nil
}

// Error is one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Of > 0 {
		b.WriteString(": shard " + strconv.Itoa(e.Shard) + "/" + strconv.Itoa(e.Of))
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf classifies err: the kind of the first *Error in its chain, otherwise by the types of the packages that a
// function's work passes through, otherwise Other. It yields a transport kind for nothing but an *Error and an object's.
func KindOf(err error) Kind {
	var object *objects.Error
	var noStore *byref.NoStoreError
	var own *Error
	var mismatch *wire.MismatchError
	var large *wire.TooLargeError
	var format *wire.FormatError
	var sum *wire.ChecksumError
	var unsupported *wire.UnsupportedError
	var input *engine.InputError
	var operator *engine.UnsupportedError
	switch {
	case errors.As(err, &own):
		return own.Kind
	case errors.As(err, &mismatch):
		return Mismatch
	case errors.As(err, &noStore):
		return NoStore
	case errors.As(err, &object) && object.Reason != objects.Ended:
		return objectKind(object.Reason)
	case errors.As(err, &large):
		return TooLarge
	case errors.As(err, &sum):
		return Garbled
	case errors.As(err, &unsupported), errors.As(err, &operator):
		return Unsupported
	case errors.As(err, &format):
		return BadRequest
	case errors.As(err, &input):
		return BadInput
	case errors.Is(err, context.DeadlineExceeded):
		return Deadline
	case errors.Is(err, context.Canceled):
		return Canceled
	}
	return Other
}

func objectKind(r objects.Reason) Kind {
	switch r {
	case objects.Missing:
		return NoObject
	case objects.Size:
		return Garbled
	case objects.Denied:
		return Denied
	case objects.NoBucket:
		return Config
	case objects.Unavailable:
		return Unavailable
	}
	return Other
}

// Response turns err into what aws-lambda-go reports to the service: errorType Shard.<Kind>, by value, since the
// library looks for exactly that type. It must be the handler's last act; nil stays nil.
func Response(err error) error {
	if err == nil {
		return nil
	}
	return messages.InvokeResponse_Error{Type: KindOf(err).Type(), Message: err.Error()}
}
