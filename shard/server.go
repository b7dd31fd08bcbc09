package shard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard/assets"
	"github.com/shardwise/shardwise/shard/byref"
)

// Options are what a Server needs beside its files; the zero value is the usual one.
type Options struct {
	Engines []engine.Engine  // nil: those of the binary
	Log     *slog.Logger     // nil: slog's default; panics are logged with their stack
	Now     func() time.Time // nil: the machine's clock; timings come from it
	Store   byref.Where      // where requests and replies lie that are too large for a message; zero: nowhere
}

// Server answers for one shard. It is safe for concurrent use.
type Server struct {
	manifest    *manifest.Manifest
	fingerprint string
	index       int
	assets      *assets.Set
	log         *slog.Logger
	now         func() time.Time
	store       *byref.Store
	loaded      time.Duration
	answered    atomic.Bool
}

// Open opens shard index of the model directory dir: the manifest is validated, weights are mapped and their headers and
// sizes checked, programs compiled. Weight bytes are not read yet. The error is an *Error.
func Open(dir string, index int, o Options) (*Server, error) {
	if o.Engines == nil {
		o.Engines = Engines(Libraries{})
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	start := o.Now()
	m, fingerprint, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= len(m.Shards) {
		return nil, &Error{Op: "open", Kind: Config, Message: fmt.Sprintf("wanted a shard index from 0 to %d, found %d; set SHARDWISE_SHARD", len(m.Shards)-1, index)}
	}
	s := &Server{manifest: m, fingerprint: fingerprint, index: index, log: o.Log, now: o.Now, store: o.Store.Of(fingerprint)}
	s.assets, err = assets.Open(dir, m.Shards[index].Files, m.Shards[index].Programs, o.Engines)
	if err != nil {
		return nil, s.fail("open", OpenKind(err), "", err)
	}
	s.loaded = o.Now().Sub(start)
	return s, nil
}

// ReadManifest reads and validates the manifest of a model directory and returns it with its fingerprint.
// The error is an *Error of kind Config.
func ReadManifest(dir string) (*manifest.Manifest, string, error) {
	m, fingerprint, err := manifest.Read(filepath.Join(dir, manifest.FileName))
	if err != nil {
		message := ""
		if errors.Is(err, fs.ErrNotExist) {
			message = "wanted a model directory with " + manifest.FileName
		}
		return nil, "", &Error{Op: "open", Kind: Config, Message: message, Cause: err}
	}
	return m, fingerprint, nil
}

// Fingerprint is the model's.
func (s *Server) Fingerprint() string { return s.fingerprint }

// Close unmaps the shard's files. No request may be under way.
func (s *Server) Close() error { return s.assets.Close() }

func (s *Server) fail(op string, k Kind, message string, cause error) *Error {
	return &Error{Op: op, Shard: s.index, Of: len(s.manifest.Shards), Kind: k, Message: message, Cause: cause}
}

// Invoke makes a Server a lambda.Handler: Handle, with errors in the form that the Lambda runtime reports.
func (s *Server) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	reply, err := s.Handle(ctx, payload)
	return reply, Response(err)
}
