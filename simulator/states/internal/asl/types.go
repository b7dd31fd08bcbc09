package asl

import (
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/expr"
)

// Machine is a list of states: a whole definition, a Parallel's branch or a Map's processor.
type Machine struct {
	StartAt        string
	States         map[string]*State
	TimeoutSeconds int64 // of an execution, 0 for none; only on a whole definition
}

// State is one state, compiled. Which fields are set depends on Type.
type State struct {
	Name string
	Type string // Task, Map, Parallel, Choice, Pass, Wait, Succeed or Fail
	Next string // empty at an end

	InputPath, OutputPath Selection
	Parameters            *expr.Template // nil passes the input on
	ResultSelector        *expr.Template // nil keeps the result
	ResultPath            Placement
	Retry                 []Retrier
	Catch                 []Catcher

	Resource         string // of a Task: LambdaInvoke or a function's ARN
	Timeout          Bound  // of a Task
	Heartbeat        Bound  // of a Task
	Result           any    // of a Pass with HasResult
	HasResult        bool
	Wait             Waiting
	Error, Cause     Text // of a Fail
	Rules            []Rule
	Default          string
	Branches         []*Machine // of a Parallel
	Items            Selection  // ItemsPath of a Map
	Selector         *expr.Template
	MaxConcurrency   Bound
	Processor        *Machine
	Distributed      *Distributed // nil for an inline Map
	ProcessorAddress string       // JSON pointer of the processor
}

// LambdaInvoke is the Resource of a Task that calls Lambda's Invoke with parameters.
const LambdaInvoke = "arn:aws:states:::lambda:invoke"

// Selection is a path or nothing: InputPath and OutputPath may be null, which means an empty object.
type Selection struct {
	Path expr.Path
	Null bool
}

// Placement says where a result goes: into the whole value, a place of the input, or nowhere.
type Placement struct {
	Ref     expr.Reference
	Discard bool // ResultPath null
	Whole   bool // ResultPath absent or "$"
}

// Bound is a number given as such or by a path.
type Bound struct {
	Value float64
	Path  *expr.Path // nil for Value
	Set   bool
}

// Text is a text given as such or by a path or an intrinsic function.
type Text struct {
	Value string
	Expr  *expr.Expression // nil for Value
	Set   bool
}

// Waiting is how long a Wait waits: exactly one form is set.
type Waiting struct {
	Seconds   Bound
	Timestamp time.Time  // zero for none
	Path      *expr.Path // TimestampPath
}

// Retrier says when and how a failed state is tried again.
type Retrier struct {
	Errors   []string
	Interval time.Duration
	Attempts int64
	Backoff  float64
	MaxDelay time.Duration // zero for none
	Full     bool          // full jitter
}

// Catcher says where a failed state goes on.
type Catcher struct {
	Errors []string
	Next   string
	Place  Placement
}

// Distributed is what a Map in DISTRIBUTED mode has more than an inline one.
type Distributed struct {
	Express   bool // of the child executions
	Label     string
	Reader    *Reader
	Batcher   *Batcher
	Tolerated Tolerance
	Writer    *Writer
}

// Tolerance is how many items may fail.
type Tolerance struct{ Count, Percentage Bound }

// Reader says where the items of a Map Run are read.
type Reader struct {
	List       bool           // listObjectsV2 instead of getObject
	InputType  string         // of getObject: JSON, JSONL or CSV
	Parameters *expr.Template // Bucket and Key, or Bucket and Prefix
	Headers    []string       // of CSV; nil for the first row
	Delimiter  byte           // of CSV
	MaxItems   Bound
	Pointer    string // JSON pointer to the array in a JSON object; empty for the whole
}

// Batcher says how items are put together.
type Batcher struct {
	MaxItems, MaxBytes Bound
	Input              *expr.Template
}

// Writer says where results of a Map Run go, and in which form.
type Writer struct {
	Parameters     *expr.Template // Bucket and Prefix; nil when the results stay in the state
	Transformation string         // NONE, COMPACT or FLATTEN
	Lines          bool           // JSONL
}
