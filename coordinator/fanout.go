package coordinator

import (
	"context"
	"fmt"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"github.com/shardwise/shardwise/shard"
)

// fanOut runs do for 0 to n-1 concurrently, at most limit at once, and returns their results by index. It is the only
// place of this package that starts goroutines.
//
// # Result selection
//
// Goroutine i writes results[i] and nothing else. All results or an error: the error is the first one in time, which is
// the cause of whatever the cancelled others report after it.
//
// # Retries and hedging
//
// None here: do is called once per index and repeats attempts itself (see call), within the request's retry budget.
//
// # Cleanup
//
// fanOut returns after every do has returned; it leaves no goroutine behind. A panic in do becomes an error of kind
// Internal with its stack, so that it ends the request and not the process.
//
// # Contexts
//
// do gets a context that ends when ctx does or when another do fails; it must return soon after. Once it has ended, no
// further do is started.
func fanOut[T any](ctx context.Context, n, limit int, do func(ctx context.Context, i int) (T, error)) ([]T, error) {
	results := make([]T, n)
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(max(limit, 1))
	for i := 0; i < n && each.Err() == nil; i++ {
		g.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = &shard.Error{Op: "coordinate", Kind: shard.Internal, Message: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
				}
			}()
			results[i], err = do(each, i)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return results, nil
}
