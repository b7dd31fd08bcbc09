//go:build unix

package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator/faults"
	"github.com/shardwise/shardwise/simulator/internal/jsoncheck"
	"github.com/shardwise/shardwise/simulator/internal/pool"
	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

// maxDiscard is how much of a refused body is read, so that a client which
// writes all before it reads sees the refusal and not a broken connection.
const maxDiscard = 64 << 20

// invoke serves Invoke.
func (s *Simulator) invoke(w http.ResponseWriter, r *http.Request, id, name string) *apiError {
	t, failed := s.target(r, id, name)
	if failed != nil {
		return failed
	}
	switch t.mode {
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return nil
	case "Event":
		return s.acceptEvent(w, t.function, t.qualifier, t.inv)
	}
	result, failed := s.run(t.function, t.version, t.inv)
	if failed != nil {
		return failed
	}
	writeResult(w, t.version.Number, t.inv.TraceID, result)
	return nil
}

// target is what a request to invoke asks for.
type target struct {
	mode      string // the invocation type
	function  *function
	version   *version
	qualifier string // as given
	inv       *sandbox.Invocation
}

// target reads and checks a request to invoke.
func (s *Simulator) target(r *http.Request, id, name string) (*target, *apiError) {
	payload, failed := readPayload(r)
	if failed != nil {
		return nil, failed
	}
	t := &target{mode: r.Header.Get("X-Amz-Invocation-Type")}
	if failed := checkHeaders(r.Header, t.mode); failed != nil {
		return nil, failed
	}
	if t.function, t.version, t.qualifier, failed = s.resolve(r, name); failed != nil {
		return nil, failed
	}
	if err := jsoncheck.Check(payload); err != nil {
		var e *jsoncheck.Error
		if !errors.As(err, &e) {
			return nil, serviceError(err)
		}
		return nil, notJSON(e.Reason, e.Line, e.Column)
	}
	t.inv = &sandbox.Invocation{RequestID: id, Payload: payload, Tail: r.Header.Get("X-Amz-Log-Type") == "Tail",
		FunctionARN: functionARN(s.cfg.Region, s.cfg.Account, t.function.Name, t.qualifier), TraceID: r.Header.Get("X-Amzn-Trace-Id")}
	if t.inv.ClientContext, failed = clientContext(r.Header.Get("X-Amz-Client-Context")); failed != nil {
		return nil, failed
	}
	if t.inv.TraceID == "" {
		trace, err := s.ids.trace(time.Now())
		if err != nil {
			return nil, serviceError(err)
		}
		t.inv.TraceID = trace
	}
	return t, nil
}

// run gives the invocation of a request to an environment. Lambda finishes what
// it began even if the client hangs up, so no context of the request reaches this
// far. When the simulator closes meanwhile it ends the request by a panic.
func (s *Simulator) run(f *function, v *version, inv *sandbox.Invocation) (*sandbox.Result, *apiError) {
	result, failed, err := s.attempt(f, v, inv)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return result, failed
}

// attempt gives an invocation to an environment. Its error is that the simulator
// is closing.
func (s *Simulator) attempt(f *function, v *version, inv *sandbox.Invocation) (result *sandbox.Result, failed *apiError, err error) {
	var env *sandbox.Environment
	end := s.invocation(f, v, inv)
	defer func() { end(env, result, failed) }()
	hit := s.faultsOnDemand.Next(f.Name)
	if hit != nil && hit.Fault == faults.Throttle {
		return nil, throttled(reasonAccount), nil
	}
	inv, after := strike(inv, hit)
	env, release, failed, err := s.acquire(f, v)
	if failed != nil || err != nil {
		return nil, failed, err
	}
	defer release()
	result, err = env.Invoke(inv)
	if errors.Is(err, sandbox.ErrClosed) {
		return nil, nil, err
	}
	if err != nil {
		return nil, serviceError(err), nil
	}
	after(result)
	return result, nil, nil
}

// acquire finds an environment for an invocation: one that was started ahead, else one on demand, if the limits allow.
func (s *Simulator) acquire(f *function, v *version) (_ *sandbox.Environment, release func(), _ *apiError, _ error) {
	if env, ok := v.fleet.Acquire(); ok {
		return env, func() { v.fleet.Release(env) }, nil, nil
	}
	if failed := s.limits.enter(f.Name); failed != nil {
		return nil, nil, failed, nil
	}
	env, failed, err := s.onDemand(v)
	if failed != nil || err != nil {
		s.limits.leave(f.Name)
		return nil, nil, failed, err
	}
	return env, func() {
		v.pool.Release(env)
		s.limits.leave(f.Name)
	}, nil, nil
}

// onDemand takes an environment from the version's pool.
func (s *Simulator) onDemand(v *version) (*sandbox.Environment, *apiError, error) {
	env, err := v.pool.Acquire()
	if errors.Is(err, pool.ErrClosed) {
		return nil, nil, err
	}
	var refused *apiError // the function scales too fast
	if errors.As(err, &refused) {
		return nil, refused, nil
	}
	if err != nil {
		return nil, serviceError(err), nil
	}
	return env, nil, nil
}

// readPayload reads the event; an empty body is an empty event.
func readPayload(r *http.Request) ([]byte, *apiError) {
	size := r.ContentLength
	var payload []byte
	var err error
	switch {
	case size > MaxRequest:
		return nil, discard(r.Body)
	case size >= 0:
		payload = make([]byte, size)
		_, err = io.ReadFull(r.Body, payload)
	default:
		if payload, err = io.ReadAll(io.LimitReader(r.Body, MaxRequest+1)); len(payload) > MaxRequest {
			return nil, discard(r.Body)
		}
	}
	if err != nil {
		return nil, unreadable(err)
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	return payload, nil
}

func discard(body io.Reader) *apiError {
	// Whether the client got its body across or gave up, the refusal is the same.
	_, _ = io.CopyN(io.Discard, body, maxDiscard)
	return tooLarge()
}

// checkHeaders refuses what Lambda would refuse, and what this simulator would
// otherwise have to ignore.
func checkHeaders(h http.Header, mode string) *apiError {
	switch mode {
	case "", "RequestResponse", "DryRun", "Event":
	default:
		return validationError("1 validation error detected: Value '%s' at 'invocationType' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [Event, RequestResponse, DryRun]", mode)
	}
	switch logType := h.Get("X-Amz-Log-Type"); logType {
	case "", "None", "Tail":
	default:
		return validationError("1 validation error detected: Value '%s' at 'logType' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [None, Tail]", logType)
	}
	if id := h.Get("X-Amzn-Requestid"); id != "" && uuid.Validate(id) != nil {
		return invalidContent("Invalid x-amzn-RequestId header: %q is not a UUID", id)
	}
	for _, name := range []string{"X-Amz-Tenant-Id", "X-Amz-Durable-Execution-Name"} {
		if h.Get(name) != "" {
			return invalidParameter("The simulator has no functions that take the header %s", name)
		}
	}
	return nil
}

// clientContext turns the base64 of the Invoke API into the JSON of the Runtime API.
func clientContext(encoded string) (string, *apiError) {
	if encoded == "" {
		return "", nil
	}
	if len(encoded) > maxClientContext {
		return "", invalidContent("Client context must be no more than %d bytes when base64-encoded", maxClientContext)
	}
	p, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", invalidContent("Client context must be a valid Base64-encoded JSON object: %v", err)
	}
	if err := jsoncheck.Check(p); err != nil {
		return "", invalidContent("Client context must be a valid JSON object: %v", err)
	}
	var line bytes.Buffer // a header value has no line breaks
	if err := json.Compact(&line, p); err != nil {
		return "", invalidContent("Client context must be a valid JSON object: %v", err)
	}
	return line.String(), nil
}

// writeResult answers a synchronous invocation; the body goes out as the runtime
// sent it. A client that has hung up is not told; the invocation is over.
func writeResult(w http.ResponseWriter, executed, trace string, r *sandbox.Result) {
	h := w.Header()
	if r.ContentType == "" {
		r.ContentType = "application/json"
	}
	h["Content-Type"] = []string{r.ContentType}
	h["Content-Length"] = []string{strconv.Itoa(len(r.Body))}
	h["X-Amz-Executed-Version"] = []string{executed}
	h["X-Amzn-Remapped-Content-Length"] = []string{"0"}
	h["X-Amzn-Trace-Id"] = []string{trace}
	if r.Failed {
		h["X-Amz-Function-Error"] = []string{"Unhandled"}
	}
	if r.LogTail != nil {
		h["X-Amz-Log-Result"] = []string{base64.StdEncoding.EncodeToString(r.LogTail)}
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(r.Body)
}
