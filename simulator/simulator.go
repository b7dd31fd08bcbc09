//go:build unix

package simulator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/shardwise/shardwise/internal/workdir"
	"github.com/shardwise/shardwise/simulator/faults"
	"github.com/shardwise/shardwise/simulator/internal/events"
	"github.com/shardwise/shardwise/simulator/internal/guardian"
	"github.com/shardwise/shardwise/simulator/objects"
	"github.com/shardwise/shardwise/simulator/states"
)

// Simulator is a running simulation. Its methods may be called concurrently.
type Simulator struct {
	cfg       Config
	endpoint  string
	functions map[string]*function
	limits    *concurrency
	ids       *idSource
	events    *events.Queue
	lag       *lag

	faultsOnDemand *faults.Injector

	dir    *workdir.Dir
	s3     *objects.Server
	guard  *guardian.Group
	server *http.Server
	states *states.Server // nil unless Config.StepFunctions asks for it

	mu     sync.Mutex
	closed bool // no request is answered any more

	handlers  sync.WaitGroup // requests being answered; added to under mu while not closed
	accepting sync.WaitGroup // the accept loop and the watch over the guardian
	closing   chan struct{}
	once      sync.Once
	err       error

	faultsMu sync.Mutex
	faults   []error // of work that no caller waits for
}

// Start validates the configuration, lays out the functions and begins to
// listen; no function's process runs before it is invoked. The simulator ends
// with Close, or when ctx is cancelled. On an error nothing is left behind.
//
// Start also removes the temporary directories of simulators of the same user
// that died without removing theirs.
func Start(ctx context.Context, cfg Config) (*Simulator, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start simulator: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if cfg.Dir == "" {
		cfg.Dir = os.TempDir()
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	s := &Simulator{cfg: cfg, functions: map[string]*function{}, limits: newConcurrency(cfg),
		ids: &idSource{src: cfg.Random}, events: events.New(), closing: make(chan struct{})}
	s.lag, s.faultsOnDemand = newLag(cfg.Network, cfg.Seed, s.closing), faults.New(cfg.Faults, cfg.Seed)
	listener, err := s.prepare(cfg)
	if err != nil {
		if listener != nil {
			err = errors.Join(err, listener.Close())
		}
		return nil, errors.Join(fmt.Errorf("start simulator: %w", err), s.Close())
	}
	s.serve(listener)
	s.provisionAll()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // the caller's own Close returns the same error
	s.accepting.Go(func() {
		defer stop()
		select {
		case <-s.guard.Lost():
			select {
			case <-s.closing: // by Close itself, and both were ready
				return
			default:
			}
			// Without the guardian a death of this process would leave orphans.
			s.background(errors.New("the guardian process was ended from outside; the simulator stopped"))
			go func() { _ = s.Close() }() // Close waits for this goroutine; its error stays with s
		case <-s.closing:
		}
	})
	return s, nil
}

// prepare acquires what a simulator needs, in the order in which Close gives it back.
func (s *Simulator) prepare(cfg Config) (net.Listener, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	// What cannot be swept is someone's leftover, not this simulator's concern.
	if _, err := workdir.Sweep(dir); err != nil {
		s.background(err)
	}
	if s.dir, err = workdir.New(dir, "sim"); err != nil {
		return nil, err
	}
	for _, name := range []string{"task", "scratch"} {
		if err := os.Mkdir(filepath.Join(s.dir.Path(), name), 0o700); err != nil {
			return nil, err
		}
	}
	stay := cfg.ObjectsDir
	if stay == "" {
		stay = filepath.Join(s.dir.Path(), "objects")
	}
	if s.s3, err = objects.Open(objects.Config{Dir: stay, Buckets: cfg.Buckets}); err != nil {
		return nil, err
	}
	if s.guard, err = guardian.Start(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", cfg.Addr, err)
	}
	s.endpoint = "http://" + listener.Addr().String()
	for _, f := range cfg.Functions {
		fn, err := s.install(cfg, f)
		if err != nil {
			return listener, err
		}
		s.functions[f.Name] = fn
	}
	if cfg.StepFunctions != nil {
		store := cfg.StepFunctions.Objects
		if store == nil {
			store = states.EndpointObjects(s.endpoint)
		}
		s.states, err = states.New(states.Config{Region: cfg.Region, Account: cfg.Account, Dir: cfg.StepFunctions.Dir, Seed: cfg.Seed,
			Lambda: states.Endpoint(s.endpoint), Objects: store})
	}
	return listener, err
}

func (s *Simulator) serve(listener net.Listener) {
	server := &http.Server{Handler: http.HandlerFunc(s.route), ReadHeaderTimeout: time.Minute}
	s.server = server
	s.accepting.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.background(fmt.Errorf("serve %s: %w", s.endpoint, err))
			go func() { _ = s.Close() }() // Close waits for this goroutine; its error stays with s
		}
	})
}

// background keeps the error of work that no caller waits for, until Close.
func (s *Simulator) background(err error) {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	if len(s.faults) < 100 {
		s.faults = append(s.faults, err)
	}
}

// Endpoint returns the base URL of the simulated AWS services, to be used as
// AWS_ENDPOINT_URL or an SDK's BaseEndpoint.
func (s *Simulator) Endpoint() string { return s.endpoint }

// Done is closed when the simulation begins to end: by Close, by the end of Start's context, or by a fault without which it
// cannot go on, which Close then returns.
func (s *Simulator) Done() <-chan struct{} { return s.closing }

// Close ends the simulation: it stops listening, ends every process and waits
// for it, and removes the temporary files. Invocations still running are cut
// off, asynchronous ones that wait are dropped. It is idempotent, and returns the faults of clearing up together with
// those met in the background.
func (s *Simulator) Close() error {
	s.once.Do(func() {
		close(s.closing)
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		var faults []error
		if s.states != nil { // first, so that a call which is cut off now does not count as failed
			faults = append(faults, s.states.Close())
		}
		if s.server != nil {
			faults = append(faults, s.server.Close())
		}
		s.events.Stop()
		var pools sync.WaitGroup
		for _, f := range s.functions {
			for _, v := range f.close() {
				pools.Go(func() {
					if err := errors.Join(v.pool.Close(), v.fleet.Close()); err != nil {
						s.background(err)
					}
				})
			}
		}
		pools.Wait()
		s.handlers.Wait()
		s.events.Wait()
		if s.guard != nil {
			faults = append(faults, s.guard.Close())
		}
		s.accepting.Wait()
		if s.s3 != nil {
			faults = append(faults, s.s3.Close())
		}
		if s.dir != nil {
			faults = append(faults, s.dir.Close())
		}
		s.faultsMu.Lock()
		defer s.faultsMu.Unlock()
		if err := errors.Join(append(faults, s.faults...)...); err != nil {
			s.err = fmt.Errorf("close simulator: %w", err)
		}
	})
	return s.err
}
