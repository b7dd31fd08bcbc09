package statemachine

import (
	"strconv"

	"github.com/shardwise/shardwise/internal/price"
)

// The tasks of the batch function; a payload's member "task" names one.
const (
	TaskPrepare   = "prepare"   // input -> block index
	TaskRows      = "rows"      // block -> first stage's inputs
	TaskAggregate = "aggregate" // partials -> next stage's inputs, or predictions
	TaskWrite     = "write"     // the coordinator's answer -> predictions
	TaskFinish    = "finish"    // parts -> output and summary
)

// Job is the input of an execution: what is read, what is written, and where the work lies between. It travels through all
// states.
type Job struct {
	ID     string `json:"id"`    // of the batch; part of every key
	Store  Place  `json:"store"` // where index, tensors, parts and summary lie; the prefix is the batch's own
	Input  Table  `json:"input"`
	Output Table  `json:"output"`
	// BlockRows is the greatest number of rows of a block.
	BlockRows int `json:"block_rows"`
	// Prefer the parts of an earlier batch: its prefix in the store, "" for none. Blocks whose part lies there are done.
	Resume string `json:"resume,omitempty"`
}

// Place is a bucket, and a prefix of keys without a slash at its end.
type Place struct {
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
}

// Table is a file of rows in S3.
type Table struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`    // of an output that ends with a slash: a part for each block below it
	Format string `json:"format"` // csv, jsonl, npy, parquet
	// ByPosition takes an input's columns in their order and ignores their names.
	ByPosition bool `json:"by_position,omitempty"`
}

// Block is one entry of the block index: rows, and where they lie in the input. Byte ranges are half open.
type Block struct {
	Block    int   `json:"block"`
	FirstRow int64 `json:"first_row"`
	Rows     int   `json:"rows"`
	// From and To are the bytes of the rows; Head is how many bytes at the file's beginning belong to every block (column
	// names, an array's header); Line is the file's line where a text's rows begin, counted from 1.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	Head int64 `json:"head"`
	Line int64 `json:"line"`
	// FirstGroup and Groups are the row groups of a Parquet file, and Skip how many rows of the first one stand before the
	// block's.
	FirstGroup int   `json:"first_group"`
	Groups     int   `json:"groups"`
	Skip       int64 `json:"skip"`
}

// Prepared is the answer of the task prepare.
type Prepared struct {
	Index  string `json:"index"` // key of the block index
	Rows   int64  `json:"rows"`
	Blocks int    `json:"blocks"`
}

// Call is one request by reference: where its tensors lie, how many rows they have, and where the reply goes.
type Call struct {
	Ref      string `json:"ref"`
	Bytes    int64  `json:"ref_bytes"`
	SHA256   string `json:"ref_sha256"`
	ReplyKey string `json:"reply_key"`
	Rows     int    `json:"rows"`
}

// BlockState is what a block's child carries from one task to the next.
type BlockState struct {
	Job     Job             `json:"job"`
	Block   Block           `json:"block"`
	Request string          `json:"request"` // names the block in requests to functions
	Calls   map[string]Call `json:"calls"`   // by BranchName
	Carry   string          `json:"carry"`   // key of the values that later steps need, "" for none
	Usage   price.Usage     `json:"usage"`   // of the functions so far, by what they say of their time; attempts that failed say nothing
}

// BranchName is the name of a branch's call in a state. Names serve better than a list: not every interpreter of the states language
// takes a path with an index for a single value.
func BranchName(branch int) string { return "b" + strconv.Itoa(branch) }

// BlockDone is a child's result.
type BlockDone struct {
	Block int    `json:"block"`
	Rows  int    `json:"rows"`
	Part  string `json:"part"` // key of its predictions
	Bytes int64  `json:"bytes"`
	// Usage is that of all functions for the block, as in BlockState.
	Usage price.Usage `json:"usage"`
}
