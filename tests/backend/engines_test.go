//go:build !onnxruntime

package backend

import (
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
)

// optional are the engines beside the native one that the cases are run on: none without the build tag onnxruntime.
func optional(*testing.T) []engine.Engine { return nil }
