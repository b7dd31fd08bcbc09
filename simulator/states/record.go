package states

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/store"
)

// Buckets of the store. Keys of the last five begin with an ARN and a zero byte.
const (
	inMachines    = "machines"
	inDefinitions = "definitions" // by digest
	inExecutions  = "executions"
	inMapRuns     = "mapRuns"
	inData        = "data" // inputs and outputs of executions
	inHistory     = "history"
	inPoints      = "points"
	inItems       = "items"   // inputs of a Map Run's children
	inResults     = "results" // of a Map Run's children that ended
)

func buckets() []string {
	return []string{inMachines, inDefinitions, inExecutions, inMapRuns, inData, inHistory, inPoints, inItems, inResults}
}

// below makes a key below an ARN.
func below(arn, key string) string { return arn + "\x00" + key }

func number(n int64) string { return fmt.Sprintf("%010d", n) }

// Statuses of executions and Map Runs.
const (
	running   = "RUNNING"
	succeeded = "SUCCEEDED"
	failed    = "FAILED"
	timedOut  = "TIMED_OUT"
	aborted   = "ABORTED"
)

const (
	standard = "STANDARD"
	express  = "EXPRESS"
)

// machine is a state machine as it is kept.
type machine struct {
	ARN         string            `json:"arn"`
	Name        string            `json:"name"`
	Type        string            `json:"type"`
	Role        string            `json:"role"`
	Digest      string            `json:"digest"` // of the definition
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated,omitzero"`
	Revision    string            `json:"revision,omitempty"` // empty until the first update
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// execution is an execution as it is kept, without its input and output. Fields but the constant ones are guarded by the
// server's lock.
type execution struct {
	ARN        string    `json:"arn"`
	Name       string    `json:"name"`
	MachineARN string    `json:"machineArn"` // of a child with the Map Run's label
	Machine    string    `json:"machine"`    // its name, with the label
	Type       string    `json:"type"`
	Role       string    `json:"role"`
	Digest     string    `json:"digest"`
	Revision   string    `json:"revision,omitempty"`
	Processor  string    `json:"processor,omitempty"` // JSON pointer of a child's machine in the definition
	MapRun     string    `json:"mapRun,omitempty"`
	Index      int64     `json:"index,omitempty"` // in the Map Run
	Round      int       `json:"round,omitempty"` // of the Map Run's redrives
	Trace      string    `json:"trace,omitempty"`
	InputSum   string    `json:"inputSum"`
	Status     string    `json:"status"`
	Error      string    `json:"error,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Start      time.Time `json:"start"`
	Stop       time.Time `json:"stop,omitzero"`
	Redrives   int       `json:"redrives,omitempty"`
	Redriven   time.Time `json:"redriven,omitzero"`
	Token      string    `json:"token,omitempty"` // of the client that asked for the last redrive
	LastEvent  int64     `json:"lastEvent,omitempty"`
	Stopping   *stopped  `json:"stopping,omitempty"` // StopExecution was called

	cancel func(cause error) // while it runs; nil before
	done   chan struct{}     // closed when it has ended or the server closes
	output []byte            // of a synchronous execution
	sync   bool              // not kept at all
}

// put makes the operation that keeps a record.
func put(bucket, key string, v any) store.Op {
	p, err := json.Marshal(v)
	if err != nil {
		panic("states: a record does not marshal: " + err.Error())
	}
	return store.Op{Bucket: bucket, Key: key, Value: p}
}

func digest(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// definition returns the text of a definition.
func (s *Server) definition(digest string) ([]byte, error) {
	p, err := s.db.Get(inDefinitions, digest)
	if err == nil && p == nil {
		err = fmt.Errorf("the definition %s is not in the store", digest)
	}
	return p, err
}

// compile returns the machine of a definition that was accepted, or of a Map's processor in it.
func (s *Server) compile(digest, kind, processor string) (*asl.Machine, error) {
	key := digest + kind
	s.mu.Lock()
	m := s.compiled[key]
	s.mu.Unlock()
	if m == nil {
		text, err := s.definition(digest)
		if err != nil {
			return nil, err
		}
		var faults []asl.Diagnostic
		if m, faults = asl.Parse(text, kind == express && processor == ""); m == nil {
			return nil, fmt.Errorf("a definition that was accepted is not any more: %v", faults)
		}
		s.mu.Lock()
		s.compiled[key] = m
		s.mu.Unlock()
	}
	if processor == "" {
		return m, nil
	}
	if at := findProcessor(m, processor); at != nil {
		return at.Processor, nil
	}
	return nil, fmt.Errorf("there is no Map processor at %s", processor)
}

// findProcessor finds the Map whose processor stands at a JSON pointer.
func findProcessor(m *asl.Machine, at string) *asl.State {
	for _, st := range m.States {
		if st.Processor != nil && st.ProcessorAddress == at {
			return st
		}
		inside := st.Branches
		if st.Processor != nil {
			inside = append(inside[:len(inside):len(inside)], st.Processor)
		}
		for _, sub := range inside {
			if found := findProcessor(sub, at); found != nil {
				return found
			}
		}
	}
	return nil
}

// ARNs.

func (s *Server) arn(kind, rest string) string {
	return "arn:aws:states:" + s.cfg.Region + ":" + s.cfg.Account + ":" + kind + ":" + rest
}

// parseARN checks that an ARN is one of this account's Step Functions and of one of the kinds.
func (s *Server) parseARN(arn string, kinds ...string) *apiError {
	if !strings.HasPrefix(arn, "arn:") {
		return invalidARN("Invalid ARN prefix: %s", arn)
	}
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) != 7 || parts[2] != "states" || parts[6] == "" {
		return invalidARN("Invalid ARN: %s", arn)
	}
	for _, k := range kinds {
		if parts[5] == k {
			return nil
		}
	}
	return invalidARN("Resource type not valid in this context: %s", parts[5])
}
