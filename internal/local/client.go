package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// Request is what is asked of the coordinator for every row.
type Request struct {
	Outputs []string // names; empty means the default ones
	Mode    string   // numeric mode; "" means auto
}

// Answer is the coordinator's answer for some rows: outputs by name, the report of who did what when, the payloads'
// sizes in bytes, of the messages and of the objects that they refer to (0: none), when the client asked and was answered, and the attempts that failed before.
type Answer struct {
	Outputs      tensor.Named
	Report       coordinator.Report
	RequestBytes int
	ReplyBytes   int
	RequestRef   int64
	ReplyRef     int64
	Start, End   time.Time
	Failures     []Failure
	RequestID    string // of the coordinator's invocation that answered
}

// Predict asks the coordinator for all the rows of in, by reference if they or the answer are too large for a message, and asks again, a few times, while it
// is not reached or breaks. The outputs have been checked: all that were asked for, of the dtypes of the signature, one row
// for each of in's. Errors hold a *shard.Error.
func (d *Deployment) Predict(ctx context.Context, in tensor.Named, r Request) (*Answer, error) {
	body, err := wire.EncodeBody(in)
	if err != nil {
		return nil, &shard.Error{Op: "predict", Kind: shard.BadInput, Cause: err}
	}
	rows := rowsOf(d.Manifest, in)
	w := wire.Request{Kind: wire.KindPredict, Fingerprint: d.Fingerprint, RequestID: uuid.NewString(), Attempt: 1,
		Rows: max(rows, 0), Outputs: r.Outputs, Mode: r.Mode, Reply: d.Model.Deployment.Reply}
	a := &Answer{}
	target := coordinator.Target{Function: d.Model.Deployment.Coordinator.Name, Qualifier: manifest.LiveAlias}
	reply, err := d.invoke(ctx, target, a, func(attempt int) ([]byte, error) {
		w.Attempt, w.ReplyKey = attempt, d.store.Key(w.RequestID, fmt.Sprintf("answer-%d", attempt))
		payload, err := d.payload(ctx, &w, body, in)
		if err != nil {
			return nil, &shard.Error{Op: "predict", Kind: shard.KindOf(err), Cause: err}
		}
		return payload, nil
	})
	if err != nil {
		return nil, err
	}
	if w.Ref != nil {
		a.RequestRef = w.Ref.Bytes
		if err := d.store.Remove(ctx, w.Ref.Key); err != nil {
			return nil, &shard.Error{Op: "predict", Kind: shard.KindOf(err), Cause: err}
		}
	}
	return a, d.read(ctx, a, reply, &w, rows)
}

// payload encodes the request; what does not fit goes to the store once, for all attempts.
func (d *Deployment) payload(ctx context.Context, w *wire.Request, body []byte, in tensor.Named) ([]byte, error) {
	if w.Ref != nil {
		return wire.AppendRequest(nil, w, nil)
	}
	payload, err := wire.AppendRequest(nil, w, body)
	var large *wire.TooLargeError
	if !errors.As(err, &large) {
		return payload, err
	}
	frame, err := wire.BodyFrame(in)
	if err != nil {
		return nil, err
	}
	if w.Ref, err = d.store.Put(ctx, d.store.Key(w.RequestID, "request"), frame); err != nil {
		return nil, err
	}
	return wire.AppendRequest(nil, w, nil)
}

// fetch follows an answer that refers to an object, and removes it.
func (d *Deployment) fetch(ctx context.Context, a *Answer, meta map[string]string, key string) (tensor.Named, map[string]string, error) {
	ref, err := wire.RefOf(meta)
	if err != nil || ref == nil {
		return nil, nil, err
	}
	if ref.Key != key {
		return nil, nil, &wire.MismatchError{Field: "answer's ref", Want: key, Found: ref.Key}
	}
	frame, err := d.store.Get(ctx, ref)
	if err == nil {
		err = d.store.Remove(ctx, key)
	}
	if err != nil {
		return nil, nil, err
	}
	a.ReplyRef = ref.Bytes
	return wire.DecodeObject(frame)
}

// read decodes the answer and refuses one that is not what was asked for.
func (d *Deployment) read(ctx context.Context, a *Answer, body []byte, w *wire.Request, rows int) error {
	bad := func(err error) error {
		return &shard.Error{Op: "predict", Kind: shard.Corrupt, Message: "the coordinator's answer is not the one asked for", Cause: err}
	}
	out, meta, err := wire.DecodeFrame(w.Reply, body)
	if err != nil {
		return bad(err)
	}
	if whole, about, err := d.fetch(ctx, a, meta, w.ReplyKey); err != nil {
		return &shard.Error{Op: "predict", Kind: shard.KindOf(err), Message: "the coordinator's answer lies in the store", Cause: err}
	} else if whole != nil {
		out, meta = whole, about
	}
	for _, f := range []struct{ key, want string }{
		{coordinator.MetaVersion, strconv.Itoa(wire.Version)}, {coordinator.MetaFingerprint, w.Fingerprint}, {coordinator.MetaRequest, w.RequestID},
	} {
		if meta[f.key] != f.want {
			return bad(&wire.MismatchError{Field: "answer's " + f.key, Want: f.want, Found: meta[f.key]})
		}
	}
	if err := json.Unmarshal([]byte(meta[coordinator.MetaReport]), &a.Report); err != nil {
		return bad(fmt.Errorf("its report: %w", err))
	}
	wanted, err := d.Manifest.ResolveOutputs(w.Outputs)
	if err != nil {
		return &shard.Error{Op: "predict", Kind: shard.BadInput, Cause: err}
	}
	var faults []error
	for _, o := range wanted {
		if err := checkOutput(o, out[o.Name], rows); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) == 0 && len(out) != len(wanted) {
		faults = append(faults, fmt.Errorf("wanted %d outputs, found %v", len(wanted), out.Names()))
	}
	if len(faults) > 0 {
		return bad(errors.Join(faults...))
	}
	a.Outputs = out
	return nil
}

// checkOutput holds an output against the signature.
func checkOutput(o manifest.Output, t *tensor.Tensor, rows int) error {
	if t == nil {
		return fmt.Errorf("output %s is missing", o.Name)
	}
	if t.DType() != o.DType || t.Rank() != len(o.Shape) {
		return fmt.Errorf("output %s: wanted %s with %d dimensions, found %v", o.Name, o.DType, len(o.Shape), t)
	}
	for i, dim := range o.Shape {
		want := dim.Size
		if dim.Name == manifest.Batch && rows >= 0 {
			want = rows
		} else if dim.Name != "" {
			continue
		}
		if t.Dim(i) != want {
			return fmt.Errorf("output %s: wanted %d in dimension %d, found %v", o.Name, want, i, t)
		}
	}
	return nil
}

// rowsOf is the extent of the batch dimension, -1 when no input has one.
func rowsOf(m *manifest.Manifest, in tensor.Named) int {
	for i := range m.Signature.Inputs {
		spec := &m.Signature.Inputs[i]
		t := in[spec.Name]
		if m.Signature.Batched(spec.Shape) && t != nil && t.Rank() > 0 {
			return t.Dim(0)
		}
	}
	return -1
}
