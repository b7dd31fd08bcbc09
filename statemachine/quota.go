package statemachine

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Step Functions' quotas, from its documentation.
const (
	maxDefinition  = 1 << 20   // bytes of a definition, and of an API request
	maxState       = 256 << 10 // bytes of a state's input or output
	maxEvents      = 25_000    // of one execution's history
	maxChildren    = 10_000    // child executions of a Map run at once
	expressSeconds = 300       // of an EXPRESS execution
	maxStateName   = 80
)

// Estimate is what a definition needs of Step Functions, at worst where attempts are repeated.
type Estimate struct {
	Bytes        int    `json:"definition_bytes"`
	Children     string `json:"children"`      // STANDARD or EXPRESS
	Concurrency  int    `json:"concurrency"`   // blocks under way at once
	ParentEvents int    `json:"parent_events"` // of the parent's history when every task uses all its attempts
	ChildEvents  int    `json:"child_events"`  // likewise of a child's; an EXPRESS one has no such history
	StateBytes   int    `json:"state_bytes"`   // of the largest state between two tasks of a child
	Widest       int    `json:"widest"`        // branches of the widest stage
	Transitions  int    `json:"transitions"`   // a block's, without repeated attempts
	Parent       int    `json:"parent_transitions"`
}

// TransitionsPerMillion are the state transitions of a million rows in blocks of so many rows, without repeated attempts. Those
// of EXPRESS children are not billed as transitions.
func (e *Estimate) TransitionsPerMillion(blockRows int) int {
	const million = 1_000_000
	blocks := (million + blockRows - 1) / blockRows
	return blocks*e.Transitions + e.Parent
}

// Events of the states in a history.
const (
	taskEvents      = 5 // entered, scheduled, started, succeeded, exited
	attemptEvents   = 3 // failed, scheduled, started
	parallelEvents  = 4 // entered, started, succeeded, exited
	mapEvents       = 6 // entered, started, run started, run succeeded, succeeded, exited
	executionEvents = 2 // started, succeeded
)

// Bytes of what states carry: one call names two keys and a hash, and around the calls stand job and block.
const (
	callBytes = 2*maxKey + 200
	jobBytes  = 16 << 10
	maxKey    = 320 // bytes of an object's key in the store: prefix, batch, block, step
)

// Needs computes the estimate of a definition that Definition made, by its text.
func Needs(definition []byte) (*Estimate, error) {
	m := new(Machine)
	if err := json.Unmarshal(definition, m); err != nil {
		return nil, fmt.Errorf("read a batch's definition: %w", err)
	}
	if s := m.States[stateBlocks]; s == nil || s.ItemProcessor == nil || s.ItemProcessor.ProcessorConfig == nil {
		return nil, fmt.Errorf("read a batch's definition: wanted a Map %q with its processor", stateBlocks)
	}
	return estimate(m)
}

func estimate(m *Machine) (*Estimate, error) {
	data, err := m.Encode()
	if err != nil {
		return nil, err
	}
	blocks := m.States[stateBlocks]
	child := blocks.ItemProcessor
	e := &Estimate{Bytes: len(data), Concurrency: blocks.MaxConcurrency, Children: child.ProcessorConfig.ExecutionType,
		ParentEvents: events(m), ChildEvents: events(child), Parent: len(m.States), Transitions: transitions(child)}
	for _, s := range child.States {
		e.Widest = max(e.Widest, len(s.Branches))
	}
	e.StateBytes = jobBytes + max(e.Widest, 1)*callBytes
	return e, nil
}

// events counts a machine's history at worst.
func events(m *Machine) int {
	n := executionEvents
	for _, s := range m.States {
		n += stateEvents(s)
	}
	return n
}

func stateEvents(s *State) int {
	switch s.Type {
	case typeTask:
		return taskEvents + attemptEvents*repeats(s.Retry)
	case typeMap:
		return mapEvents
	}
	n := parallelEvents
	for _, b := range s.Branches {
		for _, inner := range b.States {
			n += stateEvents(inner)
		}
	}
	return n
}

// transitions counts the states that are entered.
func transitions(m *Machine) int {
	n := 0
	for _, s := range m.States {
		n++
		for _, b := range s.Branches {
			n += transitions(b)
		}
	}
	return n
}

// longestPath is how long a machine's tasks may take, one after the other, without repeated attempts.
func longestPath(m *Machine) int {
	seconds := 0
	for _, s := range m.States {
		longest := s.TimeoutSeconds
		for _, b := range s.Branches {
			longest = max(longest, longestPath(b))
		}
		seconds += longest
	}
	return seconds
}

// check refuses what would break a quota.
func (e *Estimate) check() error {
	var faults []error
	wider := "split the model into fewer, larger shards (split --memory), or use --via coordinator"
	if e.Bytes > maxDefinition {
		faults = append(faults, fmt.Errorf("the definition has %d bytes, Step Functions takes %d; %s", e.Bytes, maxDefinition, wider))
	}
	if e.StateBytes > maxState {
		faults = append(faults, fmt.Errorf("a state of a block with %d shards may have %d bytes, Step Functions carries %d; %s", e.Widest, e.StateBytes, maxState, wider))
	}
	if e.ParentEvents > maxEvents {
		faults = append(faults, fmt.Errorf("the parent's history may have %d events, Step Functions keeps %d", e.ParentEvents, maxEvents))
	}
	if e.Children == standard && e.ChildEvents > maxEvents {
		faults = append(faults, fmt.Errorf("a child's history may have %d events, Step Functions keeps %d; take express children, or %s", e.ChildEvents, maxEvents, wider))
	}
	return errors.Join(faults...)
}
