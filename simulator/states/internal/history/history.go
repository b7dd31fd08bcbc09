// Package history makes the events of GetExecutionHistory: their names, their details and their form on the wire.
//
// Which event follows which is decided where states run; here stands only what an event looks like. Only the packages of
// the Step Functions simulator use it.
package history

import (
	"encoding/json"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// Max is AWS's quota of events in an execution's history.
const Max = 25000

// Chain as an Event's Prev means the event before it in its own branch.
const Chain = -1

// Event is one event before it has its number. Details stand under the field Field, which is empty for none.
type Event struct {
	Type    string
	Prev    int64
	Field   string
	Details map[string]any
}

// Encode writes the event as it stands in an answer.
func (e Event) Encode(id, prev int64, at time.Time) []byte {
	out := map[string]any{"id": id, "previousEventId": prev, "timestamp": Seconds(at), "type": e.Type}
	if e.Field != "" {
		out[e.Field] = e.Details
	}
	return value.Encode(out)
}

// Seconds is a time as AWS JSON 1.0 writes it, in milliseconds' resolution.
func Seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Stamp is a time as texts have it: the context object and result files.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Plain is an event without details.
func Plain(typ string) Event { return Event{Type: typ, Prev: Chain} }

// After sets the event before; without it that is the one before in the branch.
func (e Event) After(prev int64) Event {
	e.Prev = prev
	return e
}

// with makes an event whose details' field is named after the type.
func with(typ, field string, details map[string]any) Event {
	return Event{Type: typ, Prev: Chain, Field: field + "EventDetails", Details: details}
}

func untruncated() map[string]any { return map[string]any{"truncated": false} }

// fault is an error and a cause, without those that are empty.
func fault(name, cause string) map[string]any {
	d := map[string]any{}
	if name != "" {
		d["error"] = name
	}
	if cause != "" {
		d["cause"] = cause
	}
	return d
}

// Started is ExecutionStarted, the first event of every execution.
func Started(input, role string) Event {
	return with("ExecutionStarted", "executionStarted", map[string]any{"input": input, "inputDetails": untruncated(), "roleArn": role}).After(0)
}

// Succeeded is ExecutionSucceeded with the execution's output.
func Succeeded(output string) Event {
	return with("ExecutionSucceeded", "executionSucceeded", map[string]any{"output": output, "outputDetails": untruncated()})
}

// Failed is ExecutionFailed with error and cause, either of which may be empty.
func Failed(name, cause string) Event {
	return with("ExecutionFailed", "executionFailed", fault(name, cause))
}

// TimedOut is ExecutionTimedOut, which follows no other event.
func TimedOut(name, cause string) Event {
	return with("ExecutionTimedOut", "executionTimedOut", fault(name, cause)).After(0)
}

// Aborted is ExecutionAborted, which follows no other event.
func Aborted(name, cause string) Event {
	return with("ExecutionAborted", "executionAborted", fault(name, cause)).After(0)
}

// Redriven is ExecutionRedriven, with how many redrives there have been.
func Redriven(count int) Event {
	return with("ExecutionRedriven", "executionRedriven", map[string]any{"redriveCount": count})
}

// Entered is <Type>StateEntered with the state's input.
func Entered(stateType, name, input string) Event {
	return with(stateType+"StateEntered", "stateEntered", map[string]any{"name": name, "input": input, "inputDetails": untruncated()})
}

// Exited is <Type>StateExited with the state's output.
func Exited(stateType, name, output string) Event {
	return with(stateType+"StateExited", "stateExited", map[string]any{"name": name, "output": output, "outputDetails": untruncated()})
}

// Iteration is MapIterationStarted, MapIterationSucceeded, MapIterationFailed or MapIterationAborted, by its last word.
func Iteration(word, state string, index int) Event {
	return with("MapIteration"+word, "mapIteration"+word, map[string]any{"name": state, "index": index})
}

// MapStarted is MapStateStarted with the number of items.
func MapStarted(length int) Event {
	return with("MapStateStarted", "mapStateStarted", map[string]any{"length": length})
}

// MapRunStarted is the beginning of a Map Run.
func MapRunStarted(arn string) Event {
	return with("MapRunStarted", "mapRunStarted", map[string]any{"mapRunArn": arn})
}

// MapRunRedriven is a Map Run that goes on after a redrive.
func MapRunRedriven(arn string, count int) Event {
	return with("MapRunRedriven", "mapRunRedriven", map[string]any{"mapRunArn": arn, "redriveCount": count})
}

// MapRunFailed is the end of a Map Run that failed.
func MapRunFailed(name, cause string) Event {
	return with("MapRunFailed", "mapRunFailed", fault(name, cause))
}

// WithoutData takes inputs and outputs out of an encoded event, as includeExecutionData false asks.
func WithoutData(encoded []byte) ([]byte, error) {
	var event map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &event); err != nil {
		return nil, err
	}
	for name, raw := range event {
		var details map[string]any
		if json.Unmarshal(raw, &details) != nil || details == nil {
			continue
		}
		for _, f := range []string{"input", "output", "parameters", "inputDetails", "outputDetails"} {
			delete(details, f)
		}
		event[name] = value.Encode(details)
	}
	return json.Marshal(event)
}
