// Package layout is the border between the splitter's partitioners and its writer: a partitioned model as a manifest
// without hashes and a recipe for each file. Partitioners fill it, the splitter writes it. It does no work itself.
package layout

import (
	"context"
	"io"
	"time"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
)

// CoordinatorFile is the Shard number of files that the coordinator loads.
const CoordinatorFile = -1

// Layout is a partitioned model. Manifest is complete but for the Files lists of shards and Local, which the writer
// fills from Files in their order, and Sources[i].SHA256.
type Layout struct {
	Manifest *manifest.Manifest
	Files    []File
	// ShardMB and CoordinatorMB are the memory sizes that the plan was chosen for; 0 leaves them to the default deployment.
	ShardMB, CoordinatorMB int
	// Concurrent says that the recipes of several files may run at the same time.
	Concurrent bool
	// Uncovered are the operators of the model that the native engine does not run, for themselves or for their types.
	Uncovered []string
	// Close releases what the recipes read from; nil when there is nothing.
	Close func() error
}

// File is the recipe of one file: exactly one of Bytes (a small file, complete) and Weights is set.
type File struct {
	Shard   int // index, or CoordinatorFile
	Role    string
	Path    string
	Bytes   []byte
	Weights *Weights
}

// Weights is the recipe of a weights file: its tensors are declared in full first, then written one after the other
// in the order of Tensors, streaming.
type Weights struct {
	Tensors []shardfile.Declared
	// Write writes the bytes of tensor i, all of them, to w. It is called once per tensor, in order.
	Write func(ctx context.Context, i int, w io.Writer) error
}

// Options are the user's wishes. Exactly one of Shards and MemoryMB is positive; with a Latency or a MaxCost each may be.
type Options struct {
	Shards   int
	MemoryMB int
	Latency  time.Duration // the longest estimated latency of a request whose functions are warm
	MaxCost  float64       // the most US dollars for a million requests, by the estimate
	Rows     int           // of a request, for those estimates; default 1
	Name     string        // model name; default from the file name
	Version  string
	Plan     string // kind of plan that is wanted, for graphs, one of plan.Kinds; "" takes the best of any
	// Engine is the engine of every program: EngineAuto or the name of one. Empty means EngineAuto.
	Engine string
	// Note hears a sentence about what was decided and may surprise; nil is legal.
	Note func(sentence string)
	// Optimised hears, once, what optimising the model's graph did, when it did anything; nil is legal.
	Optimised func(changes []Change)
}

// EngineAuto takes the native engine for every program whose operators it covers, and ONNX Runtime for the others. Types
// that the native engine does not cover are refused: most are mistakes, and who means them names the engine.
const EngineAuto = "auto"

// Info is what inspect shows of a model before it is split.
type Info struct {
	Format     string // "xgboost json", "xgboost ubjson", "onnx"
	Library    string
	Signature  manifest.Signature
	Parameters int64            // numbers of learned values
	Bytes      int64            // weights in memory
	Facts      []Fact           // what a user of the format wants to know, in display order
	Notes      []string         // sentences to print with the facts and after a split, in order: what surprises people
	Operators  map[string]int   // ONNX: operator -> nodes
	Before     map[string]int   // the same before the graph was optimised, nil when that changed nothing
	Optimised  []Change         // what optimising the graph did, in the order of its passes
	Largest    []LargestTensor  // the largest tensors, at most 10
	Dtypes     map[string]int64 // dtype -> bytes
	MinShards  int              // the smallest number of shards, when it is not 1
	MaxShards  int              // the largest useful shard count; 0 when the model cannot be split, NotReckoned when finding out takes long
	Weightless string           // what the file is when it has no weights, so that it can be planned and not split; "" for a model
	Opaque     []Uncovered      // operators that no engine covers, in the order of their first nodes
}

// Change is one kind of rewriting of a graph: a stable name, how many nodes it concerned, and what happened in words.
type Change struct {
	Kind  string
	Nodes int
	Text  string
}

// NotReckoned is the MaxShards of a graph whose plans are so many that only a split looks for one.
const NotReckoned = -1

// Fact is one line of inspect.
type Fact struct{ Name, Value string }

// LargestTensor is a tensor worth naming. Opaque names its element type when that is no dtype.
type LargestTensor struct {
	Name   string
	DType  tensor.DType
	Opaque string
	Shape  tensor.Shape
	Bytes  int64
}

// Uncovered is an operator with nodes that cannot be split: how many, the first of them, why not, and what would help.
type Uncovered struct {
	Operator string
	Nodes    int
	First    string
	Reason   string
	Remedy   string
}

// Model is an opened model file. Layout partitions it; a wish that cannot be met is a *RefusalError.
type Model interface {
	Info() Info
	Layout(ctx context.Context, o Options) (*Layout, error)
	Close() error
}

// RefusalError says what cannot be split or read, where, and what would help.
type RefusalError struct {
	Subject string // operator, field or node
	Reason  string
	Remedy  string
	// Native says that the native engine alone does not cover the subject: another engine may.
	Native bool
	// Types says that it covers the operator, for other types of inputs.
	Types bool
}

// Error is one line: subject, reason, remedy.
func (e *RefusalError) Error() string {
	s := e.Subject + ": " + e.Reason
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}
