// Package control is the family of operators that run graphs: If, Loop and Scan of ai.onnx, in every version.
//
// The graphs are compiled by the engine (engine.Site.Subgraph) and see the values around their node. Each run of a body
// looks at the context, so a loop without end stops with its request. The package is called by internal/engine/native
// alone.
package control

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	boolean, any := engine.TypesOf(tensor.Bool), engine.Any()|engine.Sequences()
	return engine.Table{
		{Op: "If"}:   {{Since: 1, In: []engine.Types{boolean}, Build: buildIf}},
		{Op: "Loop"}: {{Since: 1, In: []engine.Types{engine.TypesOf(tensor.I64), boolean, any}, Build: buildLoop}},
		{Op: "Scan"}: {{Since: 8, Until: 8, In: []engine.Types{engine.TypesOf(tensor.I64), any}, Build: buildScan8}, {Since: 9, In: []engine.Types{any}, Build: buildScan}},
	}
}
