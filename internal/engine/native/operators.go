package native

import "github.com/shardwise/shardwise/internal/engine"

// Operators is a fresh table of every operator that the engine has, for what tells users about them.
func Operators() engine.Table { return newNative().table }
