package states

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/mapreader"
	"github.com/shardwise/shardwise/simulator/states/internal/run"
	"github.com/shardwise/shardwise/simulator/states/internal/store"
)

const (
	defaultRegion  = "us-east-1"
	defaultAccount = "000000000000"
	expressTimeout = 5 * time.Minute
	maxChildren    = 10000 // child executions of one Map Run at once
)

// LambdaRequest is a call of Lambda's Invoke, and LambdaResponse its answer as it came over HTTP.
type (
	LambdaRequest  = run.LambdaRequest
	LambdaResponse = run.LambdaResponse
)

// LambdaInvoker calls functions for Task states, concurrently. It returns an answer of any status; the error is that none
// came. It must return soon after ctx is cancelled.
type LambdaInvoker interface {
	Invoke(ctx context.Context, r *LambdaRequest) (*LambdaResponse, error)
}

// Object is what a listing tells of one object in S3.
type Object = mapreader.Object

// ObjectStore is the part of S3 that Map Runs need; its methods are called concurrently.
type ObjectStore interface {
	// Get opens an object; the caller closes it.
	Get(ctx context.Context, bucket, key string) (io.ReadCloser, error)
	// Put writes a whole object; body is not kept.
	Put(ctx context.Context, bucket, key string, body []byte) error
	// List returns a page of the objects below prefix in the order of their keys, and the token of the next page, empty
	// at the end. The first page's token is empty.
	List(ctx context.Context, bucket, prefix, token string) (page []Object, next string, err error)
}

// Config describes a server. The zero value of every field is usable.
type Config struct {
	Region  string        // us-east-1 if empty
	Account string        // twelve digits; twelve zeros if empty
	Dir     string        // where machines and executions are kept, an existing directory; if empty nothing outlives the server
	Lambda  LambdaInvoker // nil fails every Task with Lambda.SdkClientException
	Objects ObjectStore   // nil fails every ItemReader and ResultWriter that names a bucket
	Seed    uint64        // of the jitter of retries
}

// Server serves Step Functions. It is an http.Handler for the requests whose X-Amz-Target begins with TargetPrefix; its methods may
// be called concurrently.
type Server struct {
	cfg Config
	db  *store.DB

	ctx     context.Context // of all executions
	halt    context.CancelCauseFunc
	running sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	machines   map[string]*machine     // by ARN
	compiled   map[string]*asl.Machine // by digest of the definition
	executions map[string]*execution   // by ARN
	mapRuns    map[string]*mapRun      // by ARN
	order      []*execution            // as started
	random     *rand.Rand

	redriving sync.Mutex // one RedriveExecution at a time

	once sync.Once
	err  error
}

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// New opens the state and lets executions that were running go on. The server ends with Close.
func New(cfg Config) (*Server, error) {
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	if cfg.Account == "" {
		cfg.Account = defaultAccount
	}
	if !accountForm.MatchString(cfg.Account) {
		return nil, fmt.Errorf("start Step Functions: account %q is not twelve digits", cfg.Account)
	}
	if cfg.Lambda == nil {
		cfg.Lambda = noLambda{}
	}
	if cfg.Objects == nil {
		cfg.Objects = noObjects{}
	}
	path := ""
	if cfg.Dir != "" {
		path = filepath.Join(cfg.Dir, "states.db")
	}
	db, err := store.Open(path, buckets()...)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, db: db, machines: map[string]*machine{}, compiled: map[string]*asl.Machine{}, executions: map[string]*execution{},
		mapRuns: map[string]*mapRun{}, random: rand.New(rand.NewPCG(cfg.Seed, cfg.Seed^0x9e3779b97f4a7c15))}
	s.ctx, s.halt = context.WithCancelCause(context.Background())
	if err := s.restore(); err != nil {
		return nil, errors.Join(fmt.Errorf("start Step Functions: %w", err), s.Close())
	}
	return s, nil
}

// Close stops all executions where they are, without recording an end, and closes the state. A server that is opened on the
// same directory lets them go on. It is idempotent.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.halt(run.ErrHalt)
		s.running.Wait()
		for _, service := range []any{s.cfg.Lambda, s.cfg.Objects} {
			if e, ok := service.(interface{ closeIdle() }); ok {
				e.closeIdle()
			}
		}
		if err := s.db.Close(); err != nil {
			s.err = fmt.Errorf("close Step Functions: %w", err)
		}
	})
	return s.err
}

// draw is a number from [0, 1) for jitter.
func (s *Server) draw() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64()
}

type noLambda struct{}

func (noLambda) Invoke(context.Context, *LambdaRequest) (*LambdaResponse, error) {
	return nil, errors.New("no Lambda stands behind this server")
}

type noObjects struct{}

var errNoObjects = errors.New("no S3 stands behind this server")

func (noObjects) Get(context.Context, string, string) (io.ReadCloser, error) {
	return nil, errNoObjects
}

func (noObjects) Put(context.Context, string, string, []byte) error { return errNoObjects }

func (noObjects) List(context.Context, string, string, string) ([]Object, string, error) {
	return nil, "", errNoObjects
}
