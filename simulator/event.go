//go:build unix

package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shardwise/shardwise/simulator/internal/events"
	"github.com/shardwise/shardwise/simulator/internal/jsoncheck"
	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

// EventConfig says what becomes of a function's asynchronous invocations, those
// of the invocation type Event. The zero value is Lambda's default.
type EventConfig struct {
	MaxAge  time.Duration // at most 6 h; 6 h if zero. An event that was not run by then is given up
	Retries *int          // 0 to 2 further attempts after a function error; 2 if nil

	// OnSuccess and OnFailure name the functions that are given a record of each
	// event that succeeded or was given up, as "name" or "name:qualifier". The
	// record goes there as an Event in its turn. Empty for no destination.
	OnSuccess, OnFailure string
}

// policy is the configuration with its defaults; delay is that before the first retry.
func (c EventConfig) policy(delay time.Duration) events.Policy {
	p := events.Policy{MaxAge: maxEventAge, Retries: maxEventRetries, Delay: delay}
	if c.MaxAge != 0 {
		p.MaxAge = c.MaxAge
	}
	if c.Retries != nil {
		p.Retries = *c.Retries
	}
	return p
}

// eventFaults checks the event configuration of f against all functions.
func (c Config) eventFaults(f Function) []error {
	var faults []error
	if f.Event.MaxAge < 0 || f.Event.MaxAge > maxEventAge {
		faults = append(faults, fmt.Errorf("maximum event age %v: want more than 0 and at most %v", f.Event.MaxAge, maxEventAge))
	}
	if n := f.Event.Retries; n != nil && (*n < 0 || *n > maxEventRetries) {
		faults = append(faults, fmt.Errorf("event retries %d: want 0 to %d", *n, maxEventRetries))
	}
	for _, destination := range []string{f.Event.OnSuccess, f.Event.OnFailure} {
		if destination != "" && !c.has(destination) {
			faults = append(faults, fmt.Errorf("event destination %q: want a configured function, with or without one of its versions or aliases", destination))
		}
	}
	return faults
}

// has reports whether a function is configured under "name" or "name:qualifier".
func (c Config) has(target string) bool {
	name, qualifier, qualified := strings.Cut(target, ":")
	for _, f := range c.Functions {
		if f.Name != name {
			continue
		}
		_, found := f.Aliases[qualifier]
		for _, v := range f.published() {
			found = found || v.Number == qualifier
		}
		return found || !qualified
	}
	return false
}

// acceptEvent takes in an asynchronous invocation and answers before it has run.
func (s *Simulator) acceptEvent(w http.ResponseWriter, f *function, qualifier string, inv *sandbox.Invocation) *apiError {
	if len(inv.Payload) > MaxEvent {
		return &apiError{status: http.StatusRequestEntityTooLarge, code: "SerializedRequestEntityTooLargeException", kind: "User",
			message: fmt.Sprintf("%d byte payload is too large for the Event invocation type (limit %d bytes)", len(inv.Payload), MaxEvent)}
	}
	inv.Tail, inv.ClientContext = false, "" // Lambda hands neither on
	if err := s.queueEvent(f, qualifier, inv); err != nil {
		return serviceError(err)
	}
	h := w.Header()
	h["X-Amzn-Remapped-Content-Length"] = []string{"0"}
	h["X-Amzn-Trace-Id"] = []string{inv.TraceID}
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// invokeAsync serves the older InvokeAsync, which is an Event of $LATEST under another path.
func (s *Simulator) invokeAsync(w http.ResponseWriter, r *http.Request, id, name string) *apiError {
	t, failed := s.target(r, id, name)
	if failed != nil {
		return failed
	}
	return s.acceptEvent(w, t.function, t.qualifier, t.inv)
}

// queueEvent has the invocation run until it has succeeded or is given up.
func (s *Simulator) queueEvent(f *function, qualifier string, inv *sandbox.Invocation) error {
	var last *sandbox.Result
	var executed string
	return s.events.Add(f.Event.policy(s.cfg.EventDelay), func() events.Verdict {
		v := f.lookup(qualifier)
		result, failed, err := s.attempt(f, v, inv)
		switch {
		case err != nil:
			return events.Abandoned
		case failed != nil:
			return events.Refused
		}
		last, executed = result, v.Number
		if result.Failed {
			return events.Failed
		}
		return events.Succeeded
	}, func(c events.Condition, ran int) {
		destination := f.Event.OnFailure
		if c == events.Success {
			destination = f.Event.OnSuccess
		}
		if destination == "" {
			return
		}
		if err := s.report(destination, newRecord(inv, c, ran, last, executed)); err != nil {
			s.background(fmt.Errorf("send the record of event %s of %s to %s: %w", inv.RequestID, f.Name, destination, err))
		}
	})
}

// report invokes a destination with a record.
func (s *Simulator) report(destination string, r record) error {
	payload, err := json.Marshal(r)
	if err != nil {
		return err
	}
	name, qualifier, _ := strings.Cut(destination, ":")
	f := s.functions[name]
	id, err := s.ids.request()
	if err != nil {
		return err
	}
	trace, err := s.ids.trace(time.Now())
	if err != nil {
		return err
	}
	err = s.queueEvent(f, qualifier, &sandbox.Invocation{RequestID: id, Payload: payload, TraceID: trace,
		FunctionARN: functionARN(s.cfg.Region, s.cfg.Account, name, qualifier)})
	if errors.Is(err, events.ErrStopped) {
		return nil // the simulator is closing, and drops what waits
	}
	return err
}

// record is what a destination is told of an event, in AWS Lambda's shape.
type record struct {
	Version        string         `json:"version"`
	Timestamp      string         `json:"timestamp"`
	Request        requestContext `json:"requestContext"`
	RequestPayload any            `json:"requestPayload"`
	Response       any            `json:"responseContext,omitempty"` // absent when the function never ran
	ResponseBody   any            `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID   string           `json:"requestId"`
	FunctionARN string           `json:"functionArn"`
	Condition   events.Condition `json:"condition"`
	Attempts    int              `json:"approximateInvokeCount"`
}

type responseContext struct {
	Status   int    `json:"statusCode"`
	Executed string `json:"executedVersion"`
	Failed   string `json:"functionError,omitempty"`
}

// newRecord describes an event whose latest result, if the function ran, is last.
func newRecord(inv *sandbox.Invocation, c events.Condition, ran int, last *sandbox.Result, executed string) record {
	arn := inv.FunctionARN
	if strings.Count(arn, ":") == 6 {
		arn += ":" + latest // records name the version even where the caller did not
	}
	r := record{Version: "1.0", Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		Request: requestContext{inv.RequestID, arn, c, ran}, RequestPayload: json.RawMessage(inv.Payload)}
	if last == nil {
		return r
	}
	response := responseContext{Status: http.StatusOK, Executed: executed}
	if last.Failed {
		response.Failed = "Unhandled"
	}
	r.Response = response
	switch { // a string stands in for an answer that is not JSON, base64 for one that is not text
	case jsoncheck.Check(last.Body) == nil:
		r.ResponseBody = json.RawMessage(last.Body)
	case utf8.Valid(last.Body):
		r.ResponseBody = string(last.Body)
	default:
		r.ResponseBody = last.Body
	}
	return r
}
