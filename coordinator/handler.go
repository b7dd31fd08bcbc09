package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/shardwise/shardwise/coordinator/httpapi"
	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// Handler answers the coordinator's invocations. It accepts
//
//   - an infer request of the Open Inference Protocol as JSON (package oip), answered by its infer response, or by one that
//     refers to an object of the store when it is too large;
//   - the compact form: package wire's envelope with kind "predict", whose body or object is a frame of the inputs,
//     answered by a frame of the outputs whose metadata are version, fingerprint, request, mode and report (a Report as
//     JSON), or by one that refers to such a frame under the request's reply_key;
//   - the envelope with kind "describe", answered by a Description as JSON;
//   - an event of a function URL or an HTTP API, payload format 2.0, answered as package httpapi says. Failures then are
//     answers with a status, not errors.
//
// It is safe for concurrent use.
type Handler struct {
	c    *Coordinator
	log  *slog.Logger
	http *httpapi.Server
}

// NewHandler makes a Handler; a nil log means slog's default.
func NewHandler(c *Coordinator, log *slog.Logger) *Handler {
	if log == nil {
		log = slog.Default()
	}
	return &Handler{c: c, log: log, http: httpapi.New(model{c})}
}

// Invoke makes a Handler a lambda.Handler: Handle, with errors in the form that the Lambda runtime reports.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	reply, err := h.Handle(ctx, payload)
	return reply, shard.Response(err)
}

// Handle answers one request. The payload is not retained; the reply belongs to the caller. The error is an
// *shard.Error; a panic becomes one of kind Internal, with its stack in the log.
func (h *Handler) Handle(ctx context.Context, payload []byte) (reply []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("panic while answering a request", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			reply, err = nil, &shard.Error{Op: "predict", Kind: shard.Internal, Message: fmt.Sprintf("panic: %v; the log holds the stack", p)}
		}
	}()
	switch formOf(payload) {
	case formEvent:
		reply, err = h.http.Invoke(ctx, payload)
	case formEnvelope:
		reply, err = h.envelope(ctx, payload)
	default:
		reply, err = h.oip(ctx, payload)
	}
	return reply, typed(err)
}

// form is the form of a payload.
type form int

const (
	formOIP form = iota
	formEnvelope
	formEvent
)

// formOf tells the form of a payload by the first key that only one of them has; outputs and body say nothing, since two
// of them have it, nor does a key that none has. What is none of them is left to the protocol's decoder to refuse.
func formOf(payload []byte) form {
	is := formOIP
	stop := errors.New("decided")
	s := jsonscan.New(payload)
	if err := s.Object(func(key []byte) error {
		switch string(key) {
		case "id", "inputs", "parameters":
			return stop
		case "routeKey", "rawPath", "rawQueryString", "cookies", "headers", "queryStringParameters", "requestContext", "pathParameters",
			"isBase64Encoded", "stageVariables":
			is = formEvent
			return stop
		case "version":
			if s.Peek() == '"' { // a number in the envelope
				is = formEvent
				return stop
			}
			is = formEnvelope
			return stop
		case "kind", "fingerprint", "request", "attempt", "step", "shard", "row", "rows", "budget_ms", "mode", "wire_dtype", "trace",
			"reply", "reply_key", "ref", "ref_bytes", "ref_sha256":
			is = formEnvelope
			return stop
		}
		return s.Skip()
	}); err != nil && err != stop {
		return formOIP
	}
	return is
}

func (h *Handler) oip(ctx context.Context, payload []byte) ([]byte, error) {
	in, err := oip.Decode(payload)
	if err != nil {
		return nil, h.explain(payload, err)
	}
	r, err := model{h.c}.Infer(ctx, in)
	if err != nil {
		return nil, err
	}
	reply, err := oip.Encode(r)
	var large *wire.TooLargeError
	if !errors.As(err, &large) || h.c.store == nil {
		return reply, err
	}
	return model{h.c}.Refer(ctx, r)
}

// explain adds to err, the refusal of a payload that may be of another form altogether, what this function takes.
func (h *Handler) explain(payload []byte, err error) error {
	var key *oip.KeyError
	if !errors.As(err, &key) && jsonscan.New(payload).Peek() == '{' {
		return err
	}
	return &shard.Error{Op: "request", Kind: shard.KindOf(err), Cause: err,
		Message: "wanted an infer request of the open inference protocol, such as " + h.c.example() + ", or an event of a function URL or HTTP API, or the envelope of package shard/wire"}
}

func (h *Handler) envelope(ctx context.Context, payload []byte) ([]byte, error) {
	r, err := wire.DecodeRequest(payload)
	if err != nil {
		return nil, err
	}
	if r.Fingerprint != "" && r.Fingerprint != h.c.fingerprint {
		return nil, &wire.MismatchError{Field: "request's fingerprint", Want: h.c.fingerprint, Found: r.Fingerprint}
	}
	switch r.Kind {
	case wire.KindDescribe:
		return json.Marshal(h.c.Describe())
	case wire.KindPredict:
		return h.predict(ctx, r)
	}
	return nil, &wire.UnsupportedError{Feature: "kind " + strconv.Quote(r.Kind) + " at a coordinator", Remedy: "send it to a shard"}
}

// Metadata keys of the reply to a predict request.
const (
	MetaVersion     = "version"
	MetaFingerprint = "fingerprint"
	MetaRequest     = "request"
	MetaMode        = "mode"
	MetaReport      = "report"
)

func (h *Handler) predict(ctx context.Context, r *wire.Request) ([]byte, error) {
	frame, err := h.frameOf(ctx, r)
	if err != nil {
		return nil, err
	}
	in, err := wire.ParseBody(frame)
	if err != nil {
		return nil, err
	}
	result, err := h.c.Run(ctx, Request{
		ID: r.RequestID, Inputs: in, Outputs: r.Outputs, Mode: r.Mode, Deadline: time.Duration(r.BudgetMS) * time.Millisecond, Trace: r.Trace,
	})
	if err != nil {
		return nil, err
	}
	report, err := json.Marshal(result.Report.abridged(maxReported))
	if err != nil {
		return nil, err
	}
	return h.reply(ctx, r, result.Outputs, map[string]string{
		MetaVersion: strconv.Itoa(wire.Version), MetaFingerprint: h.c.fingerprint, MetaRequest: result.Report.Request,
		MetaMode: result.Mode, MetaReport: string(report),
	})
}
