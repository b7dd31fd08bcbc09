//go:build !onnxruntime

package shard

import "github.com/shardwise/shardwise/internal/engine"

// optional are no engines: this binary was built without their tags.
func optional(Libraries) []engine.Engine { return nil }
