//go:build unix

package simulator

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/shardwise/shardwise/simulator/internal/pool"
	"github.com/shardwise/shardwise/simulator/network"
)

// lag delays requests, replies and new environments as a network model says. A nil lag delays nothing.
type lag struct {
	model *network.Model
	seed  uint64
	wait  func(ctx context.Context, d time.Duration) bool // false when cut short

	mu      sync.Mutex
	begun   map[string]uint64 // invocations of each function
	started map[string]uint64 // environments of each function
}

func newLag(m *network.Model, seed uint64, closing <-chan struct{}) *lag {
	if m == nil {
		return nil
	}
	return &lag{model: m, seed: seed, begun: map[string]uint64{}, started: map[string]uint64{},
		wait: func(ctx context.Context, d time.Duration) bool {
			if d <= 0 {
				return true
			}
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				return true
			case <-ctx.Done():
			case <-closing:
			}
			return false
		}}
}

// count takes the next number of a function from one of l's maps.
func (l *lag) count(of map[string]uint64, function string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := of[function]
	of[function] = n + 1
	return n
}

// cold waits for what a new environment needs before its INIT.
func (l *lag) cold(function string, bytes int64) error {
	if l == nil {
		return nil
	}
	// The number is apart from those of invocations: a function's tenth environment and tenth invocation draw differently.
	rng := network.Source(l.seed, function+"/environment", l.count(l.started, function))
	if !l.wait(context.Background(), l.model.Cold(rng, bytes)) {
		return pool.ErrClosed
	}
	return nil
}

// invocation serves a request to invoke a function as it looks from the other end of the network.
func (l *lag) invocation(w http.ResponseWriter, r *http.Request, name string, serve func(w http.ResponseWriter) *apiError) *apiError {
	if l == nil {
		return serve(w)
	}
	if ref, failed := parseReference(name, ""); failed == nil {
		name = ref.name // the same function in whatever form
	}
	trip := l.model.Trip(network.Source(l.seed, name, l.count(l.begun, name)))
	arrive := func(bytes int) {
		if !l.wait(r.Context(), trip.Request(bytes)) {
			panic(http.ErrAbortHandler) // the client has gone, or the simulator closes: the request never arrives
		}
	}
	if r.ContentLength >= 0 {
		arrive(int(r.ContentLength))
	} else {
		r.Body = &lagBody{ReadCloser: r.Body, arrive: arrive}
	}
	lw := &lagWriter{ResponseWriter: w, lag: l, trip: trip, ctx: r.Context()}
	if failed := serve(lw); failed != nil {
		failed.write(lw) // a refusal takes as long as an answer
	}
	return nil
}

// lagBody holds back the end of a body whose length is not known before.
type lagBody struct {
	io.ReadCloser
	arrive func(bytes int)
	n      int
}

// Read reads on, and waits once at the end.
func (b *lagBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += n
	if err == io.EOF && b.arrive != nil {
		arrive := b.arrive
		b.arrive = nil
		arrive(b.n)
	}
	return n, err
}

// lagWriter holds back a response: one of known length as a whole, a streamed one part by part.
type lagWriter struct {
	http.ResponseWriter
	lag   *lag
	trip  *network.Trip
	ctx   context.Context
	begun bool
	parts bool
}

// Unwrap lets http.ResponseController reach what lies below.
func (w *lagWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader waits for the reply to cross the network, then sends the head.
func (w *lagWriter) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	size, err := strconv.Atoi(w.Header().Get("Content-Length"))
	if err != nil {
		size, w.parts = 0, true
	}
	w.lag.wait(w.ctx, w.trip.Reply(size)) // cut short, there is no one to see it
	w.ResponseWriter.WriteHeader(status)
}

// Write sends on, each part of a streamed response after its own time.
func (w *lagWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.parts {
		w.lag.wait(w.ctx, w.trip.Part(len(p)))
	}
	return w.ResponseWriter.Write(p)
}
