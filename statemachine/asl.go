package statemachine

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Machine is a state machine, a branch of a Parallel state or the processor of a Map state, in the Amazon States Language.
type Machine struct {
	Comment         string            `json:"Comment,omitempty"`
	ProcessorConfig *ProcessorConfig  `json:"ProcessorConfig,omitempty"`
	StartAt         string            `json:"StartAt"`
	States          map[string]*State `json:"States"`
}

// ProcessorConfig says how a Map state runs its iterations.
type ProcessorConfig struct {
	Mode          string `json:"Mode"`
	ExecutionType string `json:"ExecutionType"`
}

// State is one state: a Task, a Parallel or a Map. Fields that its type does not have stay empty.
type State struct {
	Type           string            `json:"Type"`
	Comment        string            `json:"Comment,omitempty"`
	Resource       string            `json:"Resource,omitempty"`
	Parameters     any               `json:"Parameters,omitempty"`
	ResultSelector map[string]string `json:"ResultSelector,omitempty"`
	ResultPath     json.RawMessage   `json:"ResultPath,omitempty"` // a path, or null to drop the result
	OutputPath     string            `json:"OutputPath,omitempty"`
	TimeoutSeconds int               `json:"TimeoutSeconds,omitempty"`
	Retry          []Retrier         `json:"Retry,omitempty"`

	Branches []*Machine `json:"Branches,omitempty"`

	Label                      string         `json:"Label,omitempty"`
	ItemReader                 *Reader        `json:"ItemReader,omitempty"`
	ItemSelector               map[string]any `json:"ItemSelector,omitempty"`
	ItemProcessor              *Machine       `json:"ItemProcessor,omitempty"`
	MaxConcurrency             int            `json:"MaxConcurrency,omitempty"`
	ToleratedFailureCount      int            `json:"ToleratedFailureCount,omitempty"`
	ToleratedFailurePercentage percent        `json:"ToleratedFailurePercentage,omitempty"`
	ResultWriter               *Writer        `json:"ResultWriter,omitempty"`

	Next string `json:"Next,omitempty"`
	End  bool   `json:"End,omitempty"`
}

// Retrier says which errors repeat a state, and how.
type Retrier struct {
	ErrorEquals     []string `json:"ErrorEquals"`
	IntervalSeconds int      `json:"IntervalSeconds"`
	MaxAttempts     int      `json:"MaxAttempts"`
	BackoffRate     float64  `json:"BackoffRate"`
	MaxDelaySeconds int      `json:"MaxDelaySeconds"`
	JitterStrategy  string   `json:"JitterStrategy"`
}

// Reader is where a Distributed Map finds its items.
type Reader struct {
	Resource     string            `json:"Resource"`
	ReaderConfig ReaderConfig      `json:"ReaderConfig"`
	Parameters   map[string]string `json:"Parameters"`
}

// ReaderConfig is the form of the items.
type ReaderConfig struct {
	InputType string `json:"InputType"`
}

// Writer is where a Distributed Map leaves its children's results.
type Writer struct {
	Resource   string            `json:"Resource"`
	Parameters map[string]string `json:"Parameters"`
}

// percent is a number that is written with a fraction, since some interpreters take no other.
type percent float64

// MarshalJSON writes 30 as 30.0.
func (p percent) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(p), 'f', -1, 64)
	if !bytes.Contains([]byte(text), []byte(".")) {
		text += ".0"
	}
	return []byte(text), nil
}

// Encode is the definition as the service takes it. Equal machines give equal bytes.
func (m *Machine) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
