package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
)

func example(t testing.TB) (*wire.Request, []byte, tensor.Named) {
	t.Helper()
	x, err := tensor.FromSlice(tensor.F32, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Named{"features": x}
	body, err := wire.EncodeBody(in)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Request{
		Kind: wire.KindInfer, Fingerprint: strings.Repeat("ab", 32), RequestID: "r-1", Attempt: 2, Step: "trees", Shard: 3,
		Row: 10, Rows: 2, BudgetMS: 1500, Outputs: []string{"margin \"x\"", "leaf\n"}, Mode: "exact", Trace: "Root=1-2", Reply: wire.ReplyRaw,
	}, body, in
}

func encode(t testing.TB, r *wire.Request, body []byte) []byte {
	t.Helper()
	data, err := wire.AppendRequest(nil, r, body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRequestRoundTrip(t *testing.T) {
	r, body, in := example(t)
	data := encode(t, r, body)
	if !json.Valid(data) {
		t.Fatalf("not JSON: %s", data)
	}
	got, err := wire.DecodeRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := tensor.ParseFrame(got.Body, tensor.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back["features"].Bytes(), in["features"].Bytes()) || !back["features"].Shape().Equal(in["features"].Shape()) {
		t.Fatalf("tensor changed: %v", back)
	}
	got.Body = nil
	if !reflect.DeepEqual(got, r) {
		t.Fatalf("wanted %+v, found %+v", r, got)
	}
}

func TestRequestByReferenceRoundTrip(t *testing.T) {
	r, _, in := example(t)
	frame, err := wire.BodyFrame(in)
	if err != nil {
		t.Fatal(err)
	}
	r.Ref, r.ReplyKey, r.Reply = wire.RefTo("p/abc/r/in", frame), "p/abc/r/out", wire.ReplyRef
	got, err := wire.DecodeRequest(encode(t, r, nil))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Fatalf("wanted %+v, found %+v, %v", r, got, err)
	}
	if err := got.Ref.Verify(frame); err != nil {
		t.Error(err)
	}
	for name, spoilt := range map[string][]byte{"bit": append(bytes.Clone(frame[:len(frame)-1]), frame[len(frame)-1]^1), "shorter": frame[:len(frame)-1], "longer": append(bytes.Clone(frame), 0)} {
		var sum *wire.ChecksumError
		if err := got.Ref.Verify(spoilt); !errors.As(err, &sum) || !strings.Contains(err.Error(), "p/abc/r/in") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequestSurvivesAnotherSerialiser(t *testing.T) {
	// A state machine or proxy may reorder keys, add white space and escape '/' and '+' in base64.
	r, _, _ := example(t)
	frame := append([]byte(nil), 0xff, 0xff, 0xff, 0xfb, 0xef, 0xbe)
	body := base64.StdEncoding.EncodeToString(frame)
	if !strings.ContainsAny(body, "/") || !strings.Contains(body, "+") {
		t.Fatalf("the example %q lacks what may be escaped", body)
	}
	data := encode(t, r, []byte(body))
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(tree, " ", "\t")
	if err != nil {
		t.Fatal(err)
	}
	again = bytes.ReplaceAll(again, []byte(body), []byte(strings.NewReplacer("/", `\/`, "+", `\u002b`).Replace(body)))
	got, err := wire.DecodeRequest(again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Body, frame) || got.Step != r.Step || !reflect.DeepEqual(got.Outputs, r.Outputs) {
		t.Fatalf("found %+v", got)
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	ref := `"ref":"k","ref_bytes":5,"ref_sha256":"` + sum + `"`
	good := `"version":1,"kind":"infer","fingerprint":"f","request":"r","attempt":1,"step":"s","shard":0,"reply":"raw"`
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"empty":            {``, "'{'"},
		"array":            {`[]`, "'{'"},
		"trailing":         {`{` + good + `,"body":""} x`, "the end of the text"},
		"unknown key":      {`{` + good + `,"body":"","extra":1}`, `unknown key "extra"`},
		"duplicate key":    {`{` + good + `,"body":"","shard":1}`, `key "shard" stands twice`},
		"missing key":      {`{"version":1,"kind":"infer","body":""}`, `key "fingerprint" is missing or empty`},
		"missing version":  {`{"kind":"describe"}`, `key "version" is missing or empty`},
		"version":          {`{"version":2,"kind":"describe"}`, `protocol version: wanted "1", found "2"`},
		"kind":             {`{"version":1,"kind":"train"}`, `kind "train" is none of`},
		"no body":          {`{` + good + `}`, "body false"},
		"needless body":    {`{"version":1,"kind":"describe","body":""}`, "body true"},
		"ref and body":     {`{` + good + `,"body":"",` + ref + `}`, "with ref and body true"},
		"needless ref":     {`{"version":1,"kind":"describe",` + ref + `}`, "with ref and body false"},
		"ref alone":        {`{` + good + `,"ref":"k"}`, "belong together"},
		"no ref":           {`{` + good + `,"ref_bytes":5,"ref_sha256":"` + sum + `"}`, "belong together"},
		"short hash":       {`{` + good + `,"ref":"k","ref_bytes":5,"ref_sha256":"ab"}`, "64 hex digits"},
		"hash in capitals": {`{` + good + `,"ref":"k","ref_bytes":5,"ref_sha256":"` + strings.ToUpper(sum) + `"}`, "64 hex digits"},
		"no hex":           {`{` + good + `,"ref":"k","ref_bytes":5,"ref_sha256":"` + strings.Repeat("g", 64) + `"}`, "64 hex digits"},
		"no bytes":         {`{` + good + `,"ref":"k","ref_bytes":0,"ref_sha256":"` + sum + `"}`, "ref_bytes is 0"},
		"negative bytes":   {`{` + good + `,"ref":"k","ref_bytes":-1,"ref_sha256":"` + sum + `"}`, "an integer from 0"},
		"too many bytes":   {`{` + good + `,"ref":"k","ref_bytes":5368709121,"ref_sha256":"` + sum + `"}`, "ref_bytes is 5368709121"},
		"empty key":        {`{` + good + `,"ref":"","ref_bytes":5,"ref_sha256":"` + sum + `"}`, "an object's key"},
		"absolute key":     {`{` + good + `,"ref":"/k","ref_bytes":5,"ref_sha256":"` + sum + `"}`, "an object's key"},
		"key with a space": {`{` + good + `,"ref":"a b","ref_bytes":5,"ref_sha256":"` + sum + `"}`, "printable ASCII"},
		"long key":         {`{` + good + `,"ref":"` + strings.Repeat("k", 1025) + `","ref_bytes":5,"ref_sha256":"` + sum + `"}`, "at most 1024"},
		"ref twice":        {`{` + good + `,` + ref + `,"ref":"k"}`, `key "ref" stands twice`},
		"reply key":        {`{` + good + `,"body":"","reply_key":""}`, "reply_key is"},
		"reply":            {`{"version":1,"kind":"describe","reply":"xml"}`, `reply "xml"`},
		"reply ref":        {`{"version":1,"kind":"describe","reply":"ref"}`, `reply "ref" wants a reply_key`},
		"wire dtype":       {`{"version":1,"kind":"describe","wire_dtype":"F16"}`, `wire_dtype "F16" is not supported`},
		"base64":           {`{` + good + `,"body":"a"}`, `key "body"`},
		"body escape":      {`{` + good + `,"body":"\x"}`, "no JSON escape"},
		"unclosed body":    {`{` + good + `,"body":"AAAA`, "closing quote"},
		"fraction":         {`{"version":1,"kind":"describe","shard":1.5}`, "an integer from 0"},
		"negative":         {`{"version":1,"kind":"describe","shard":-1}`, "an integer from 0"},
		"huge number":      {`{"version":1,"kind":"describe","row":99999999999}`, "an integer from 0"},
		"text for number":  {`{"version":"1","kind":"describe"}`, "a number"},
		"long text":        {`{"version":1,"kind":"describe","trace":"` + strings.Repeat("x", wire.MaxText+1) + `"}`, "at most 1024"},
		"control in text":  {"{\"version\":1,\"kind\":\"describe\",\"trace\":\"a\tb\"}", "control character"},
		"lone surrogate":   {`{"version":1,"kind":"describe","trace":"\ud800"}`, "a JSON escape"},
		"outputs no array": {`{"version":1,"kind":"describe","outputs":"a"}`, "'['"},
		"many outputs":     {`{"version":1,"kind":"describe","outputs":["a"` + strings.Repeat(`,"a"`, wire.MaxOutputs) + `]}`, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.DecodeRequest([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("wanted an error with %q, found %v", c.want, err)
			}
		})
	}
}

func TestAppendRequestRefusesWhatLambdaWould(t *testing.T) {
	r, _, _ := example(t)
	empty := len(encode(t, r, []byte{}))
	room := wire.MaxRequest - empty
	body := bytes.Repeat([]byte{'A'}, room)
	data := encode(t, r, body)
	if len(data) != wire.MaxRequest {
		t.Fatalf("wanted exactly %d bytes, found %d", wire.MaxRequest, len(data))
	}
	var large *wire.TooLargeError
	if _, err := wire.AppendRequest(nil, r, append(body, 'A')); !errors.As(err, &large) || large.Bytes != wire.MaxRequest+1 {
		t.Fatalf("wanted a TooLargeError one byte above the limit, found %v", err)
	}
	if _, err := wire.DecodeRequest(append(data, ' ')); !errors.As(err, &large) {
		t.Fatalf("wanted a TooLargeError from the decoder, found %v", err)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	r, body, _ := example(f)
	data := encode(f, r, body)
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte(`{"version":1,"kind":"describe"}`))
	f.Add([]byte(`{"version":1,"kind":"warm","fingerprint":"","shard":2147483647}`))
	f.Add([]byte(`{"version":1,"kind":"predict","body":"\u0041AAA","outputs":[],"budget_ms":86400000}`))
	f.Add([]byte(`{"ref":[[[[{}]]]],"version":1}`))
	byReference := *r
	byReference.ReplyKey = strings.Repeat("k", wire.MaxText)
	for _, size := range []int64{1, wire.MaxObject, wire.MaxObject + 1} {
		byReference.Ref = &wire.Ref{Key: strings.Repeat("r", wire.MaxText), Bytes: size, SHA256: strings.Repeat("f0", 32)}
		f.Add(encode(f, &byReference, nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := wire.DecodeRequest(data)
		if err != nil {
			return
		}
		var encoded []byte
		if r.Body != nil {
			encoded = []byte(base64.StdEncoding.EncodeToString(r.Body))
		}
		again, err := wire.AppendRequest(nil, r, encoded)
		if err != nil {
			t.Fatalf("a decoded request does not encode: %v", err)
		}
		back, err := wire.DecodeRequest(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if !bytes.Equal(back.Body, r.Body) {
			t.Fatal("body changed")
		}
		back.Body, r.Body = nil, nil
		if len(r.Outputs) == 0 {
			r.Outputs, back.Outputs = nil, nil
		}
		if !reflect.DeepEqual(back, r) {
			t.Fatalf("wanted %+v, found %+v", r, back)
		}
	})
}
