package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/simulator/states"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
	"github.com/shardwise/shardwise/statemachine/storage"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// localRole stands for a role where none is looked at.
const localRole = "arn:aws:iam::000000000000:role/shardwise"

// localPoll is how often an execution on this computer is looked at.
const localPoll = 100 * time.Millisecond

// here runs the batch on this computer: Lambda, S3 and Step Functions in this process, the functions in theirs.
func (b *batchRun) here(machine *statemachine.Machine, in, out dataset.Format) (err error) {
	ctx := b.cmd.Context()
	d, err := local.Start(ctx, local.Config{Model: b.model, Bootstrap: b.a.Bootstrap, TempDir: b.a.TempDir, Env: b.a.Env,
		Tasks: statemachine.TasksFunction(b.model.Manifest), TasksHandler: tasks.HandlerName})
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, faultsOf(d)) }()
	keys := credentials.NewStaticCredentialsProvider("local", "local", "")
	store := storage.New(storage.Options{Region: simulator.DefaultRegion, Endpoint: d.Endpoint(), Credentials: keys})
	defer store.Close()
	steps, err := serveSteps(d.Endpoint(), store)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, steps.close) }()
	b.store = d.Store()
	b.client = batch.New(batch.Options{Region: simulator.DefaultRegion, Endpoint: d.Endpoint(), StepsEndpoint: steps.url, Role: localRole, Poll: localPoll, Credentials: keys})
	defer b.client.Close()
	return b.do(ctx, machine, in, out)
}

// localConcurrency is how many blocks are under way at once on this computer: each needs a process of every shard.
func localConcurrency() int { return runtime.GOMAXPROCS(0) }

// steps is Step Functions on a port of its own.
type steps struct {
	url    string
	states *states.Server
	server *http.Server
	done   chan error
}

func serveSteps(lambda string, store *storage.S3) (*steps, error) {
	s, err := states.New(states.Config{Lambda: states.Endpoint(lambda), Objects: stepsStore{store}})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve step functions: %w", err), s.Close())
	}
	r := &steps{url: "http://" + l.Addr().String(), states: s, server: &http.Server{Handler: s}, done: make(chan error, 1)}
	go func() { r.done <- r.server.Serve(l) }()
	return r, nil
}

// close stops executions where they are.
func (s *steps) close() error {
	err := errors.Join(s.states.Close(), s.server.Close())
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// stepsStore is S3 as the simulated Step Functions want it.
type stepsStore struct{ s *storage.S3 }

// Get opens a whole object.
func (o stepsStore) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	return o.s.Open(ctx, bucket, key, 0, -1)
}

// Put writes an object.
func (o stepsStore) Put(ctx context.Context, bucket, key string, body []byte) error {
	return o.s.Put(ctx, bucket, key, body)
}

// List has everything in one page.
func (o stepsStore) List(ctx context.Context, bucket, prefix, _ string) ([]states.Object, string, error) {
	list, err := o.s.List(ctx, bucket, prefix)
	if err != nil {
		return nil, "", err
	}
	page := make([]states.Object, len(list))
	for i, e := range list {
		page[i] = states.Object{Key: e.Key, Size: e.Bytes}
	}
	return page, "", nil
}
