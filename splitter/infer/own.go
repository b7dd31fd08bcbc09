package infer

import (
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// runtimeDomain is the domain of ONNX Runtime's own operators.
const runtimeDomain = "com.microsoft"

// ownRules are the operators of Shardwise's own domain, and of ONNX Runtime's.
func ownRules() map[string]rule {
	return map[string]rule{
		key(graph.ShardwiseDomain, "TreeEnsemble"):     inferForest,
		key(graph.ShardwiseDomain, "TreeLeaf"):         same,
		key(graph.ShardwiseDomain, "TreeMargin"):       inferMargin,
		key(graph.ShardwiseDomain, "XGBoostObjective"): inferObjective,
		key(graph.ShardwiseDomain, "EmbeddingBag"):     inferBag,
		key(graph.ShardwiseDomain, "Experts"):          inferExperts,
		key(runtimeDomain, "MoE"):                      same,
		key(runtimeDomain, "QMoE"):                     same,
	}
}

// inferForest: leaf values, their sums for each model output, and the leaves' nodes, of each row.
func inferForest(c *call) error {
	columns, trees := Dim{}, Dim{}
	if v := c.input(5); v.Rank() == 1 {
		columns = v.Dims[0]
	}
	if v := c.input(4); v.Rank() == 1 {
		trees = v.Dims[0]
	}
	c.set(0, tensor.F32, c.rows(), columns)
	c.set(1, tensor.F64, c.rows(), Const(max(c.node.Int("outputs", 0), 0)))
	c.set(2, tensor.I32, c.rows(), trees)
	return nil
}

// inferMargin: one margin of each row for each output, of which there are as many as first margins; a single one has no dimension.
func inferMargin(c *call) error {
	v := c.input(2)
	switch {
	case v.Rank() != 1:
		c.dtype(0, tensor.F32)
	case v.Dims[0].Is(1):
		c.set(0, tensor.F32, c.rows())
	default:
		c.set(0, tensor.F32, c.rows(), v.Dims[0])
	}
	return nil
}

func inferObjective(c *call) error {
	m := c.input(0)
	one := m.Rank() == 1 || m.Rank() == 2 && m.Dims[1].Is(1) || c.node.Text("transform", "") == "argmax"
	switch {
	case m.Rank() < 0 && !one:
		c.dtype(0, tensor.F32)
	case one:
		c.set(0, tensor.F32, c.rows())
		if m.Rank() == 1 {
			c.out[0].Dims[0] = m.Dims[0]
		}
	default:
		c.like(0, m, tensor.F32)
	}
	return nil
}

// inferBag: one row of the table's width for each bag; the offsets have one more than there are bags.
func inferBag(c *call) error {
	for i, rank := range []int{2, 1, 1, 1} {
		if err := c.rank(i, rank, rank); err != nil {
			return err
		}
	}
	bags, columns := Dim{}, Dim{}
	if v := c.input(2); v.Rank() == 1 {
		bags = v.Dims[0].Sub(Const(1))
		if n, ok := bags.Fixed(); ok {
			bags = Const(max(n, 0))
		}
	}
	if v := c.input(0); v.Rank() == 2 {
		columns = v.Dims[1]
	}
	c.set(0, c.input(0).DType, bags, columns)
	return nil
}

// inferExperts: a result of the layer's width for each row.
func inferExperts(c *call) error {
	x, gates := c.input(0), c.input(1)
	if x.Rank() < 0 || gates.Rank() < 1 {
		c.dtype(0, x.DType)
		return nil
	}
	if x.Rank() != gates.Rank() {
		return c.rank(0, gates.Rank(), gates.Rank())
	}
	c.set(0, x.DType, append(slices.Clone(gates.Dims[:gates.Rank()-1]), Const(max(c.node.Int("width", 0), 0)))...)
	return nil
}

// rowsExperts: rows and their weights stand alike, in front of the columns.
func rowsExperts(c *rowCall) []state {
	x, gates := c.state(0), c.state(1)
	if x.kind != along || gates.kind != along || x.dim != gates.dim || !x.span.equal(gates.span) || x.dim >= c.value(0).Rank()-1 {
		return one(mix("%s mixes rows", label(c.node)))
	}
	return one(x)
}
