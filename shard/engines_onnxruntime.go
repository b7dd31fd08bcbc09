//go:build onnxruntime

package shard

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/onnxruntime"
)

// optional is the engine that the build tag onnxruntime adds.
func optional(l Libraries) []engine.Engine { return []engine.Engine{onnxruntime.New(l.ONNXRuntime)} }
