package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// maxCause is the length of a cause in AWS's API.
const maxCause = 32768

// Names of errors that the states language itself knows.
const (
	ErrAll         = "States.ALL"
	ErrTaskFailed  = "States.TaskFailed"
	ErrTimeout     = "States.Timeout"
	ErrRuntime     = "States.Runtime"
	ErrDataLimit   = "States.DataLimitExceeded"
	ErrNoChoice    = "States.NoChoiceMatched"
	ErrResultPath  = "States.ResultPathMatchFailure"
	ErrIntrinsic   = "States.IntrinsicFailure"
	ErrReader      = "States.ItemReaderFailed"
	ErrWriter      = "States.ResultWriterFailed"
	ErrThreshold   = "States.ExceedToleratedFailureThreshold"
	SizeCause      = "The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit."
	ThresholdCause = "The specified tolerated failure threshold was exceeded"
	HistoryCause   = "The execution reached the maximum number of history events (25000)."
)

// ErrHalt as the cause of a cancelled context means that the process ends: nothing is recorded, so that the execution
// goes on after a restart.
var ErrHalt = errors.New("the simulator is closing")

// errSibling is the cause by which a branch is cancelled when another has failed.
var errSibling = errors.New("another branch failed")

// Fault is an error of the states language: what Retry and Catch match, and what an execution fails with.
type Fault struct {
	Name  string
	Cause string
}

func (f *Fault) Error() string { return f.Name + ": " + f.Cause }

// faultOf returns the fault in an error, nil when there is none.
func faultOf(err error) *Fault {
	var f *Fault
	errors.As(err, &f)
	return f
}

// matches says whether a list of ErrorEquals matches the fault. States.Runtime matches nothing and always fails the
// execution; States.DataLimitExceeded is matched by its own name only.
func (f *Fault) matches(names []string) bool {
	switch {
	case f.Name == ErrRuntime:
		return false
	case slices.Contains(names, f.Name):
		return true
	case f.Name == ErrDataLimit:
		return false
	case slices.Contains(names, ErrAll):
		return true
	}
	return f.Name != ErrTimeout && slices.Contains(names, ErrTaskFailed)
}

// halted says that a cancelled context must leave no trace.
func halted(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrHalt) }

// runtimeFault words a fault of the machine's own making.
func (s *scope) runtimeFault(name string, err error) *Fault {
	return &Fault{name, fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %v", s.p.State, s.p.Entered, err)}
}

func tooLarge(what string) *Fault { return &Fault{ErrDataLimit, fmt.Sprintf(SizeCause, what)} }

// encode writes a value that crosses a border. what is named in the fault when it is too large.
func encode(v any, what string) ([]byte, error) {
	raw, err := value.Bounded(v)
	switch {
	case errors.Is(err, value.ErrLarge):
		return nil, tooLarge(what)
	case err != nil:
		return nil, &Fault{ErrRuntime, fmt.Sprintf("The result of the state/task '%s' cannot be used: %v", what, err)}
	}
	return raw, nil
}

// clip keeps a cause within AWS's limit.
func clip(cause string) string {
	if len(cause) <= maxCause {
		return cause
	}
	return strings.ToValidUTF8(cause[:maxCause], "")
}
