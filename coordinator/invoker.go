package coordinator

import (
	"context"
	"time"
)

// Target names a function: its name and the version or alias at which it is invoked.
type Target struct {
	Function  string
	Qualifier string
}

// String is name:qualifier.
func (t Target) String() string {
	if t.Qualifier == "" {
		return t.Function
	}
	return t.Function + ":" + t.Qualifier
}

// Reply is the answer to one synchronous invocation. FunctionError is Lambda's X-Amz-Function-Error, empty when the
// function returned normally; then Body is the function's own answer and belongs to the caller.
type Reply struct {
	Body            []byte
	FunctionError   string
	RequestID       string // the service's request id, for finding logs
	ExecutedVersion string
	RetryAfter      time.Duration // with an error: how long the service asked to wait, 0 when it did not
}

// Invoker invokes a function once and waits for its answer. A call that was refused or failed before the function
// answered is a *shard.Error whose kind says how. Implementations must be safe for concurrent use, must not repeat calls
// themselves, must not change payload, nor retain it after a call that was answered, and must return soon after ctx ends.
type Invoker interface {
	Invoke(ctx context.Context, t Target, payload []byte) (Reply, error)
}
