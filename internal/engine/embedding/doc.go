// Package embedding is the family of look-ups in tables of embeddings: EmbeddingBag, of the domain shardwise, which ONNX has no
// operator for. PyTorch exports it as a Loop; package splitter/optimise recognises that.
//
// The package knows nothing of shards but the range of rows that a node may be given. internal/engine/native assembles its
// table.
package embedding

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Version is the version of the domain shardwise that these operators are defined in.
const Version = 1

// OpBag is the operator's name.
const OpBag = "EmbeddingBag"

// Inputs of EmbeddingBag by position: the table [rows, columns] of floats, indices of rows I64 or I32 [n], where the bags
// start and the last one ends, I64 or I32 [bags + 1], and optionally a factor for each index, [n], of the table's type.
const (
	InTable = iota
	InIndices
	InOffsets
	InFactors
	inputs
)

// Attributes of EmbeddingBag: the mode, and, for a table that is a part of one with AttrRows rows, the number of its first row
// there.
const (
	AttrMode  = "mode"
	AttrFirst = "first"
	AttrRows  = "rows"
)

// The modes.
const (
	ModeSum  = "sum"
	ModeMean = "mean"
	ModeMax  = "max"
)

// Table is the family's operators.
func Table() engine.Table {
	floats, whole := engine.Floats(), engine.TypesOf(tensor.I32, tensor.I64)
	return engine.Table{
		{Domain: graph.ShardwiseDomain, Op: OpBag}: {{Since: Version, Until: Version, Build: buildBag, In: []engine.Types{floats, whole, whole, floats}}},
	}
}
