package shard

import "github.com/shardwise/shardwise/internal/engine"

// Engines are the engines of this binary.
func Engines() []engine.Engine { return nil }
