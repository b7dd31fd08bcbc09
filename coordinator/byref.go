package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/shard/wire"
)

// payload is what the shards that get the same inputs are sent: in the message where it fits, otherwise as one object for
// all of them and all their attempts, written when the first of them needs it.
type payload struct {
	in   tensor.Named
	key  string // of the object
	body []byte // base64; nil when it is too large beyond doubt and there is a store
	run  *run

	mu  sync.Mutex // held while the object is being written, so that it is written once
	ref *wire.Ref
}

// newPayload encodes the inputs. name tells the payloads of one stage and block apart.
func (r *run) newPayload(in tensor.Named, place, name string) (*payload, error) {
	p := &payload{in: in, run: r, key: r.objects.key(place, name)}
	size, err := wire.BodySize(in)
	if err == nil && (size <= wire.MaxRequest || r.c.store == nil) {
		p.body, err = wire.EncodeBody(in)
	}
	return p, err
}

// append appends the encoded request, whose size alone decides how the inputs travel, and returns how many bytes of them
// go by reference. It is safe for concurrent use.
func (p *payload) append(ctx context.Context, dst []byte, r *wire.Request) ([]byte, int64, error) {
	if p.body != nil {
		out, err := wire.AppendRequest(dst, r, p.body)
		var large *wire.TooLargeError
		if p.run.c.store == nil || !errors.As(err, &large) {
			return out, 0, err
		}
	}
	ref, err := p.refer(ctx)
	if err != nil {
		return dst, 0, err
	}
	short := *r
	short.Ref = ref
	out, err := wire.AppendRequest(dst, &short, nil)
	return out, ref.Bytes, err
}

// refer writes the object unless it has been written.
func (p *payload) refer(ctx context.Context) (*wire.Ref, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ref != nil {
		return p.ref, nil
	}
	frame, err := wire.BodyFrame(p.in)
	if err != nil {
		return nil, err
	}
	p.run.objects.note(p.key)
	ref, err := p.run.c.store.Put(ctx, p.key, frame)
	if err != nil {
		return nil, err
	}
	p.ref = ref
	return ref, nil
}

// objectList are the objects of one request, to be removed when it has been answered.
type objectList struct {
	store   *byref.Store
	request string
	nonce   string // two requests may have the same id

	mu   sync.Mutex // guards keys
	keys []string
}

// key is the key of an object of this request, "" without a store. place is a step and block.
func (l *objectList) key(place, name string) string {
	if l.store == nil {
		return ""
	}
	return l.store.Key(l.request, l.nonce, place, name)
}

func (l *objectList) note(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys = append(l.keys, key)
}

// maxRemovals bounds how many objects are removed at once.
const maxRemovals = 64

// clear removes the objects and returns how many could not be, with the first error. The answer is there already, so that
// nothing of this may fail the request.
func (l *objectList) clear(ctx context.Context) (left int, first error) {
	errs, err := fanOut(ctx, len(l.keys), maxRemovals, func(ctx context.Context, i int) (error, error) {
		return l.store.Remove(ctx, l.keys[i]), nil
	})
	if err != nil { // ctx ended
		return len(l.keys), err
	}
	for _, err := range errs {
		if err != nil {
			if left++; first == nil {
				first = err
			}
		}
	}
	return left, first
}

// place names a step and block in keys.
func place(step string, block int) string { return fmt.Sprintf("%s/%d", step, block) }

// fetch reads the object that a shard's reply refers to, and notes it for removal.
func (c *call) fetch(ctx context.Context, r *wire.Request, ref *wire.Ref) (*wire.Reply, error) {
	if ref.Key != r.ReplyKey {
		return nil, &wire.MismatchError{Field: "reply's ref", Want: r.ReplyKey, Found: ref.Key}
	}
	c.run.objects.note(ref.Key)
	frame, err := c.run.c.store.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	return wire.DecodeReplyObject(frame, wire.EchoOf(r))
}

// frameOf is the frame of a request in the compact form.
func (h *Handler) frameOf(ctx context.Context, r *wire.Request) ([]byte, error) {
	if r.ReplyKey != "" {
		if err := h.c.store.Check(r.ReplyKey); err != nil {
			return nil, err
		}
	}
	if r.Ref != nil {
		return h.c.store.Get(ctx, r.Ref)
	}
	return r.Body, nil
}

// reply encodes the answer to a request in the compact form: into the message where it fits and no object is asked for.
func (h *Handler) reply(ctx context.Context, r *wire.Request, out tensor.Named, meta map[string]string) ([]byte, error) {
	if r.Reply != wire.ReplyRef {
		reply, err := wire.EncodeFrame(r.Reply, out, meta)
		var large *wire.TooLargeError
		if r.ReplyKey == "" || !errors.As(err, &large) {
			return reply, err
		}
	}
	frame, err := wire.ObjectFrame(out, meta)
	if err != nil {
		return nil, err
	}
	ref, err := h.c.store.Put(ctx, r.ReplyKey, frame)
	if err != nil {
		return nil, &shard.Error{Op: "predict", Kind: shard.KindOf(err), Message: "the answer, which is too large for a message", Cause: err}
	}
	return wire.EncodeRef(r.Reply, meta, ref)
}
