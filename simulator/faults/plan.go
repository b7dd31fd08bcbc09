package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Kind is what happens to an invocation.
type Kind string

// The kinds.
const (
	Kill     Kind = "kill"     // the process is killed after delay_ms of the invocation
	Hang     Kind = "hang"     // the process stands still until the function's timeout
	Slow     Kind = "slow"     // the event reaches the process delay_ms late
	Throttle Kind = "throttle" // the call is refused with 429
	Corrupt  Kind = "corrupt"  // bits of the reply are flipped
	Oversize Kind = "oversize" // the reply is taken to exceed the size limit
	Timeout  Kind = "timeout"  // the process stands still, and the function's time is said to run out after delay_ms
)

// kinds in the order of the documentation.
func kinds() []Kind { return []Kind{Kill, Hang, Slow, Throttle, Corrupt, Oversize, Timeout} }

// Plan is a list of rules. It is read-only in use and may be shared.
type Plan struct {
	Rules []Rule `json:"rules"`
}

// Rule says which invocations meet a fault. An invocation must satisfy all that is given.
type Rule struct {
	Fault    Kind   `json:"fault"`
	Function string `json:"function"` // shell pattern of the function's name, such as *-shard-003; every function if empty

	After       int      `json:"after,omitempty"`       // not the function's first so many
	First       int      `json:"first,omitempty"`       // only the first so many (of those after After); all if 0
	Every       int      `json:"every,omitempty"`       // only each so many-th of these; each if 0
	Probability *float64 `json:"probability,omitempty"` // of being struck when picked by number; 1 if absent
	Count       int      `json:"count,omitempty"`       // at most so many over all functions; no limit if 0

	DelayMS int `json:"delay_ms,omitempty"` // for kill, slow and timeout
	Bits    int `json:"bits,omitempty"`     // for corrupt; 1 if 0
}

// String words the rule for a report.
func (r Rule) String() string {
	pattern := r.Function
	if pattern == "" {
		pattern = "*"
	}
	return string(r.Fault) + " " + pattern
}

// maxPlan bounds a plan file, maxDelay a delay: the longest timeout of a function.
const (
	maxPlan  = 1 << 20
	maxDelay = 900_000
	maxBits  = 1024
)

// Load reads a plan from a JSON file.
func Load(file string) (*Plan, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	p, err := Read(io.LimitReader(f, maxPlan))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("faults %s: %w", file, err)
	}
	return p, nil
}

// Read decodes a plan from JSON and validates it. An unknown field is an error.
func Read(r io.Reader) (*Plan, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var p Plan
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf(`want {"rules": [...]}, each rule with fault, function, after, first, every, probability, count, delay_ms, bits: %w`, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("want one JSON object, found more behind it")
	}
	return &p, p.Validate()
}

// Validate reports all faults of a plan at once, or nil.
func (p *Plan) Validate() error {
	var wrong []error
	if len(p.Rules) == 0 {
		wrong = append(wrong, errors.New("want at least one rule, found none"))
	}
	for i, r := range p.Rules {
		for _, err := range r.wrong() {
			wrong = append(wrong, fmt.Errorf("rule %d: %w", i+1, err))
		}
	}
	return errors.Join(wrong...)
}

func (r Rule) wrong() []error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if !slices.Contains(kinds(), r.Fault) {
		var names []string
		for _, k := range kinds() {
			names = append(names, string(k))
		}
		say("fault %q: want one of %s", r.Fault, strings.Join(names, ", "))
	}
	if _, err := path.Match(r.Function, ""); err != nil {
		say("function %q: want a shell pattern such as *-shard-003: %w", r.Function, err)
	}
	if r.After < 0 || r.First < 0 || r.Every < 0 || r.Count < 0 {
		say("after %d, first %d, every %d, count %d: none may be negative", r.After, r.First, r.Every, r.Count)
	}
	if p := r.Probability; p != nil && !(*p >= 0 && *p <= 1) {
		say("probability %v: want 0 to 1", *p)
	}
	switch takes := r.Fault == Kill || r.Fault == Slow || r.Fault == Timeout; {
	case r.DelayMS < 0 || r.DelayMS > maxDelay:
		say("delay_ms %d: want 0 to %d", r.DelayMS, maxDelay)
	case r.DelayMS == 0 && r.Fault == Slow:
		say("slow: want delay_ms, how late the event comes")
	case r.DelayMS > 0 && !takes:
		say("delay_ms goes with kill, slow and timeout, not with %s", r.Fault)
	}
	switch {
	case r.Bits < 0 || r.Bits > maxBits:
		say("bits %d: want 1 to %d", r.Bits, maxBits)
	case r.Bits > 0 && r.Fault != Corrupt:
		say("bits goes with corrupt, not with %s", r.Fault)
	}
	return wrong
}

// CheckFunctions reports the rules that can never fire because no function has such a name.
func (p *Plan) CheckFunctions(names []string) error {
	var wrong []error
	for i, r := range p.Rules {
		if !slices.ContainsFunc(names, r.matches) {
			wrong = append(wrong, fmt.Errorf("rule %d: no function is called %q; the functions are %s", i+1, r.Function, some(names)))
		}
	}
	return errors.Join(wrong...)
}

// some lists names, of many the first few.
func some(names []string) string {
	const few = 6
	if len(names) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

func (r Rule) matches(function string) bool {
	if r.Function == "" {
		return true
	}
	ok, err := path.Match(r.Function, function)
	return ok && err == nil // Validate has seen the pattern
}
