//go:build unix

package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// maxConfiguration bounds the body of a request that changes a function.
const maxConfiguration = 1 << 20

// readFields decodes the body of a control request. A field that the simulator
// does not know is refused, not ignored.
func readFields(r *http.Request, into any) *apiError {
	p, err := io.ReadAll(io.LimitReader(r.Body, maxConfiguration+1))
	if err != nil {
		return unreadable(err)
	}
	if len(p) > maxConfiguration {
		return invalidContent("Could not read the request body: want at most %d bytes", maxConfiguration)
	}
	d := json.NewDecoder(bytes.NewReader(p))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return invalidParameter("The simulator cannot apply the request: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalidContent("Could not parse request body into json: want one object")
	}
	return nil
}

// unqualified finds the function of a request that concerns all its versions or
// none but $LATEST.
func (s *Simulator) unqualified(r *http.Request, name string) (*function, *apiError) {
	f, _, qualifier, failed := s.resolve(r, name)
	if failed == nil && qualifier != "" && qualifier != latest {
		failed = invalidParameter("This operation takes a function without version or alias, found qualifier %s", qualifier)
	}
	return f, failed
}

// updateConfiguration serves UpdateFunctionConfiguration as far as the simulator
// has something to change: invocations from now on see the new $LATEST, those
// that run finish in the old one.
func (s *Simulator) updateConfiguration(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	var c change
	if failed := readFields(r, &c); failed != nil {
		return failed
	}
	f.updating.Lock()
	defer f.updating.Unlock()
	old := f.lookup(latest)
	next := f.Function
	next.Handler, next.Env, next.MemoryMB, next.Timeout = old.Handler, old.Env, old.spec.MemoryMB, old.spec.Timeout
	if failed := c.apply(&next); failed != nil {
		return failed
	}
	v := s.newVersion(f, next, next.published()[0], old.spec.Root)
	if !f.replace(v) {
		panic(http.ErrAbortHandler) // the simulator is closing
	}
	return writeJSON(w, s.describe(f, v, ""))
}

// change is what UpdateFunctionConfiguration may change; nil leaves as it is.
type change struct {
	Handler             *string
	MemorySize, Timeout *int
	Environment         *struct{ Variables map[string]string }
}

// apply changes f, or returns why Lambda would refuse; f is then of no use.
func (c change) apply(f *Function) *apiError {
	if c.Handler != nil {
		if f.Handler = *c.Handler; f.Handler == "" {
			return invalidParameter("Handler must not be empty")
		}
	}
	if c.MemorySize != nil {
		f.MemoryMB = *c.MemorySize
	}
	if c.Timeout != nil {
		if *c.Timeout < 1 || *c.Timeout > int(maxTimeout/time.Second) {
			return invalidParameter("Timeout %d: want 1 to %d seconds", *c.Timeout, maxTimeout/time.Second)
		}
		f.Timeout = time.Duration(*c.Timeout) * time.Second
	}
	if c.Environment != nil {
		f.Env = c.Environment.Variables
	}
	if err := errors.Join(f.faults()...); err != nil {
		return invalidParameter("The simulator cannot apply the request: %v", err)
	}
	return nil
}

// putConcurrency serves PutFunctionConcurrency.
func (s *Simulator) putConcurrency(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	var wanted struct{ ReservedConcurrentExecutions *int }
	if failed := readFields(r, &wanted); failed != nil {
		return failed
	}
	n := wanted.ReservedConcurrentExecutions
	if n == nil || *n < 0 {
		return validationError("1 validation error detected: Value at 'reservedConcurrentExecutions' failed to satisfy constraint: " +
			"Member must have value greater than or equal to 0")
	}
	if !s.limits.reserve(f.Name, *n, s.cfg.MaxConcurrency) {
		return invalidParameter("Specified ReservedConcurrentExecutions for function exceeds what the account's %d leave", s.cfg.MaxConcurrency)
	}
	return writeJSON(w, wanted)
}

// getConcurrency serves GetFunctionConcurrency.
func (s *Simulator) getConcurrency(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	return writeJSON(w, s.reservedFor(f))
}

// deleteConcurrency serves DeleteFunctionConcurrency.
func (s *Simulator) deleteConcurrency(w http.ResponseWriter, r *http.Request, name string) *apiError {
	f, failed := s.unqualified(r, name)
	if failed != nil {
		return failed
	}
	s.limits.unreserve(f.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// reservedFor words what is reserved for a function; nothing when nothing is.
func (s *Simulator) reservedFor(f *function) map[string]int {
	if n, ok := s.limits.limit(f.Name); ok {
		return map[string]int{"ReservedConcurrentExecutions": n}
	}
	return map[string]int{}
}
