package coordinator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// referredAnswer is an infer response that refers to the whole one.
type referredAnswer struct {
	ModelName  string `json:"model_name"`
	Parameters struct {
		Mode   string
		Ref    string
		Bytes  int64  `json:"ref_bytes"`
		SHA256 string `json:"ref_sha256"`
		Header int    `json:"ref_header_bytes"`
	}
	Outputs []any
}

// read follows the answer and returns the binary data of its only output.
func (r *storeRig) read(t *testing.T, reply []byte) []byte {
	t.Helper()
	var a referredAnswer
	if err := json.Unmarshal(reply, &a); err != nil {
		t.Fatalf("%.200s: %v", reply, err)
	}
	key, ok := strings.CutPrefix(a.Parameters.Ref, "s3://the-bucket/")
	if !ok || a.ModelName != "mini" || a.Outputs == nil || len(a.Outputs) != 0 || len(reply) > 2000 {
		t.Fatalf("found %.300s", reply)
	}
	object, err := r.where.Of(r.model.Fingerprint).Get(t.Context(), &wire.Ref{Key: key, Bytes: a.Parameters.Bytes, SHA256: a.Parameters.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	var head struct{ Outputs []struct{ Name string } }
	if err := json.Unmarshal(object[:a.Parameters.Header], &head); err != nil || len(head.Outputs) != 1 || head.Outputs[0].Name != "wide" {
		t.Fatalf("the object's JSON: %.300s, %v", object[:a.Parameters.Header], err)
	}
	return object[a.Parameters.Header:]
}

// inferJSON asks for the wide output in the protocol's JSON; the length of the id decides the length of the answer.
func inferJSON(t *testing.T, r *storeRig, x []float32, id int) []byte {
	t.Helper()
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, `{"id":%q,"inputs":[{"name":"x","shape":[1,%d],"datatype":"FP32","data":%s}],"outputs":[{"name":"wide"}]}`, strings.Repeat("i", id), r.model.Features, data)
}

// overHTTP asks by a function-URL event; whole is the size of the coordinator's reply.
func overHTTP(t *testing.T, h *coordinator.Handler, headers map[string]string, question []byte) (status int, body string, whole int) {
	t.Helper()
	event, err := json.Marshal(map[string]any{"version": "2.0", "rawPath": "/v2/models/mini/infer", "headers": headers,
		"requestContext": map[string]any{"http": map[string]string{"method": "POST"}}, "body": string(question)})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := h.Handle(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		StatusCode int
		Body       string
	}
	if err := json.Unmarshal(reply, &answer); err != nil {
		t.Fatalf("%.300s: %v", reply, err)
	}
	return answer.StatusCode, answer.Body, len(reply)
}

// TestTheAnswersLimitToTheByte makes answers of exactly the limit and of one byte more, as an Invoke's JSON and as the event of
// an HTTP response.
func TestTheAnswersLimitToTheByte(t *testing.T) {
	o := wideReply()
	o.Wide = 2 * 1_050_000 // some characters of JSON each
	r := newStoreRig(t, o, quick())
	h := newHandler(r.rig)
	x := []float32{7, 7, 7, 7}
	_, wide := r.model.Reference(x)
	size := 0
	for _, v := range wide {
		size += len(strconv.FormatFloat(float64(v), 'f', -1, 32)) + 1
	}
	if size < 3_000_000 || size > 12_000_000 {
		t.Fatalf("the answer has some %d bytes; the test's sizes are wrong", size)
	}
	// As many columns as come within some 700 bytes of the limit, the rest is the id's.
	columns := int(float64(o.Wide) * float64(wire.MaxReply-700) / float64(size))
	o.Wide = columns / 2 * 2
	r = newStoreRig(t, o, quick())
	h = newHandler(r.rig)
	_, wide = r.model.Reference(x)
	for name, ask := range map[string]func(id int) (reply []byte, whole int){
		"invoke": func(id int) ([]byte, int) {
			reply, err := h.Handle(t.Context(), inferJSON(t, r, x, id))
			if err != nil {
				t.Fatal(err)
			}
			return reply, len(reply)
		},
		"http": func(id int) ([]byte, int) {
			status, body, whole := overHTTP(t, h, map[string]string{"prefer": "respond-async, Reference"}, inferJSON(t, r, x, id))
			if status != http.StatusOK {
				t.Fatalf("%d: %.300s", status, body)
			}
			return []byte(body), whole
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, size := ask(1)
			room := wire.MaxReply - size
			if room < 1 || room > 1000 {
				t.Fatalf("an answer of %d bytes is not a little below %d", size, wire.MaxReply)
			}
			reply, size := ask(1 + room)
			var whole struct {
				Outputs []struct{ Data []float32 }
			}
			if err := json.Unmarshal(reply, &whole); err != nil || size != wire.MaxReply || !slices.Equal(whole.Outputs[0].Data, wide) {
				t.Errorf("at the limit: %d bytes, %d outputs, %v", size, len(whole.Outputs), err)
			}
			reply, _ = ask(2 + room)
			data := r.read(t, reply)
			want, err := tensor.FromSlice(tensor.F32, wide, len(wide))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data, want.Bytes()) {
				t.Errorf("one byte above the limit: %d bytes of other numbers", len(data))
			}
			if name == "http" {
				if status, body, _ := overHTTP(t, h, map[string]string{"prefer": "respond-async"}, inferJSON(t, r, x, 2+room)); status != http.StatusRequestEntityTooLarge {
					t.Errorf("a client that does not follow references got %d: %.300s", status, body)
				}
			}
		})
	}
}

// TestTheCompactAnswerGoesWhereTheRequestSays asks with and without a reply_key, and for an object in any case.
func TestTheCompactAnswerGoesWhereTheRequestSays(t *testing.T) {
	r := newStoreRig(t, wideReply(), quick())
	h := newHandler(r.rig)
	in := integers(t, newRand(t), 1, r.model.Features)
	store := r.where.Of(r.model.Fingerprint)
	frame, err := wire.BodyFrame(in)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := store.Put(t.Context(), store.Key("r", "in"), frame)
	if err != nil {
		t.Fatal(err)
	}
	_, wide := r.model.Reference(tensor.Of[float32](in["x"]))
	key := store.Key("r", "out")
	ask := func(form, replyKey string, outputs ...string) ([]byte, error) {
		t.Helper()
		payload, err := wire.AppendRequest(nil, &wire.Request{Kind: wire.KindPredict, RequestID: "p", Outputs: outputs, Reply: form, ReplyKey: replyKey, Ref: ref}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return h.Handle(t.Context(), payload)
	}
	if _, err := ask(wire.ReplyRaw, "", "wide"); shard.KindOf(err) != shard.TooLarge {
		t.Errorf("without a reply_key: %v", err)
	}
	if _, err := ask(wire.ReplyRaw, "elsewhere/k", "prediction"); shard.KindOf(err) != shard.Mismatch {
		t.Errorf("a reply_key outside the store: %v", err)
	}
	if reply, err := ask(wire.ReplyRaw, key, "prediction"); err != nil {
		t.Error(err)
	} else if out, meta, err := wire.DecodeFrame(wire.ReplyRaw, reply); err != nil || out["prediction"] == nil || meta["ref"] != "" {
		t.Errorf("a small answer: %v, %v, %v", out, meta, err)
	}
	for _, test := range []struct{ form, output string }{{wire.ReplyRaw, "wide"}, {wire.ReplyBase64, "wide"}, {wire.ReplyRef, "wide"}, {wire.ReplyRef, "prediction"}} {
		reply, err := ask(test.form, key, test.output)
		if err != nil {
			t.Fatal(err)
		}
		_, meta, err := wire.DecodeFrame(test.form, reply)
		if err != nil {
			t.Fatal(err)
		}
		found, err := wire.RefOf(meta)
		if err != nil || found == nil || found.Key != key {
			t.Fatalf("%+v: metadata %v, %v", test, meta, err)
		}
		object, err := store.Get(t.Context(), found)
		if err != nil {
			t.Fatal(err)
		}
		out, about, err := wire.DecodeObject(object)
		if err != nil || about[coordinator.MetaRequest] != "p" || about[coordinator.MetaReport] == "" || meta[coordinator.MetaReport] == "" {
			t.Errorf("%+v: %v, %v", test, about, err)
		}
		if test.output == "wide" {
			requireFloats(t, out["wide"], wide)
		}
	}
	if !slices.Equal(r.store.Keys(), []string{ref.Key, key}) {
		t.Errorf("objects %v; want the asker's two, which it removes itself", r.store.Keys())
	}
}
