package shard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/shardwise/shardwise/internal/shardfile"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/assets"
	"github.com/shardwise/shardwise/shard/wire"
)

// Handle answers one request in the form that package wire describes. The payload is not retained and the reply belongs to
// the caller. It ends with ctx or when the request's budget is used up. The error is an *Error; a panic becomes one of
// kind Internal, with its stack in the log.
func (s *Server) Handle(ctx context.Context, payload []byte) (reply []byte, err error) {
	start := s.now()
	op := "request"
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic while answering a request", "op", op, "shard", s.index, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			reply, err = nil, s.fail(op, Internal, fmt.Sprintf("panic: %v; the log holds the stack", p), nil)
		}
	}()
	r, err := wire.DecodeRequest(payload)
	if err != nil {
		return nil, s.fail(op, KindOf(err), outsider(err), err)
	}
	op = r.Kind
	if err := s.check(r); err != nil {
		return nil, s.fail(op, KindOf(err), "", err)
	}
	if r.BudgetMS > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.BudgetMS)*time.Millisecond)
		defer cancel()
	}
	switch r.Kind {
	case wire.KindInfer:
		reply, err = s.infer(ctx, r, start)
	case wire.KindWarm:
		reply, err = s.warm(ctx)
	case wire.KindDescribe:
		reply, err = s.describe()
	default:
		err = &wire.UnsupportedError{Feature: "kind " + strconv.Quote(r.Kind) + " at a shard", Remedy: "send it to the coordinator"}
	}
	if err != nil {
		return nil, s.fail(op, s.requestKind(ctx, err), "", err)
	}
	return reply, nil
}

// outsider tells who sends what no coordinator would where to turn.
func outsider(err error) string {
	var format *wire.FormatError
	if errors.As(err, &format) {
		return "this function is one shard of a model and takes a coordinator's requests only; applications call the coordinator function"
	}
	return ""
}

// requestKind is KindOf, but an error that the end of ctx brought about counts as the end of ctx.
func (s *Server) requestKind(ctx context.Context, err error) Kind {
	if k := KindOf(err); k != Other {
		return k
	}
	if k := OpenKind(err); k != Config {
		return k
	}
	if ctx.Err() != nil {
		return KindOf(ctx.Err())
	}
	return Other
}

// check refuses requests for another model or shard.
func (s *Server) check(r *wire.Request) error {
	if r.Fingerprint != s.fingerprint && (r.Fingerprint != "" || r.Kind != wire.KindDescribe) {
		return &wire.MismatchError{Field: "request's fingerprint", Want: s.fingerprint, Found: r.Fingerprint}
	}
	if r.Shard != s.index && r.Kind != wire.KindDescribe {
		return &wire.MismatchError{Field: "request's shard", Want: strconv.Itoa(s.index), Found: strconv.Itoa(r.Shard)}
	}
	return nil
}

func (s *Server) infer(ctx context.Context, r *wire.Request, start time.Time) ([]byte, error) {
	p, ok := s.assets.Program(r.Step)
	if !ok {
		return nil, &wire.MismatchError{Field: "request's step", Want: "one of " + fmt.Sprint(s.steps()), Found: r.Step}
	}
	if err := checkOutputs(p, r.Outputs); err != nil {
		return nil, err
	}
	in, err := s.inputs(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	before := s.now()
	out, err := p.Run(ctx, in, r.Outputs)
	if err != nil {
		return nil, err
	}
	end := s.now()
	t := wire.Timings{ComputeUS: end.Sub(before).Microseconds(), TotalUS: end.Sub(start).Microseconds()}
	if t.Cold = s.answered.CompareAndSwap(false, true); t.Cold {
		t.LoadUS = s.loaded.Microseconds()
	}
	return s.reply(ctx, r, t, out)
}

// inputs are the request's tensors, from its body or from the object that it refers to. The object stays: other attempts,
// and other shards, may be meant to read it as well.
func (s *Server) inputs(ctx context.Context, r *wire.Request) (tensor.Named, error) {
	if r.ReplyKey != "" {
		// A place that may not be written to is refused before the work, whether or not it will be needed.
		if err := s.store.Check(r.ReplyKey); err != nil {
			return nil, err
		}
	}
	frame := r.Body
	if r.Ref != nil {
		var err error
		if frame, err = s.store.Get(ctx, r.Ref); err != nil {
			return nil, err
		}
	}
	return wire.ParseBody(frame)
}

// reply encodes the answer, into a message where it fits and none else is asked for.
func (s *Server) reply(ctx context.Context, r *wire.Request, t wire.Timings, out tensor.Named) ([]byte, error) {
	if r.Reply != wire.ReplyRef {
		reply, err := wire.EncodeReply(r.Reply, wire.EchoOf(r), t, out)
		var large *wire.TooLargeError
		if r.ReplyKey == "" || !errors.As(err, &large) {
			return reply, err
		}
	}
	frame, err := wire.EncodeObject(wire.EchoOf(r), t, out)
	if err != nil {
		return nil, err
	}
	ref, err := s.store.Put(ctx, r.ReplyKey, frame)
	if err != nil {
		return nil, err
	}
	return wire.EncodeRefReply(r.Reply, wire.EchoOf(r), t, ref)
}

func checkOutputs(p assets.Program, want []string) error {
	for i, name := range want {
		known := false
		for _, v := range p.Graph.Outputs {
			known = known || v.Name == name
		}
		for _, earlier := range want[:i] {
			if earlier == name {
				return &wire.FormatError{What: "request", Err: fmt.Errorf("output %q is wanted twice", name)}
			}
		}
		if !known {
			var have []string
			for _, v := range p.Graph.Outputs {
				have = append(have, v.Name)
			}
			return &wire.MismatchError{Field: "request's output", Want: "one of " + fmt.Sprint(have), Found: name}
		}
	}
	return nil
}

func (s *Server) steps() []string {
	var list []string
	for _, p := range s.manifest.Shards[s.index].Programs {
		list = append(list, p.Step)
	}
	return list
}

// OpenKind classifies the errors of opening a model directory and reading its files; what it does not know is Config.
func OpenKind(err error) Kind {
	var corrupt *shardfile.CorruptError
	var damaged *assets.CorruptError
	var engineMissing *assets.EngineError
	var path *fs.PathError
	switch {
	case errors.As(err, &corrupt), errors.As(err, &damaged):
		return Corrupt
	case errors.As(err, &engineMissing):
		return Unsupported
	case errors.As(err, &path):
		return Config
	}
	if k := KindOf(err); k != Other {
		return k
	}
	return Config
}
