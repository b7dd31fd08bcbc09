package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/storage"
)

// Reader reads objects; see storage.S3, which all of these describe.
type Reader interface {
	Size(ctx context.Context, bucket, key string) (int64, error)
	Open(ctx context.Context, bucket, key string, from, to int64) (io.ReadCloser, error)
	Read(ctx context.Context, bucket, key string) ([]byte, error)
}

// Writer writes objects, whole ones and such as are joined from pieces of others, and finds out whether it may.
type Writer interface {
	Put(ctx context.Context, bucket, key string, data []byte) error
	Create(ctx context.Context, bucket, key string, data []byte) (bool, error)
	Join(ctx context.Context, bucket, key string, pieces []storage.Piece) error
	Writable(ctx context.Context, bucket, key string) error
}

// Keeper finds objects by the beginning of their keys, and removes them.
type Keeper interface {
	List(ctx context.Context, bucket, prefix string) ([]storage.Object, error)
	Delete(ctx context.Context, bucket, key string) error
}

// Store is all that tasks need of object storage. Implementations are safe for concurrent use.
type Store interface {
	Reader
	Writer
	Keeper
}

// Handler answers the invocations of a batch's own states. It is safe for concurrent use.
type Handler struct {
	coordinator *coordinator.Coordinator
	store       Store
	log         *slog.Logger
}

// HandlerName is the value of _HANDLER for the function of these tasks.
const HandlerName = "batch"

// FromEnvironment opens a Handler in a function's process: the model directory dir, and S3 as AWS_REGION, the AWS
// credentials and AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL say.
func FromEnvironment(getenv func(string) string, dir string, engines []engine.Engine) (lambda.Handler, error) {
	o := storage.Options{Region: getenv("AWS_REGION"), Endpoint: getenv("AWS_ENDPOINT_URL_S3"),
		Credentials: credentials.NewStaticCredentialsProvider(getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN"))}
	if o.Endpoint == "" {
		o.Endpoint = getenv("AWS_ENDPOINT_URL")
	}
	if o.Region == "" {
		o.Region = getenv("AWS_DEFAULT_REGION")
	}
	return Open(dir, storage.New(o), coordinator.Options{Engines: engines}, nil)
}

// Open opens the coordinator's part of a model directory for a Handler; nothing is invoked through it. A nil log means
// slog's default.
func Open(dir string, store Store, o coordinator.Options, log *slog.Logger) (*Handler, error) {
	o.Invoker = coordinator.Unassigned()
	o.Connect = func(manifest.Store) (byref.Where, error) { return byref.Where{}, nil } // a job names its own keys
	c, err := coordinator.Open(dir, o)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	return &Handler{coordinator: c, store: store, log: log}, nil
}

// Close unmaps the files. No invocation may be under way.
func (h *Handler) Close() error { return h.coordinator.Close() }

// payload is an invocation's: the task, what the definition says, and what the states carry.
type payload struct {
	Task    string             `json:"task"`
	Mode    string             `json:"mode"`
	Outputs []string           `json:"outputs"`
	Via     string             `json:"via"`
	Step    string             `json:"step"`
	Job     statemachine.Job   `json:"job"`
	Block   statemachine.Block `json:"block"`
	Keys    []string           `json:"keys"`
	Key     string             `json:"key"`
	Carry   string             `json:"carry"`
	Usage   price.Usage        `json:"usage"`
}

// Invoke makes a Handler a lambda.Handler: Handle, with errors in the form that the Lambda runtime reports.
func (h *Handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	reply, err := h.Handle(ctx, event)
	return reply, shard.Response(err)
}

// Handle runs one task and returns its result as JSON. The error is an *shard.Error; a panic becomes one of kind Internal,
// with its stack in the log.
func (h *Handler) Handle(ctx context.Context, event []byte) (reply []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("panic in a task of a batch", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			reply, err = nil, &shard.Error{Op: "batch", Kind: shard.Internal, Message: fmt.Sprintf("panic: %v; the log holds the stack", p)}
		}
	}()
	var p payload
	if err := json.Unmarshal(event, &p); err != nil {
		return nil, &shard.Error{Op: "batch", Kind: shard.BadRequest, Message: "wanted a task of a batch; a state machine of package statemachine sends them", Cause: err}
	}
	result, err := h.run(ctx, &p)
	if err != nil {
		return nil, typed(p.Task, err)
	}
	return json.Marshal(result)
}

// typed makes every error an *shard.Error.
func typed(op string, err error) error {
	var e *shard.Error
	if errors.As(err, &e) {
		return err
	}
	return &shard.Error{Op: op, Kind: shard.KindOf(err), Cause: err}
}

func (h *Handler) run(ctx context.Context, p *payload) (any, error) {
	b := &batch{h: h, p: p, job: p.Job, start: time.Now()}
	if b.job.ID == "" || b.job.Store.Bucket == "" || b.job.Store.Prefix == "" {
		return nil, &shard.Error{Op: p.Task, Kind: shard.BadRequest, Message: "wanted a job with id and store"}
	}
	var err error
	if b.walk, err = h.coordinator.Walk(p.Mode, p.Outputs); err != nil {
		return nil, err
	}
	switch p.Task {
	case statemachine.TaskPrepare:
		return b.noted(ctx, b.prepare)
	case statemachine.TaskRows:
		return b.reported(ctx, b.rows)
	case statemachine.TaskAggregate:
		return b.reported(ctx, b.aggregate)
	case statemachine.TaskWrite:
		return b.reported(ctx, b.write)
	case statemachine.TaskFinish:
		return b.noted(ctx, b.finish)
	}
	return nil, &shard.Error{Op: "batch", Kind: shard.BadRequest, Message: fmt.Sprintf("task %.80q is unknown", p.Task)}
}

// batch is one invocation.
type batch struct {
	h    *Handler
	p    *payload
	job  statemachine.Job
	walk *coordinator.Walk

	start  time.Time
	called price.Usage // of functions whose answers this invocation has read
}

// Failure is what is known of a block without predictions.
type Failure struct {
	Block    int    `json:"block"`
	FirstRow int64  `json:"first_row"`
	Rows     int    `json:"rows"`
	Error    string `json:"error"` // errorType, or the service's error name; "" when nothing is known
	Cause    string `json:"cause"`
}

// reported does a block's task; a verdict that no repetition changes is kept for the summary. Failing to keep it changes
// nothing about the verdict, and the log says so.
func (b *batch) reported(ctx context.Context, do func(context.Context) (any, error)) (any, error) {
	result, err := do(ctx)
	if kind := shard.KindOf(err); err != nil && !kind.Retryable() {
		f := Failure{Block: b.p.Block.Block, FirstRow: b.p.Block.FirstRow, Rows: b.p.Block.Rows, Error: kind.Type(), Cause: err.Error()}
		if kept := b.putJSON(ctx, b.failureKey(f.Block), f); kept != nil {
			b.h.log.Warn("a block's failure could not be kept for the summary", "block", f.Block, "error", kept.Error())
		}
	}
	return result, err
}

// Keys of a batch. Widths are fixed, so that lists come in the order of blocks.

func (b *batch) indexKey() string { return IndexKey(b.job) }
func (b *batch) failureKey(n int) string {
	return fmt.Sprintf("%s/failed/%07d.json", b.job.Store.Prefix, n)
}
func (b *batch) partKey(n int) string { return fmt.Sprintf("%s%07d", PartsPrefix(b.job), n) }
func (b *batch) blockPrefix(n int) string {
	return fmt.Sprintf("%s/blocks/%07d/", b.job.Store.Prefix, n)
}

// IndexKey is where the index of all blocks of a batch lies, PartsPrefix what the keys of its parts begin with, and
// SummaryKey where its summary lies.
func IndexKey(j statemachine.Job) string { return j.Store.Prefix + "/index.json" }

// PartsPrefix begins the keys of a batch's parts.
func PartsPrefix(j statemachine.Job) string { return j.Store.Prefix + "/parts/" }

// SummaryKey is where a batch's summary lies.
func SummaryKey(j statemachine.Job) string { return j.Store.Prefix + "/summary.json" }

// get reads a whole object of the store.
func (b *batch) get(ctx context.Context, key string) ([]byte, error) {
	return b.h.store.Read(ctx, b.job.Store.Bucket, key)
}

func (b *batch) put(ctx context.Context, key string, data []byte) error {
	return b.h.store.Put(ctx, b.job.Store.Bucket, key, data)
}

func (b *batch) putJSON(ctx context.Context, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.put(ctx, key, data)
}

func (b *batch) getJSON(ctx context.Context, key string, v any) error {
	data, err := b.get(ctx, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &shard.Error{Op: "read " + key, Kind: shard.Corrupt, Cause: err}
	}
	return nil
}

// outputs are the declarations of the wanted outputs.
func (b *batch) outputs() []manifest.Output { return b.walk.Outputs }
