package shard

// Kind is the class of an error. Callers act on it: whether an attempt is repeated depends on the kind alone.
// The list is append-only, because the names travel between versions; the zero value is Other.
type Kind uint8

// The kinds; docs/errors.md gives each one's meaning, cause and remedy.
const (
	Other       Kind = iota // what fits none of the rest
	BadRequest              // the request is not what the protocol says
	BadInput                // the tensors do not match the model's signature
	Mismatch                // another model, shard, step, request or attempt than expected
	Corrupt                 // bytes that fail their checksum or structure
	Unsupported             // a feature, operator or engine that is not there
	Internal                // a panic or a broken invariant: a defect
	Deadline                // the request's time is used up
	Canceled                // the caller gave up
	TooLarge                // a payload beyond Lambda's limits
	Config                  // the deployment or the model directory is wrong
	NotFound                // no such function, version or alias
	Denied                  // the caller may not invoke the function, or not use the store
	Throttled               // refused for concurrency or rate (429)
	Transport               // no or no complete answer from the service
	Crashed                 // the function's process ended during the request
	Timeout                 // one attempt, or the function's own timeout, ran out
	Unavailable             // the service failed (5xx)
	Garbled                 // a request, a reply or an object changed on its way
	NoObject                // an object that a request or reply refers to is not there
	NoStore                 // something goes by reference, and the function has no store
	kindCount
)

// Kinds lists all kinds in ascending order.
func Kinds() []Kind {
	list := make([]Kind, 0, int(kindCount))
	for k := Other; k < kindCount; k++ {
		list = append(list, k)
	}
	return list
}

// String is the kind's name, for example "BadInput"; docs/errors.md and error types use it.
func (k Kind) String() string {
	names := [...]string{"Other", "BadRequest", "BadInput", "Mismatch", "Corrupt", "Unsupported", "Internal", "Deadline",
		"Canceled", "TooLarge", "Config", "NotFound", "Denied", "Throttled", "Transport", "Crashed", "Timeout", "Unavailable", "Garbled",
		"NoObject", "NoStore"}
	if int(k) >= len(names) {
		return "Other"
	}
	return names[k]
}

// Retryable reports whether another attempt may succeed where this one failed: the function was not reached, was
// refused for load, its environment broke, a message was spoilt on the way, or the storage did not answer. A function's own verdict on a request is
// never retryable.
func (k Kind) Retryable() bool {
	switch k {
	case Throttled, Transport, Crashed, Timeout, Unavailable, Garbled:
		return true
	}
	return false
}

// TypePrefix begins the errorType of every error that a function of a deployment reports.
const TypePrefix = "Shard."

// Type is the errorType under which a Lambda function reports the kind, for example "Shard.BadInput".
func (k Kind) Type() string { return TypePrefix + k.String() }

// ErrorTypes lists the errorType of every kind, for handlers, parsers and the state machine's retry rules; retryable
// selects those of retryable kinds, otherwise all are returned.
func ErrorTypes(retryable bool) []string {
	var list []string
	for _, k := range Kinds() {
		if !retryable || k.Retryable() {
			list = append(list, k.Type())
		}
	}
	return list
}

func parseKind(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.String() == name {
			return k, true
		}
	}
	return Other, false
}
