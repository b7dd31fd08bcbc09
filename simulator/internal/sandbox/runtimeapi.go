//go:build unix

package sandbox

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// MaxResponse is the largest buffered response, 6·1024·1024 + 100 bytes, as
// recorded from AWS Lambda.
const MaxResponse = 6291556

// maxErrorBody bounds an error document; AWS publishes no figure, and it is a
// response like any other.
const maxErrorBody = MaxResponse

// state is where a runtime stands; the names appear in refusals and are those of
// AWS's Runtime Interface Emulator. Order means progress.
type state int

const (
	stateStarted state = iota
	stateInitError
	stateWaiting // asked for work and got none yet
	stateReady   // has an event in hand
	stateInvocationResponse
	stateInvocationErrorResponse
	stateResponseSent
)

func (s state) String() string {
	return [...]string{"Started", "InitError", "Ready", "Ready", "InvocationResponse",
		"InvocationErrorResponse", "RuntimeResponseSentState"}[s]
}

// call is an invocation in the hands of one process.
type call struct {
	inv      *Invocation
	deadline time.Time
	done     chan struct{} // closed when the runtime asks for the next event

	// What the runtime answered; guarded by api.mu until done is closed.
	answered    bool
	body        []byte
	contentType string
	failed      *failure
}

// api is the Runtime API of one process.
type api struct {
	spec *Spec
	gone chan struct{} // closed when the process is given up; frees every waiting request

	ready      chan struct{} // closed at the first request for work
	initFailed chan struct{} // closed when the runtime reports a failed INIT

	mu         sync.Mutex
	state      state
	current    *call
	waiter     chan *call // the request that waits for work, nil when none does
	initError  []byte
	lastSize   int                      // bytes of the latest response: the first guess for the next
	extensions map[uuid.UUID]*extension // nil without one
}

func newAPI(spec *Spec) *api {
	return &api{spec: spec, gone: make(chan struct{}),
		ready: make(chan struct{}), initFailed: make(chan struct{})}
}

const (
	runtimePrefix   = "/2018-06-01/runtime/"
	extensionPrefix = "/2020-01-01/extension/"
)

// ServeHTTP routes by hand: this is the hot path of every invocation.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, runtimePrefix); ok {
		if rest == "invocation/next" && r.Method == http.MethodGet {
			a.next(w, r)
			return
		}
		if r.Method == http.MethodPost {
			if id, ok := strings.CutPrefix(rest, "invocation/"); ok {
				if id, ok := strings.CutSuffix(id, "/response"); ok {
					a.response(w, r, id)
					return
				}
				if id, ok := strings.CutSuffix(id, "/error"); ok {
					a.invocationError(w, r, id)
					return
				}
			}
			if rest == "init/error" {
				a.reportInitError(w, r)
				return
			}
		}
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, extensionPrefix); ok {
		a.serveExtension(w, r, rest)
		return
	}
	http.Error(w, "404 page not found", http.StatusNotFound)
}

// hand gives an event to the runtime, which has asked for one. Should the
// asking connection have been lost, it is given when the runtime asks again.
func (a *api) hand(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state, a.current = stateReady, c
	if a.waiter != nil {
		a.waiter <- c // has room for one, and gets only one
		a.waiter = nil
	}
}

// next completes the invocation in hand and waits for another one.
func (a *api) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	switch a.state {
	case stateStarted:
		a.state = stateWaiting
		close(a.ready)
	case stateResponseSent:
		a.state = stateWaiting
		close(a.current.done)
		a.current = nil
	case stateWaiting: // asks again: the first connection was lost, and gets nothing
		if a.waiter != nil {
			close(a.waiter)
		}
	case stateReady: // the event itself was lost on its way, and is given again
		again := a.current
		a.mu.Unlock()
		deliver(w, again)
		return
	default:
		a.forbid(w, stateReady)
		a.mu.Unlock()
		return
	}
	mine := make(chan *call, 1)
	a.waiter = mine
	a.mu.Unlock()
	select {
	case c, ok := <-mine:
		if ok {
			deliver(w, c)
			return
		}
	case <-a.gone:
	case <-r.Context().Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiter == mine {
		a.waiter = nil
	}
	a.forbid(w, stateReady) // to a connection that no one reads any more
}

// claim moves the invocation named id to an answering state, or refuses. As on
// AWS the id comes first: of an invocation that is not in hand no state is told.
func (a *api) claim(w http.ResponseWriter, id string, to state) *call {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || a.current.inv.RequestID != id {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil
	}
	if a.state != stateReady {
		a.forbid(w, to)
		return nil
	}
	a.state = to
	return a.current
}

// settle records the answer before the runtime is told of it, since it may ask
// for the next event at once.
func (a *api) settle(c *call, body []byte, contentType string, failed *failure) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.answered, c.body, c.contentType, c.failed = true, body, contentType, failed
	a.state = stateResponseSent
	a.lastSize = len(body)
}

// unclaim lets the runtime answer again after an upload that broke off.
func (a *api) unclaim(w http.ResponseWriter) {
	a.mu.Lock()
	a.state = stateReady
	a.mu.Unlock()
	refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

func (a *api) response(w http.ResponseWriter, r *http.Request, id string) {
	if mode := r.Header.Get("Lambda-Runtime-Function-Response-Mode"); mode != "" && mode != "streaming" {
		refuse(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	c := a.claim(w, id, stateInvocationResponse)
	if c == nil {
		return
	}
	if c.inv.Stream != nil {
		a.stream(w, r, c)
		return
	}
	body, err := readBody(r, MaxResponse, a.lastSize)
	if errors.Is(err, errTooLarge) || err == nil && c.inv.Fault.Kind == FaultOversize {
		a.settleTooLarge(w, c, MaxResponse)
		return
	}
	if err != nil {
		a.unclaim(w)
		return
	}
	a.complete(w, r, c, body)
}

// settleTooLarge ends a call whose response exceeds limit.
func (a *api) settleTooLarge(w http.ResponseWriter, c *call, limit int64) {
	a.settle(c, nil, "", &failure{kind: typeResponseLarge,
		message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit)})
	refuseSize(w, limit)
}

// complete ends a call whose response has come in whole; the trailers may say
// that it failed.
func (a *api) complete(w http.ResponseWriter, r *http.Request, c *call, body []byte) {
	kind, document := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"), r.Trailer.Get("Lambda-Runtime-Function-Error-Body")
	if kind != "" || document != "" {
		// The stream broke off inside the function: what was sent is no answer.
		f := &failure{kind: cmp.Or(kind, typeUnknown), message: "the function's response stream failed"}
		if p, err := base64.StdEncoding.DecodeString(document); err == nil && json.Valid(p) {
			f.body = p
		}
		a.settle(c, nil, "", f)
	} else {
		a.settle(c, body, r.Header.Get("Content-Type"), nil)
	}
	accept(w)
}

func (a *api) invocationError(w http.ResponseWriter, r *http.Request, id string) {
	c := a.claim(w, id, stateInvocationErrorResponse)
	if c == nil {
		return
	}
	body, err := readBody(r, maxErrorBody, 1024)
	if errors.Is(err, errTooLarge) {
		a.settleTooLarge(w, c, maxErrorBody)
		return
	}
	if err != nil {
		a.unclaim(w)
		return
	}
	f := &failure{kind: cmp.Or(r.Header.Get("Lambda-Runtime-Function-Error-Type"), typeUnknown), message: "the runtime reported an error without a document"}
	if len(body) > 0 {
		f.body = body // in whatever form
	}
	a.settle(c, nil, "", f)
	accept(w)
}

func (a *api) reportInitError(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r, maxErrorBody, 1024)
	large := errors.Is(err, errTooLarge)
	if err != nil && !large {
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != stateStarted {
		a.forbid(w, stateInitError)
		return
	}
	a.state = stateInitError
	if len(body) > 0 {
		a.initError = body
	}
	close(a.initFailed)
	if large {
		refuseSize(w, maxErrorBody)
		return
	}
	accept(w)
}

// forbid answers a call that is out of order; a.mu is held.
func (a *api) forbid(w http.ResponseWriter, to state) {
	refuse(w, http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf(
		"State transition from %s to %s failed for runtime. Error: State transition is not allowed", a.state, to))
}
