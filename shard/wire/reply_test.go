package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

func forms() []string { return []string{wire.ReplyRaw, wire.ReplyBase64} }

func TestReplyRoundTrip(t *testing.T) {
	r, _, out := example(t)
	want := wire.Timings{LoadUS: 5, ComputeUS: 7, TotalUS: 13, Cold: true}
	for _, form := range forms() {
		data, err := wire.EncodeReply(form, wire.EchoOf(r), want, out)
		if err != nil {
			t.Fatal(err)
		}
		got, timings, err := wire.DecodeReply(form, data, wire.EchoOf(r))
		if err != nil {
			t.Fatal(err)
		}
		if timings != want || !bytes.Equal(got["features"].Bytes(), out["features"].Bytes()) {
			t.Fatalf("%s: found %+v, %v", form, timings, got)
		}
	}
}

func TestReplyToAnotherRequestIsRefusedNamingTheField(t *testing.T) {
	r, _, out := example(t)
	for field, change := range map[string]func(e *wire.Echo){
		"fingerprint": func(e *wire.Echo) { e.Fingerprint = strings.Repeat("0", 64) },
		"request":     func(e *wire.Echo) { e.RequestID = "r-2" },
		"attempt":     func(e *wire.Echo) { e.Attempt++ },
		"step":        func(e *wire.Echo) { e.Step = "other" },
		"shard":       func(e *wire.Echo) { e.Shard++ },
		"row":         func(e *wire.Echo) { e.Row++ },
	} {
		other := wire.EchoOf(r)
		change(&other)
		for _, form := range forms() {
			data, err := wire.EncodeReply(form, other, wire.Timings{}, out)
			if err != nil {
				t.Fatal(err)
			}
			var mismatch *wire.MismatchError
			if _, _, err := wire.DecodeReply(form, data, wire.EchoOf(r)); !errors.As(err, &mismatch) || mismatch.Field != "reply's "+field {
				t.Errorf("%s/%s: found %v", form, field, err)
			}
		}
	}
}

func TestReplyInAnotherFormIsRefused(t *testing.T) {
	r, _, out := example(t)
	for i, form := range forms() {
		data, err := wire.EncodeReply(form, wire.EchoOf(r), wire.Timings{}, out)
		if err != nil {
			t.Fatal(err)
		}
		var format *wire.FormatError
		if _, _, err := wire.DecodeReply(forms()[1-i], data, wire.EchoOf(r)); !errors.As(err, &format) {
			t.Errorf("%s: found %v", form, err)
		}
	}
}

func TestReplyWithoutItsMetadataIsRefused(t *testing.T) {
	r, _, out := example(t)
	data, err := wire.EncodeFrame(wire.ReplyRaw, out, map[string]string{"version": "1"})
	if err != nil {
		t.Fatal(err)
	}
	var mismatch *wire.MismatchError
	if _, _, err := wire.DecodeReply(wire.ReplyRaw, data, wire.EchoOf(r)); !errors.As(err, &mismatch) {
		t.Fatalf("found %v", err)
	}
}

func TestReplyLimitToTheByte(t *testing.T) {
	for _, form := range forms() {
		fits := 0
		for lo, hi := 0, wire.MaxReply+1; lo < hi; {
			mid := (lo + hi) / 2
			data, err := wire.EncodeFrame(form, tensor.Named{"x": tensor.New(tensor.U8, mid)}, nil)
			var large *wire.TooLargeError
			switch {
			case err == nil && len(data) <= wire.MaxReply:
				fits, lo = mid, mid+1
			case errors.As(err, &large):
				hi = mid
			default:
				t.Fatalf("%d bytes: %d, %v", mid, len(data), err)
			}
		}
		data, err := wire.EncodeFrame(form, tensor.Named{"x": tensor.New(tensor.U8, fits)}, nil)
		if err != nil || len(data) < wire.MaxReply-16 {
			t.Fatalf("%s: the largest reply that fits has %d bytes, %v", form, len(data), err)
		}
		if _, _, err := wire.DecodeFrame(form, data); err != nil {
			t.Fatal(err)
		}
	}
}

// Decoding in place must give what decoding into a fresh buffer gives, at every length and alignment of the text.
func TestBase64RepliesDecodeInPlace(t *testing.T) {
	for n := range 700 {
		x := tensor.New(tensor.U8, n)
		for i := range x.Bytes() {
			x.Bytes()[i] = byte(i*31 + n)
		}
		data, err := wire.EncodeFrame(wire.ReplyBase64, tensor.Named{"x": x}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for shift := range 3 {
			moved := append(make([]byte, shift, shift+len(data)), data...)[shift:]
			out, _, err := wire.DecodeFrame(wire.ReplyBase64, moved)
			if err != nil || !bytes.Equal(out["x"].Bytes(), x.Bytes()) {
				t.Fatalf("%d bytes moved by %d: %v, %v", n, shift, out, err)
			}
		}
	}
}

func FuzzDecodeReply(f *testing.F) {
	r, _, out := example(f)
	for _, form := range forms() {
		data, err := wire.EncodeReply(form, wire.EchoOf(r), wire.Timings{TotalUS: 1}, out)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	f.Add([]byte(`{"frame":""}`))
	f.Add([]byte(`{"frame":"AAAA","frame":""}`))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, form := range forms() {
			got, timings, err := wire.DecodeReply(form, bytes.Clone(data), wire.EchoOf(r))
			if err != nil {
				continue
			}
			again, err := wire.EncodeReply(form, wire.EchoOf(r), timings, got)
			if err != nil {
				t.Fatalf("an accepted reply does not encode: %v", err)
			}
			if _, _, err := wire.DecodeReply(form, again, wire.EchoOf(r)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
