package manifest

import "github.com/shardwise/shardwise/internal/tensor"

// Step is one entry of the plan: a stage (one scatter-gather round over some shards) or a local program, exactly one of
// the two. Steps run in order over named values; the signature's inputs are the first values. A step whose Modes is
// not empty runs only in those numeric modes; each value is produced by exactly one step per mode. A step none of whose
// values is wanted, directly or by a later step, is left out.
type Step struct {
	Name  string     `json:"name"`
	Modes []string   `json:"modes,omitempty"`
	Stage *Stage     `json:"stage,omitempty"`
	Local *LocalStep `json:"local,omitempty"`
}

// LocalStep runs the coordinator's program of the step's name: Inputs and Outputs are value names, which are also the
// graph's input and output names. A program of constants has no inputs.
type LocalStep struct {
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
}

// Stage is one round. Shards are indices into Manifest.Shards, ascending. Contributions are ordered by position in Shards. Routes say who gets what of the
// inputs that are scattered by route.
type Stage struct {
	Shards  []int         `json:"shards"`
	Routes  []Route       `json:"routes,omitempty"`
	Inputs  []StageInput  `json:"inputs"`
	Outputs []StageOutput `json:"outputs"`
}

// StageInput says how a full value becomes the shards' inputs. Name is the shard programs' input name. To lists, ascending, the positions in
// Stage.Shards that get it; empty means all.
type StageInput struct {
	Name    string  `json:"name"`
	Value   string  `json:"value"`
	To      []int   `json:"to,omitempty"`
	Scatter Scatter `json:"scatter"`
}

// Scatter kinds.
const (
	ScatterReplicate = "replicate" // every shard gets the whole value
	ScatterSlice     = "slice"     // shard i gets [Bounds[i], Bounds[i+1]) along Dim
	ScatterSelect    = "select"    // shard i gets the columns (last dimension) Columns[i], or its Trees.Features when Columns is empty
	ScatterRows      = "rows"      // data parallel: shard i gets its RowShare of the rows
	ScatterRoute     = "route"     // shard i gets its Part of the stage's Route: only the numbers or rows that it owns
)

// Scatter describes one placement of an input over the shards that get it. Bounds has one entry more than there are such shards, Columns as many
// lists.
type Scatter struct {
	Kind    string  `json:"kind"`
	Dim     int     `json:"dim,omitempty"`
	Bounds  []int   `json:"bounds,omitempty"`
	Columns [][]int `json:"columns,omitempty"`
	Route   string  `json:"route,omitempty"`
	Part    string  `json:"part,omitempty"`
}

// StageOutput says how the shards' partials become the full value Value. Modes, when not empty, limits it to those
// numeric modes (the same value may be produced in another way in another mode). From lists, ascending, the positions in Stage.Shards that
// contribute; empty means all. Bounds and the order of contributions count those alone.
type StageOutput struct {
	Value      string      `json:"value"`
	Modes      []string    `json:"modes,omitempty"`
	From       []int       `json:"from,omitempty"`
	Placement  Placement   `json:"placement"`
	Merge      Merge       `json:"merge"`
	Components []Component `json:"components"`
}

// Component is one tensor of a partial: Role is the merge's name for it ("value", "sum", "count", "max" ...), Name the
// shard programs' output name, Shape the shard's own shape where every shard has the same, with symbols otherwise.
type Component struct {
	Role  string       `json:"role"`
	Name  string       `json:"name"`
	DType tensor.DType `json:"dtype"`
	Shape []Dim        `json:"shape"`
}

// Placement is how a tensor lies over the shards, in PyTorch DTensor's terms: kind "replicate", "shard" (along Dim) or
// "partial" (Op says how partials combine).
type Placement struct {
	Kind string `json:"kind"`
	Dim  int    `json:"dim,omitempty"`
	Op   string `json:"op,omitempty"`
}

// Component roles: what a tensor of a partial is to its merge. Roles lists those of each merge.
const (
	RoleValue  = "value"  // what is concatenated, added, compared or voted on; softmax: exp(x - max) of the shard's part
	RoleWeight = "weight" // weighted_mean: one weight per leading index of value, or one scalar
	RoleCount  = "count"  // moments: number of observations; vote: votes per class
	RoleMean   = "mean"   // moments
	RoleM2     = "m2"     // moments: sum of squared deviations from the mean
	RoleMax    = "max"    // logsumexp, softmax: greatest x of the shard's part
	RoleSumExp = "sumexp" // logsumexp, softmax: sum of exp(x - max) over the shard's part
	RoleIndex  = "index"  // topk: position within the shard's part along Dim; scatter_back: the row's place in the result
)

// Placement kinds.
const (
	PlaceReplicate = "replicate"
	PlaceShard     = "shard"
	PlacePartial   = "partial"
)

// Merge kinds. The package aggregate documents the rule of each for dtype, order and NaN.
const (
	MergeConcat       = "concat"
	MergeSum          = "sum"
	MergeOrderedSum   = "ordered_sum"
	MergeMean         = "mean"
	MergeWeightedMean = "weighted_mean"
	MergeMax          = "max"
	MergeMin          = "min"
	MergeMoments      = "moments"
	MergeTopK         = "topk"
	MergeLogSumExp    = "logsumexp"
	MergeSoftmax      = "softmax"
	MergeVote         = "vote"
	MergeScatterBack  = "scatter_back"
)

// Merge says how contributions become one value. DType is the result's dtype; Acc the dtype it is accumulated in.
type Merge struct {
	Kind  string       `json:"kind"`
	DType tensor.DType `json:"dtype"`
	Acc   tensor.DType `json:"acc,omitempty"`   // sum, ordered_sum, mean: F32 or F64, sum also I64; the others add in F64
	Dim   int          `json:"dim,omitempty"`   // concat, topk, softmax: the dimension that is cut
	Init  []string     `json:"init,omitempty"`  // sum, ordered_sum: value of each output column before the first addend (hex bits of Acc)
	Table string       `json:"table,omitempty"` // ordered_sum: coordinator tensor I32[columns], the output column of each leaf column
	K     int          `json:"k,omitempty"`     // topk
	// Result names the merged tensor that becomes the value where a merge yields several: topk "value" or "index",
	// moments "count", "mean", "m2" or "variance" (of the population, m2/count). Two outputs may share their components.
	Result string `json:"result,omitempty"`
	// Squeeze drops the result's last dimension when it is 1: a margin of one output is [batch], not [batch, 1].
	Squeeze bool `json:"squeeze,omitempty"`
	// Bounds: per shard first offset along Dim, plus the total; concat, topk (global index = bound + local index).
	Bounds []int `json:"bounds,omitempty"`
	// Route names the stage's route whose groups the partials have along dimension 0. The value has all groups; scatter_back takes their places
	// from the route, and its partial has no index.
	Route string `json:"route,omitempty"`
}
