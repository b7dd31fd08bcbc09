package wire_test

import (
	"bytes"
	"encoding/json"
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
		got, err := wire.DecodeReply(form, data, wire.EchoOf(r))
		if err != nil {
			t.Fatal(err)
		}
		if got.Timings != want || got.Ref != nil || !bytes.Equal(got.Tensors["features"].Bytes(), out["features"].Bytes()) {
			t.Fatalf("%s: found %+v", form, got)
		}
	}
}

// TestReplyByReferenceRoundTrip reads the small reply in each form, and the object behind it, which says the same of itself.
func TestReplyByReferenceRoundTrip(t *testing.T) {
	r, _, out := example(t)
	r.Trace = ""
	want := wire.Timings{LoadUS: 5, ComputeUS: 7, TotalUS: 13}
	object, err := wire.EncodeObject(wire.EchoOf(r), want, out)
	if err != nil {
		t.Fatal(err)
	}
	ref := wire.RefTo("p/f/r/reply-003-2", object)
	for _, form := range append(forms(), wire.ReplyRef) {
		data, err := wire.EncodeRefReply(form, wire.EchoOf(r), want, ref)
		if err != nil {
			t.Fatal(err)
		}
		if form == wire.ReplyRef {
			var tree struct {
				Ref     string `json:"ref"`
				Bytes   int64  `json:"ref_bytes"`
				Sum     string `json:"ref_sha256"`
				Shard   int    `json:"shard"`
				Attempt int    `json:"attempt"`
				Compute int64  `json:"compute_us"`
				Cold    *bool  `json:"cold"`
			}
			if err := json.Unmarshal(data, &tree); err != nil || tree.Ref != ref.Key || tree.Bytes != ref.Bytes || tree.Sum != ref.SHA256 ||
				tree.Shard != r.Shard || tree.Attempt != 2 || tree.Compute != 7 || tree.Cold == nil || *tree.Cold {
				t.Errorf("%s: %v", data, err)
			}
		}
		got, err := wire.DecodeReply(form, data, wire.EchoOf(r))
		if err != nil || got.Ref == nil || *got.Ref != *ref || got.Timings != want || len(got.Tensors) != 0 {
			t.Errorf("%s: %+v, %v", form, got, err)
		}
	}
	got, err := wire.DecodeReplyObject(bytes.Clone(object), wire.EchoOf(r))
	if err != nil || !bytes.Equal(got.Tensors["features"].Bytes(), out["features"].Bytes()) || got.Timings != want {
		t.Errorf("%+v, %v", got, err)
	}
	other := wire.EchoOf(r)
	other.Shard++
	var mismatch *wire.MismatchError
	if _, err := wire.DecodeReplyObject(bytes.Clone(object), other); !errors.As(err, &mismatch) || mismatch.Field != "reply's shard" {
		t.Errorf("another shard's object: %v", err)
	}
	for _, bad := range []string{`{}`, `{"ref":"k"}`, `[]`, `{"ref":{}}`} {
		if _, err := wire.DecodeReply(wire.ReplyRef, []byte(bad), wire.EchoOf(r)); err == nil {
			t.Errorf("%s was read", bad)
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
			if _, err := wire.DecodeReply(form, data, wire.EchoOf(r)); !errors.As(err, &mismatch) || mismatch.Field != "reply's "+field {
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
		if _, err := wire.DecodeReply(forms()[1-i], data, wire.EchoOf(r)); !errors.As(err, &format) {
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
	if _, err := wire.DecodeReply(wire.ReplyRaw, data, wire.EchoOf(r)); !errors.As(err, &mismatch) {
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
	for _, form := range append(forms(), wire.ReplyRef) {
		data, err := wire.EncodeRefReply(form, wire.EchoOf(r), wire.Timings{TotalUS: 1}, &wire.Ref{Key: "p/k", Bytes: wire.MaxObject, SHA256: strings.Repeat("0a", 32)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"frame":""}`))
	f.Add([]byte(`{"frame":"AAAA","frame":""}`))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, form := range append(forms(), wire.ReplyRef) {
			got, err := wire.DecodeReply(form, bytes.Clone(data), wire.EchoOf(r))
			if err != nil {
				continue
			}
			encode := func() ([]byte, error) { return wire.EncodeReply(form, wire.EchoOf(r), got.Timings, got.Tensors) }
			if got.Ref != nil {
				encode = func() ([]byte, error) { return wire.EncodeRefReply(form, wire.EchoOf(r), got.Timings, got.Ref) }
			}
			again, err := encode()
			if err != nil {
				t.Fatalf("an accepted reply does not encode: %v", err)
			}
			if _, err := wire.DecodeReply(form, again, wire.EchoOf(r)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
