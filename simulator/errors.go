//go:build unix

package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// apiError is a call refused or failed before or beside the function: an HTTP
// status of 400 or more, the code in X-Amzn-ErrorType, a JSON body whose message
// key is "Message" for 404 and "message" otherwise.
type apiError struct {
	status  int
	code    string
	kind    string // "User" or "Service"
	message string
	reason  string // of a throttle
}

// Error returns code and message.
func (e *apiError) Error() string { return e.code + ": " + e.message }

// Reasons of a throttle.
const (
	reasonAccount  = "ConcurrentInvocationLimitExceeded"
	reasonReserved = "ReservedFunctionConcurrentInvocationLimitExceeded"
)

func validationError(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "ValidationException", kind: "User", message: fmt.Sprintf(format, args...)}
}

func invalidContent(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "InvalidRequestContentException", kind: "User", message: fmt.Sprintf(format, args...)}
}

// unreadable is the refusal of a request whose body did not come in whole.
func unreadable(err error) *apiError {
	return invalidContent("Could not read the request body: %v", err)
}

// notJSON words the refusal of an event as recorded from Lambda.
func notJSON(reason string, line, column int) *apiError {
	return invalidContent("Could not parse request body into json: Could not parse payload into json: %s\n"+
		" at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]", reason, line, column)
}

func invalidParameter(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "InvalidParameterValueException", kind: "User", message: fmt.Sprintf(format, args...)}
}

func notFound(arn string) *apiError {
	return &apiError{status: http.StatusNotFound, code: "ResourceNotFoundException", kind: "User", message: "Function not found: " + arn}
}

func tooLarge() *apiError {
	return &apiError{status: http.StatusRequestEntityTooLarge, code: "RequestTooLargeException", kind: "User",
		message: fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", MaxRequest)}
}

func throttled(reason string) *apiError {
	return &apiError{status: http.StatusTooManyRequests, code: "TooManyRequestsException", kind: "User", message: "Rate Exceeded.", reason: reason}
}

// serviceError is the simulator's own failure: no process, no descriptor.
func serviceError(err error) *apiError {
	return &apiError{status: http.StatusInternalServerError, code: "ServiceException", kind: "Service", message: "simulator: " + err.Error()}
}

func unknownOperation(r *http.Request) *apiError {
	return &apiError{status: http.StatusNotFound, code: "UnknownOperationException", kind: "User",
		message: fmt.Sprintf("the simulator does not serve %s %s; docs/simulator.md lists what it does", r.Method, r.URL.Path)}
}

// write sends the error. A client that has hung up is not told; nothing depends
// on its hearing.
func (e *apiError) write(w http.ResponseWriter) {
	body := map[string]string{"Type": e.kind} // keys come out sorted, as Lambda writes them
	if e.status == http.StatusNotFound {
		body["Message"] = e.message
	} else {
		body["message"] = e.message
	}
	h := w.Header()
	if e.reason != "" {
		body["Reason"] = e.reason
	}
	if e.status == http.StatusTooManyRequests {
		h.Set("Retry-After", "1")
	}
	p, err := json.Marshal(body)
	if err != nil {
		panic("simulator: a map of strings does not marshal: " + err.Error())
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(p)))
	h.Set("X-Amzn-ErrorType", e.code)
	w.WriteHeader(e.status)
	_, _ = w.Write(p)
}
