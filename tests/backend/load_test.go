package backend

import (
	"os"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
)

// load reads the model at path and compiles it for the engine.
func load(e engine.Engine, path string) (engine.Program, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	g, err := onnx.Decode(data)
	if err != nil {
		return nil, err
	}
	// Files of the first IR versions list every initializer among the inputs too.
	var inputs []graph.Value
	for _, v := range g.Inputs {
		if g.Weights[v.Name] == nil {
			inputs = append(inputs, v)
		}
	}
	g.Inputs = inputs
	return e.Compile(g, nil)
}
