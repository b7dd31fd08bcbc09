package forest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel cuts rows into chunks and runs them on as many goroutines as there are processors. It returns when all have
// ended. Chunks write to disjoint rows, so the order in which they run changes nothing.
func parallel(ctx context.Context, rows int, chunk func(lo, hi int)) error {
	chunks := (rows + chunkRows - 1) / chunkRows
	workers := min(chunks, runtime.GOMAXPROCS(0))
	var next atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= chunks {
				return
			}
			chunk(i*chunkRows, min((i+1)*chunkRows, rows))
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return ctx.Err()
}
