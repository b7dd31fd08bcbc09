package shard

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
)

// Engines are the engines of this binary.
func Engines() []engine.Engine { return []engine.Engine{native.New()} }
