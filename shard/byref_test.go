package shard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sort"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/objects"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
	"github.com/shardwise/shardwise/shard/wire"
)

// openWithStore opens shard 0 of the model with a store in memory.
func openWithStore(t *testing.T, m *minimodel.Model) (*shard.Server, *objects.Memory, *byref.Store) {
	t.Helper()
	memory := &objects.Memory{}
	where := byref.Where{Objects: memory, Bucket: "the-bucket", Prefix: "p"}
	s, err := shard.Open(m.Dir, 0, shard.Options{Engines: []engine.Engine{&minimodel.Engine{}}, Store: where})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, memory, where.Of(m.Fingerprint)
}

// twoColumns is a model whose step "wide" makes a row of 8 bytes of one of 4.
func twoColumns(t *testing.T) *minimodel.Model {
	return write(t, minimodel.Options{Shards: 1, Features: 1, Hidden: 1, Wide: 2})
}

func column(t *testing.T, rows int) tensor.Named {
	t.Helper()
	v := make([]float32, rows)
	for i := range v {
		v[i] = float32(i%1000) / 7
	}
	x, err := tensor.FromSlice(tensor.F32, v, rows, 1)
	if err != nil {
		t.Fatal(err)
	}
	return tensor.Named{"prediction": x}
}

// TestTheRepliesLimitToTheByte finds the last number of rows whose reply fits a message. Frames come in steps of 8 bytes; in base64
// the largest has the limit's bytes exactly.
func TestTheRepliesLimitToTheByte(t *testing.T) {
	m := twoColumns(t)
	s, memory, store := openWithStore(t, m)
	for form, most := range map[string]int{wire.ReplyRaw: wire.MaxReply - 4, wire.ReplyBase64: wire.MaxReply} {
		ask := func(rows int) ([]byte, *wire.Reply) {
			t.Helper()
			r := infer(m, 0)
			r.Reply, r.Rows, r.ReplyKey = form, rows, store.Key("r", "reply")
			reply, err := s.Handle(t.Context(), payload(t, r, column(t, rows)))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := wire.DecodeReply(form, bytes.Clone(reply), wire.EchoOf(r))
			if err != nil {
				t.Fatal(err)
			}
			return reply, answer
		}
		last := 0 // bytes of the largest reply in a message; the timings' digits move the edge by a row at most
		first := sort.Search(most/8, func(rows int) bool {
			reply, answer := ask(rows)
			if answer.Ref == nil {
				last = max(last, len(reply))
			}
			return answer.Ref != nil
		})
		if last < most-24 || last > most {
			t.Errorf("%s: the largest reply in a message has %d bytes, want %d or just less", form, last, most)
		}
		reply, answer := ask(first + 2)
		object, err := store.Get(t.Context(), answer.Ref)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := wire.DecodeReplyObject(object, wire.EchoOf(infer(m, 0)))
		if err != nil || whole.Tensors["columns"].Dim(0) != first+2 || len(reply) > 2000 {
			t.Errorf("%s: %v, %v", form, whole, err)
		}
		_, small := ask(10)
		if !bytes.Equal(small.Tensors["columns"].Bytes(), whole.Tensors["columns"].Bytes()[:80]) {
			t.Errorf("%s: the first ten rows differ from those in a message", form)
		}
		if n := memory.Count("put"); n == 0 {
			t.Error("nothing was written")
		}
	}
}

// TestAStateMachinesShard is the path of a batch: the request refers to its inputs, the answer is JSON that refers to the
// partial, and the same call again writes the same bytes.
func TestAStateMachinesShard(t *testing.T) {
	m := twoColumns(t)
	s, memory, store := openWithStore(t, m)
	in := column(t, 5)
	frame, err := wire.BodyFrame(in)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := store.Put(t.Context(), store.Key("execution", "0", "in"), frame)
	if err != nil {
		t.Fatal(err)
	}
	r := infer(m, 0)
	r.Rows, r.Ref, r.Reply, r.ReplyKey = 5, ref, wire.ReplyRef, store.Key("execution", "0", "out")
	var first []byte
	for range 2 {
		reply, err := s.Handle(t.Context(), payload(t, r, nil))
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(reply) {
			t.Fatalf("no JSON: %s", reply)
		}
		answer, err := wire.DecodeReply(wire.ReplyRef, reply, wire.EchoOf(r))
		if err != nil || answer.Ref.Key != r.ReplyKey {
			t.Fatalf("%+v, %v", answer, err)
		}
		object, err := store.Get(t.Context(), answer.Ref)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := wire.DecodeReplyObject(object, wire.EchoOf(r))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = whole.Tensors["columns"].Bytes()
		}
		if !bytes.Equal(first, whole.Tensors["columns"].Bytes()) {
			t.Error("the second call has other bits")
		}
	}
	r.Ref, r.Reply, r.ReplyKey = nil, wire.ReplyRaw, ""
	reply, err := s.Handle(t.Context(), payload(t, r, in))
	if err != nil {
		t.Fatal(err)
	}
	inline, err := wire.DecodeReply(wire.ReplyRaw, reply, wire.EchoOf(r))
	if err != nil || !bytes.Equal(inline.Tensors["columns"].Bytes(), first) {
		t.Errorf("by reference and in the message differ (%v)", err)
	}
	if keys := memory.Keys(); len(keys) != 2 {
		t.Errorf("objects %v; a shard removes nothing, others may read it too", keys)
	}
}

func TestReferencesAreRefused(t *testing.T) {
	m, other := twoColumns(t), write(t, minimodel.Options{Shards: 1, Features: 1, Hidden: 1, Wide: 2, Seed: 4})
	s, memory, store := openWithStore(t, m)
	frame, err := wire.BodyFrame(column(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, data []byte) *wire.Ref {
		if err := memory.Put(context.Background(), key, data); err != nil {
			t.Fatal(err)
		}
		return wire.RefTo(key, data)
	}
	good := put(store.Key("r", "in"), frame)
	wrongSum, wrongSize := *good, *good
	wrongSum.SHA256, wrongSize.Bytes = strings.Repeat("0", 64), good.Bytes+8
	bare, err := shard.Open(m.Dir, 0, shard.Options{Engines: []engine.Engine{&minimodel.Engine{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	for name, test := range map[string]struct {
		s        *shard.Server
		ref      *wire.Ref
		replyKey string
		reply    string
		want     shard.Kind
	}{
		"good":                     {s, good, "", wire.ReplyRaw, shard.Other},
		"outside the prefix":       {s, put("elsewhere/"+m.Fingerprint[:12]+"/r/in", frame), "", wire.ReplyRaw, shard.Mismatch},
		"another model's":          {s, put("p/"+other.Fingerprint[:12]+"/r/in", frame), "", wire.ReplyRaw, shard.Mismatch},
		"missing":                  {s, wire.RefTo(store.Key("r", "none"), frame), "", wire.ReplyRaw, shard.NoObject},
		"wrong sum":                {s, &wrongSum, "", wire.ReplyRaw, shard.Garbled},
		"wrong size":               {s, &wrongSize, "", wire.ReplyRaw, shard.Garbled},
		"no frame":                 {s, put(store.Key("r", "junk"), []byte("junk")), "", wire.ReplyRaw, shard.BadRequest},
		"reply elsewhere":          {s, good, "elsewhere/k", wire.ReplyRaw, shard.Mismatch},
		"reply to another model's": {s, good, "p/" + other.Fingerprint[:12] + "/k", wire.ReplyRef, shard.Mismatch},
		"no store":                 {bare, good, "", wire.ReplyRaw, shard.NoStore},
		"no store for the reply":   {bare, nil, store.Key("r", "out"), wire.ReplyRef, shard.NoStore},
	} {
		t.Run(name, func(t *testing.T) {
			r := infer(m, 0)
			r.Ref, r.ReplyKey, r.Reply = test.ref, test.replyKey, test.reply
			in := column(t, 1)
			if test.ref != nil {
				in = nil
			}
			_, err := test.s.Handle(t.Context(), payload(t, r, in))
			if name == "good" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var own *shard.Error
			if !errors.As(err, &own) || own.Kind != test.want {
				t.Errorf("kind %v: %v, want %v", shard.KindOf(err), err, test.want)
			}
		})
	}
}
