package trees

import (
	"fmt"
	"sync"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Inputs of TreeEnsemble by position: the features F32 [rows, columns], then the tables of the packed layout as package
// forest describes them: nodes U64 [nodes] or [nodes, 2], slots U32, starts I64 [trees+1], first I32 [trees+1], columns
// I32 [leaf columns], and, where there are any, values F32 and categories U32.
const (
	InFeatures = iota
	InNodes
	InSlots
	InStarts
	InFirst
	InColumns
	InValues
	InCategories
	ensembleInputs
)

// Outputs of TreeEnsemble by position, each optional: leaf values F32 [rows, leaf columns] in tree order, their sums
// per model output F64 [rows, outputs] added in tree order, and the leaves' nodes I32 [rows, trees].
const (
	OutLeafValues = iota
	OutMarginSum
	OutLeafNode
	ensembleOutputs
)

// AttrOutputs is TreeEnsemble's only attribute: the number of model outputs.
const AttrOutputs = "outputs"

// ensemble is a compiled TreeEnsemble. The tables are checked at the first run.
type ensemble struct {
	site    *engine.Site
	outputs int
	once    sync.Once
	forest  *forest.Forest
	err     error
}

func buildEnsemble(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(AttrOutputs); err != nil {
		return nil, err
	}
	if err := s.Arity(InColumns+1, ensembleInputs, ensembleOutputs); err != nil {
		return nil, err
	}
	for i := InNodes; i < ensembleInputs; i++ {
		if s.Has(i) && s.Const(i) == nil {
			return nil, s.Refuse("input %d (%s) must be a constant", i, s.Node.Inputs[i])
		}
	}
	outputs := s.Node.Int(AttrOutputs, 0)
	if outputs < 1 || outputs > 1<<20 {
		return nil, s.Refuse("attribute %s is %d, wanted 1 to %d", AttrOutputs, outputs, 1<<20)
	}
	return &ensemble{site: s, outputs: int(outputs)}, nil
}

// Run walks all rows.
func (e *ensemble) Run(c *engine.Call) error {
	e.once.Do(func() { e.forest, e.err = open(c.In, e.outputs) })
	if e.err != nil {
		return fmt.Errorf("node %s: %w", e.site.Node.Name, e.err)
	}
	x := c.In[InFeatures]
	if x == nil || x.DType() != tensor.F32 || x.Rank() != 2 || x.Dim(1) < e.forest.Features() {
		return &engine.InputError{Input: e.site.Node.Inputs[InFeatures], Want: fmt.Sprintf("F32 with rows and at least %d columns", e.forest.Features()), Found: describe(x)}
	}
	rows := x.Dim(0)
	want := func(i int) bool { return i < len(c.Want) && c.Want[i] }
	var r forest.Results
	if want(OutLeafValues) {
		c.Out[OutLeafValues] = c.New(tensor.F32, rows, e.forest.LeafColumns())
		r.LeafValues = tensor.Of[float32](c.Out[OutLeafValues])
	}
	if want(OutMarginSum) {
		c.Out[OutMarginSum] = c.New(tensor.F64, rows, e.outputs)
		r.MarginSum = tensor.Of[float64](c.Out[OutMarginSum])
	}
	if want(OutLeafNode) {
		c.Out[OutLeafNode] = c.New(tensor.I32, rows, e.forest.Trees())
		r.LeafNode = tensor.Of[int32](c.Out[OutLeafNode])
	}
	return e.forest.Run(c.Ctx, tensor.Of[float32](x), rows, x.Dim(1), r)
}

func describe(t *tensor.Tensor) string {
	if t == nil {
		return "nothing"
	}
	return t.String()
}

// open checks dtypes and ranks and hands the tables to package forest.
func open(in []*tensor.Tensor, outputs int) (*forest.Forest, error) {
	t := forest.Tables{Outputs: outputs}
	var err error
	get := func(i int, name string, d tensor.DType, rank int) *tensor.Tensor {
		switch {
		case i >= len(in) || in[i] == nil:
			return tensor.New(d, 0)
		case in[i].DType() != d || in[i].Rank() != rank:
			err = &forest.PackedError{Table: name, Reason: fmt.Sprintf("wanted %s of rank %d, found %v", d, rank, in[i])}
			return tensor.New(d, 0)
		}
		return in[i]
	}
	nodeRank := 1
	if in[InNodes] != nil && in[InNodes].Rank() == 2 {
		if nodeRank, t.Wide = 2, true; in[InNodes].Dim(1) != 2 {
			return nil, &forest.PackedError{Table: "nodes", Reason: fmt.Sprintf("wanted two words a node, found %v", in[InNodes])}
		}
	}
	t.Nodes = tensor.Of[uint64](get(InNodes, "nodes", tensor.U64, nodeRank))
	t.Slots = tensor.Of[uint32](get(InSlots, "slots", tensor.U32, 1))
	t.Starts = tensor.Of[int64](get(InStarts, "starts", tensor.I64, 1))
	t.First = tensor.Of[int32](get(InFirst, "first", tensor.I32, 1))
	t.Columns = tensor.Of[int32](get(InColumns, "columns", tensor.I32, 1))
	t.Values = tensor.Of[float32](get(InValues, "values", tensor.F32, 1))
	t.Categories = tensor.Of[uint32](get(InCategories, "categories", tensor.U32, 1))
	if err != nil {
		return nil, err
	}
	return forest.OpenPacked(t)
}
