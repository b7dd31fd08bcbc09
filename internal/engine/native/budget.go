package native

import (
	"math"
	"runtime/debug"
	"sync/atomic"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// budgetStep is how far the bytes in use may grow until they are held against the process's limit again.
const budgetStep = 16 << 20

// budget counts the bytes that the running frames of a program use: the least that the process holds. It is safe for
// concurrent use. A program and the bodies in it share one.
type budget struct{ used, checked atomic.Int64 }

// mustHold counts bytes that are about to be allocated. It panics with an *engine.SizeError, which engine.Guard returns, where the
// tensors in use would exceed all memory that the process can have. That is a third more than the limit (GOMEMLIMIT) that
// a shard derives from its function's memory: below that the collector may still make room. Without a limit nothing is
// known about the memory, and nothing is refused.
func (b *budget) mustHold(d tensor.DType, shape tensor.Shape, bytes int) {
	used := b.used.Add(int64(bytes))
	if used <= b.checked.Load() {
		return
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		if most := float64(limit) / 3 * 4; float64(used) > most {
			b.used.Add(-int64(bytes))
			panic(&engine.SizeError{DType: d, Shape: shape.Clone(), Bytes: float64(bytes), Held: used - int64(bytes), Limit: int64(most)})
		}
	}
	b.checked.Store(used + budgetStep)
}

// release gives bytes back.
func (b *budget) release(bytes int) { b.used.Add(-int64(bytes)) }
