//go:build unix

package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Error types that Lambda itself reports, as recorded from it.
const (
	typeExit          = "Runtime.ExitError"
	typeEntrypoint    = "Runtime.InvalidEntrypoint"
	typeTimeout       = "Sandbox.Timedout"
	typeResponseLarge = "Function.ResponseSizeTooLarge"
	typeUnknown       = "Runtime.Unknown" // of an error that the runtime gives no type
)

// Invocation is one event for a function. It is read-only while Invoke runs; a
// process given up after a timeout may still be reading Payload a little later,
// so the bytes must not be changed afterwards either.
type Invocation struct {
	RequestID     string // UUID
	FunctionARN   string // as invoked, qualifier included
	TraceID       string
	ClientContext string // JSON in one line, or empty
	Payload       []byte // valid JSON, handed over as it is
	Tail          bool   // whether Result.LogTail is wanted

	// Stream, when set, receives the response as it comes, in place of
	// Result.Body, and up to StreamLimit bytes. Its Write is not called
	// concurrently and its errors are not heard: the function is to finish even
	// when no one listens. A process given up may call it a little after Invoke
	// has returned.
	Stream      io.Writer
	StreamLimit int64

	Fault Fault // what is to go wrong
}

// Result is what became of an invocation. Body is the caller's to keep.
type Result struct {
	Body        []byte
	ContentType string
	Failed      bool   // a function error: Body is the error document
	LogTail     []byte // the last 4 KB of the invocation's log, when asked for

	Cold     bool          // whether the invocation waited for a first INIT
	Init     time.Duration // length of that INIT when it succeeded
	Duration time.Duration // from handing the event over to the next request for one
	Memory   int64         // most bytes seen at the end of an invocation; 0 when not measured
}

// failure is a function error on its way to becoming a Result.
type failure struct {
	kind    string
	message string
	body    []byte // the runtime's own document; when set it is passed through
}

func (f *failure) document(requestID string) []byte {
	if f.body != nil {
		return f.body
	}
	message := f.message
	switch f.kind {
	case typeResponseLarge:
	default:
		message = fmt.Sprintf("RequestId: %s Error: %s", requestID, message)
	}
	// Timeouts and exits write the type first, the size refusal the message: so recorded.
	var v any = struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{f.kind, message}
	if f.kind == typeResponseLarge {
		v = errorDocument{Message: message, Type: f.kind}
	}
	p, err := json.Marshal(v)
	if err != nil {
		panic("sandbox: two strings do not marshal: " + err.Error())
	}
	return p
}

// errorDocument is the shape of every refusal of the Runtime API.
type errorDocument struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}
