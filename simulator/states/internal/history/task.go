package history

import "strings"

// Task makes the events of one call of Lambda, in the names of the form in which the Task was written.
type Task struct {
	Resource string // of the Task
	Service  bool   // lambda:invoke, not a function's ARN
	Region   string
	Timeout  int64 // seconds, 0 for none
}

// names adds what every event of lambda:invoke has.
func (t Task) names(d map[string]any) map[string]any {
	if t.Service {
		d["resource"], d["resourceType"] = "invoke", "lambda"
	}
	return d
}

func (t Task) event(word string, d map[string]any) Event {
	prefix := "LambdaFunction"
	if t.Service {
		prefix = "Task"
	}
	if d = t.names(d); len(d) == 0 {
		return Plain(prefix + word)
	}
	return with(prefix+word, strings.ToLower(prefix[:1])+prefix[1:]+word, d)
}

// Scheduled is TaskScheduled with the parameters, or LambdaFunctionScheduled with the input.
func (t Task) Scheduled(input string) Event {
	d := map[string]any{"input": input, "inputDetails": untruncated(), "resource": t.Resource}
	if t.Service {
		d = map[string]any{"parameters": input, "region": t.Region}
	}
	if t.Timeout > 0 {
		d["timeoutInSeconds"] = t.Timeout
	}
	return t.event("Scheduled", d)
}

// Started says that the call is on its way.
func (t Task) Started() Event { return t.event("Started", map[string]any{}) }

// Succeeded has the task's result.
func (t Task) Succeeded(output string) Event {
	return t.event("Succeeded", map[string]any{"output": output, "outputDetails": untruncated()})
}

// Failed has the error by which Retry and Catch match.
func (t Task) Failed(name, cause string) Event { return t.event("Failed", fault(name, cause)) }

// TimedOut has the error States.Timeout and no cause.
func (t Task) TimedOut(name string) Event { return t.event("TimedOut", fault(name, "")) }
