package manifest

import "github.com/shardwise/shardwise/internal/tensor"

// Format is the format string of the manifests that this version writes and reads.
const Format = "shardwise/1"

// FileName and DeploymentFileName are the names under which the two contracts stand in a model directory.
const (
	FileName           = "manifest.json"
	DeploymentFileName = "deployment.json"
)

// Radix is the width of the fixed reduction tree: groups of Radix shards fold left to right, then the group results do.
const Radix = 16

// Manifest describes one sharded model. Its canonical JSON (RFC 8785) is what Fingerprint hashes.
type Manifest struct {
	Format    string    `json:"format"`
	Requires  []string  `json:"requires"` // features a reader must know, ascending; see Features
	Name      string    `json:"name"`     // [a-z0-9-], at most 40 characters: it becomes part of function names
	Version   string    `json:"version"`  // the model's own version, chosen by the user; default "1"
	Sources   []Source  `json:"sources"`
	Radix     int       `json:"radix"`
	Signature Signature `json:"signature"`
	Modes     []string  `json:"modes"` // numeric modes the plan offers, best first: "exact", "sum"
	Shards    []Shard   `json:"shards"`
	Local     *Local    `json:"local,omitempty"` // what the coordinator holds, nil when it needs nothing
	Steps     []Step    `json:"steps"`
}

// Source names a model file that was split. File is relative to the model file's directory: a base name, or a path below it
// for external data.
type Source struct {
	File     string `json:"file"`
	SHA256   string `json:"sha256"`
	Importer string `json:"importer"` // "xgboost", "onnx"
	Library  string `json:"library"`  // what wrote it, as far as the file tells: "xgboost 3.2.0", "skl2onnx 1.18"
}

// RowsNone says that a model has no rows that stand for themselves.
const RowsNone = "none"

// Signature is what a user of the model sees. Rows is "" when the model's rows are independent: requests are cut into
// blocks along the dimensions called Batch. With RowsNone a request is one piece, and Batch is a symbol like any other.
type Signature struct {
	Rows    string   `json:"rows,omitempty"`
	Inputs  []Input  `json:"inputs"`
	Outputs []Output `json:"outputs"`
}

// Dim is one dimension of a signature's shape: a fixed size, or a symbol ("batch") when Name is not empty.
// In JSON it is a number or a string.
type Dim struct {
	Size int
	Name string
}

// Batch is the symbol of the row dimension. Inputs whose first dimension is Batch may be cut into row blocks, unless the
// signature's Rows is RowsNone.
const Batch = "batch"

// Batched reports whether a value of the shape has independent rows in front.
func (s *Signature) Batched(shape []Dim) bool {
	return s.Rows == "" && len(shape) > 0 && shape[0].Name == Batch
}

// Input is one input of the model. Accepts lists further dtypes that are converted to DType on entry, as the
// reference library does (XGBoost rounds F64 to F32); a finite number that DType cannot hold is refused. Missing is for
// tree ensembles: NaN stands for a missing value, and infinities are refused, as XGBoost does; without it NaN and infinities
// are numbers like others, as ONNX Runtime takes them, and no value may be missing.
type Input struct {
	Name     string         `json:"name"`
	DType    tensor.DType   `json:"dtype"`
	Shape    []Dim          `json:"shape"`
	Accepts  []tensor.DType `json:"accepts,omitempty"`
	Features []Feature      `json:"features,omitempty"` // names of the last dimension's columns, all or none
	Missing  bool           `json:"missing,omitempty"`  // NaN is a legal value and means missing
}

// Feature is one named column of an input.
type Feature struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"` // "" or "float", "int", "indicator", "categorical" (values are codes from 0)
}

// Output is one output of the model. Default outputs are returned when a request names none.
type Output struct {
	Name    string          `json:"name"`
	DType   tensor.DType    `json:"dtype"`
	Shape   []Dim           `json:"shape"`
	Default bool            `json:"default"`
	Rules   map[string]Rule `json:"rules"` // numeric mode -> how far the sharded answer may lie from the reference library's
}

// Rule is a numeric promise. Exact means equal bits (NaN equals NaN). Otherwise a value y may differ from the
// reference r by Abs + Rel*|r| + Scale*max|reference output|; all three 0 means equal as numbers (-0 equals +0).
type Rule struct {
	Exact bool    `json:"exact,omitempty"`
	Rel   float64 `json:"rel,omitempty"`
	Abs   float64 `json:"abs,omitempty"`
	Scale float64 `json:"scale,omitempty"`
}

// File is a file of the model directory. Path is relative, with forward slashes, without "." or "..".
type File struct {
	Role   string  `json:"role"` // "weights" (safetensors), "program" (ONNX graph)
	Path   string  `json:"path"`
	Bytes  int64   `json:"bytes"`
	SHA256 string  `json:"sha256"`
	Chunks *Chunks `json:"chunks,omitempty"` // weights only
}

// Chunks describes the table of checksums inside a weights file: tensor Tensor (U32, one CRC32C per Size bytes of the
// file from its first byte up to the table's own first byte) and the SHA-256 of the table's bytes.
type Chunks struct {
	Tensor string `json:"tensor"`
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// Shard is the part of the model that one function holds. A shard's index is its position in Manifest.Shards.
type Shard struct {
	Files    []File    `json:"files"`
	Programs []Program `json:"programs"`
	Memory   Memory    `json:"memory"`
	Trees    *Trees    `json:"trees,omitempty"`
}

// Local is what the coordinator itself loads: programs of local steps, merge tables.
type Local struct {
	Files    []File    `json:"files"`
	Programs []Program `json:"programs"`
	Memory   Memory    `json:"memory"`
}

// Program is what a shard (or the coordinator) runs in one step. Graph names a file with role "program" whose
// external data are the weights files beside it.
type Program struct {
	Step   string `json:"step"`
	Engine string `json:"engine"` // "native"
	Graph  string `json:"graph"`
}

// Memory is the estimate the splitter makes, in bytes: weights mapped, fixed overhead of the process, and per row of input.
type Memory struct {
	Weights int64 `json:"weights"`
	Fixed   int64 `json:"fixed"`
	PerRow  int64 `json:"per_row"`
}

// Trees describes a tree shard: trees First to First+Count-1 of the ensemble, the ascending indices of the features
// they use, and per model output the least and greatest sum of their leaves (F64 hex bits, big-endian).
type Trees struct {
	First    int      `json:"first"`
	Count    int      `json:"count"`
	Features []int    `json:"features"`
	MinSum   []string `json:"min_sum"`
	MaxSum   []string `json:"max_sum"`
}
