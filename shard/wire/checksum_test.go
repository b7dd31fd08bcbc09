package wire_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shardwise/shardwise/shard/wire"
)

// Whatever bit of a reply or a body flips: it is refused, or what is read is what was sent.
func TestNoFlippedBitChangesATensorUnseen(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r, body, sent := example(t)
	request := encode(t, r, body)
	for _, form := range forms() {
		reply, err := wire.EncodeReply(form, wire.EchoOf(r), wire.Timings{TotalUS: 1}, sent)
		if err != nil {
			t.Fatal(err)
		}
		for range 3000 {
			spoilt := bytes.Clone(reply)
			spoilt[rng.IntN(len(spoilt))] ^= 1 << rng.IntN(8)
			got, err := wire.DecodeReply(form, spoilt, wire.EchoOf(r))
			if err == nil && (len(got.Tensors) != 1 || got.Tensors["features"] == nil || !bytes.Equal(got.Tensors["features"].Bytes(), sent["features"].Bytes()) || !got.Tensors["features"].Shape().Equal(sent["features"].Shape())) {
				t.Fatalf("%s: read %v from a spoilt reply", form, got)
			}
		}
	}
	for range 3000 {
		spoilt := bytes.Clone(request)
		spoilt[rng.IntN(len(spoilt))] ^= 1 << rng.IntN(8)
		back, err := wire.DecodeRequest(spoilt)
		if err != nil {
			continue
		}
		got, err := wire.ParseBody(back.Body)
		if err == nil && !bytes.Equal(got["features"].Bytes(), sent["features"].Bytes()) {
			t.Fatalf("read %v from a spoilt request", got)
		}
	}
}

func TestParseBodyTellsASpoiltTensor(t *testing.T) {
	r, body, _ := example(t)
	back, err := wire.DecodeRequest(encode(t, r, body))
	if err != nil {
		t.Fatal(err)
	}
	back.Body[len(back.Body)-1] ^= 1
	var sum *wire.ChecksumError
	if _, err := wire.ParseBody(back.Body); !errors.As(err, &sum) {
		t.Fatalf("found %v", err)
	}
}

// A bit that flips in what a reply says of itself is a garbled reply, which is worth another attempt, and never the answer of
// another shard.
func TestASpoiltReplyIsNotTakenForAnothersAnswer(t *testing.T) {
	r, _, out := example(t)
	reply, err := wire.EncodeReply(wire.ReplyRaw, wire.EchoOf(r), wire.Timings{LoadUS: 3, ComputeUS: 5, TotalUS: 9}, out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(reply) {
		spoilt := bytes.Clone(reply)
		spoilt[i/8] ^= 1 << (i % 8)
		got, err := wire.DecodeReply(wire.ReplyRaw, spoilt, wire.EchoOf(r))
		var mismatch *wire.MismatchError
		if errors.As(err, &mismatch) {
			t.Fatalf("bit %d: %v", i, err)
		}
		if want := (wire.Timings{LoadUS: 3, ComputeUS: 5, TotalUS: 9}); err == nil && got.Timings != want {
			t.Fatalf("bit %d: times %+v of a spoilt reply", i, got.Timings)
		}
	}
}
