package states

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// apiError is a refusal as AWS words it.
type apiError struct {
	status  int
	code    string
	message string
}

func refuse(code, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

func invalidARN(format string, args ...any) *apiError {
	return refuse("InvalidArn", "Invalid Arn: '%s'", fmt.Sprintf(format, args...))
}

func invalid(format string, args ...any) *apiError {
	return refuse("ValidationException", "1 validation error detected: %s", fmt.Sprintf(format, args...))
}

// missing is the error for a required field of a request that is not there.
func missing(field string) *apiError {
	return invalid("Value null at '%s' failed to satisfy constraint: Member must not be null", field)
}

// unsupported refuses a field of a request that this server would otherwise have to ignore.
func unsupported(field string) *apiError {
	return refuse("ValidationException", "the simulator does not serve the field '%s'; docs/simulator.md lists what it does", field)
}

func wrongType() *apiError {
	return refuse("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
}

func noMachine(arn string) *apiError {
	return refuse("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
}

func noExecution(arn string) *apiError {
	return refuse("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
}

func invalidDefinition(faults []asl.Diagnostic) *apiError {
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.String()
	}
	return refuse("InvalidDefinition", "Invalid State Machine Definition: '%s'", strings.Join(texts, ", "))
}

// internal is the server's own failure: the store.
func internal(err error) *apiError {
	return &apiError{http.StatusInternalServerError, "InternalFailure", "simulator: " + err.Error()}
}

// write sends the error. A client that has hung up is not told.
func (e *apiError) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-ErrorType", e.code)
	w.WriteHeader(e.status)
	_, _ = w.Write(value.Encode(map[string]any{"__type": e.code, "message": e.message}))
}
