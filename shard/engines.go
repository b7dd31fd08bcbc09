package shard

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
)

// Libraries are the paths of shared libraries that engines load when they are first needed; "" means the usual places.
type Libraries struct {
	ONNXRuntime string
}

// Engines are the engines of this binary: the native one, and those that its build tags add.
func Engines(l Libraries) []engine.Engine {
	return append([]engine.Engine{native.New()}, optional(l)...)
}
