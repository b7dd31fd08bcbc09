package cli

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/splitter/layout"
)

// The exit statuses.
const (
	StatusOK          = 0
	StatusVerdict     = 1   // the comparison ran, and the values lie beyond the manifest's rule
	StatusInput       = 2   // the command line, the model, the directory or the data is wrong
	StatusRun         = 3   // the run itself failed
	StatusInterrupted = 130 // SIGINT, SIGTERM or SIGHUP
	StatusReaderGone  = 141 // standard output was closed before all was written: 128 + SIGPIPE, as other tools end
)

// exitHelp stands in the root command's help.
const exitHelp = `Exit status:
  0    everything as wanted
  1    a comparison ran and lies beyond the manifest's numeric rule
  2    the command line, the model, the directory or the data is wrong
  3    the run failed: a process crashed, time ran out, the disk was full ...
  130  interrupted
  141  standard output was closed early, as by head; nothing is said
With --json a command that fails prints {"error": {"status", "kind", "message"}}.`

// errVerdict says that a comparison failed; the report has already said how.
var errVerdict = errors.New("the values lie beyond the manifest's rule")

// readerGoneError says that standard output's reader has closed it.
type readerGoneError struct{ err error }

func (e *readerGoneError) Error() string { return e.err.Error() }
func (e *readerGoneError) Unwrap() error { return e.err }

// stdoutError marks an error of writing to standard output, if it is one of its reader.
func stdoutError(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return &readerGoneError{err}
	}
	return err
}

// usageError is a command line that cannot be obeyed. help is the command whose help explains it.
type usageError struct {
	err  error
	help string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// inputError marks an error as one of the user's files or folders.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// faultError marks a fault that no interruption explains, so that it decides the status of an interrupted command too.
type faultError struct{ err error }

func (e *faultError) Error() string { return e.err.Error() }
func (e *faultError) Unwrap() error { return e.err }

// asInput marks err, unless it is nil or already the sign of an interruption.
func asInput(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &inputError{err}
}

// ExitStatus is the exit status that an error of a command stands for; ctx is the command's context, whose end is an
// interruption.
func ExitStatus(ctx context.Context, err error) int {
	var usage *usageError
	var input *inputError
	var refusal *layout.RefusalError
	var failed *shard.Error
	var fault *faultError
	var gone *readerGoneError
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &fault):
		return StatusRun
	case errors.As(err, &gone):
		return StatusReaderGone
	case ctx.Err() != nil:
		return StatusInterrupted
	case errors.Is(err, errVerdict):
		return StatusVerdict
	case errors.As(err, &usage), errors.As(err, &input), errors.As(err, &refusal):
		return StatusInput
	case errors.As(err, &failed):
		return kindStatus(failed.Kind)
	case errors.Is(err, fs.ErrNotExist):
		return StatusInput
	}
	return StatusRun
}

// kindStatus tells the user's mistakes from failures of the run.
func kindStatus(k shard.Kind) int {
	switch k {
	case shard.BadRequest, shard.BadInput, shard.Mismatch, shard.Corrupt, shard.Unsupported, shard.TooLarge, shard.Config:
		return StatusInput
	}
	return StatusRun
}
