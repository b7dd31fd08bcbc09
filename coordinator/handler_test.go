package coordinator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
	"github.com/shardwise/shardwise/shard/wire"
)

func newHandler(r *rig) *coordinator.Handler {
	return coordinator.NewHandler(r.c, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func TestHandlerAnswersTheInferRequest(t *testing.T) {
	r := newRig(t, minimodel.Options{Integers: true}, quick())
	in := integers(t, newRand(t), 2, r.model.Features)
	values := tensor.Of[float32](in["x"])
	payload, err := json.Marshal(map[string]any{
		"id": "abc", "outputs": []any{map[string]any{"name": "wide"}, map[string]any{"name": "prediction"}},
		"inputs": []any{map[string]any{"name": "x", "shape": []int{2, r.model.Features}, "datatype": "FP64", "data": values}},
	})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := newHandler(r).Handle(context.Background(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ModelName string `json:"model_name"`
		ID        string
		Outputs   []struct {
			Name, Datatype string
			Shape          []int
			Data           []float32
		}
	}
	if err := json.Unmarshal(reply, &got); err != nil {
		t.Fatal(err)
	}
	prediction, wide := r.model.Reference(values)
	if got.ModelName != "mini" || got.ID != "abc" || len(got.Outputs) != 2 || got.Outputs[0].Name != "wide" || got.Outputs[0].Datatype != "FP32" ||
		!slices.Equal(got.Outputs[0].Shape, []int{2, r.model.Wide}) || !slices.Equal(got.Outputs[0].Data, wide) || !slices.Equal(got.Outputs[1].Data, prediction) {
		t.Fatalf("found %s", reply)
	}
}

func predict(t *testing.T, r *rig, change func(q *wire.Request)) []byte {
	t.Helper()
	body, err := wire.EncodeBody(integers(t, newRand(t), 2, r.model.Features))
	if err != nil {
		t.Fatal(err)
	}
	q := &wire.Request{Kind: wire.KindPredict, Fingerprint: r.model.Fingerprint, RequestID: "p-1", Outputs: both(), Reply: wire.ReplyRaw}
	change(q)
	if q.Kind != wire.KindPredict {
		body = nil
	}
	payload, err := wire.AppendRequest(nil, q, body)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestHandlerAnswersTheCompactFormWithAReport(t *testing.T) {
	r := newRig(t, minimodel.Options{Integers: true}, quick())
	var first []byte
	for _, form := range []string{wire.ReplyRaw, wire.ReplyBase64} {
		rng := newRand(t)
		in := integers(t, rng, 3, r.model.Features)
		body, err := wire.EncodeBody(in)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := wire.AppendRequest(nil, &wire.Request{Kind: wire.KindPredict, RequestID: "p-1", Outputs: both(), Reply: form}, body)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := newHandler(r).Handle(context.Background(), payload)
		if err != nil {
			t.Fatal(err)
		}
		out, meta, err := wire.DecodeFrame(form, reply)
		if err != nil {
			t.Fatal(err)
		}
		prediction, wide := r.model.Reference(tensor.Of[float32](in["x"]))
		requireFloats(t, out["prediction"], prediction)
		requireFloats(t, out["wide"], wide)
		var report coordinator.Report
		if err := json.Unmarshal([]byte(meta[coordinator.MetaReport]), &report); err != nil || report.Request != "p-1" || len(report.Attempts) != 6 {
			t.Fatalf("report %+v, %v", report, err)
		}
		if meta[coordinator.MetaMode] != "sum" || meta[coordinator.MetaFingerprint] != r.model.Fingerprint {
			t.Fatalf("metadata %v", meta)
		}
		if bytes.Equal(first, reply) {
			t.Fatal("both forms are alike")
		}
		first = reply
	}
}

func TestHandlerDescribesTheModel(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	reply, err := newHandler(r).Handle(context.Background(), []byte(`{"version":1,"kind":"describe"}`))
	if err != nil {
		t.Fatal(err)
	}
	var d coordinator.Description
	if err := json.Unmarshal(reply, &d); err != nil {
		t.Fatal(err)
	}
	if d.Name != "mini" || d.Shards != 3 || d.Fingerprint != r.model.Fingerprint || len(d.Inputs) != 1 || d.Inputs[0].Datatype != "FP32" ||
		!slices.Equal(d.Inputs[0].Shape, []int{-1, 12}) || !slices.Equal(d.Inputs[0].Accepts, []string{"FP64"}) || len(d.Outputs) != 2 || !d.Outputs[0].Default {
		t.Fatalf("found %s", reply)
	}
}

func TestHandlerReportsErrorsTyped(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	h := newHandler(r)
	for name, c := range map[string]struct {
		payload []byte
		kind    shard.Kind
		text    string
	}{
		"nothing":       {nil, shard.BadRequest, "infer request"},
		"empty object":  {[]byte(`{}`), shard.BadRequest, `key "inputs" is missing`},
		"no object":     {[]byte(`[1,2]`), shard.BadRequest, `such as {"inputs":[{"name":"x","shape":[1,12],"datatype":"FP32","data":[0,0,0,0,0,0,0,0,...]}]}`},
		"instances":     {[]byte(`{"instances":[[1,2]]}`), shard.BadRequest, `request: wanted an infer request of the open inference protocol, such as {"inputs":[{"name":"x"`},
		"its key":       {[]byte(`{"instances":[[1,2]]}`), shard.BadRequest, `malformed infer request: unknown key "instances"; known are id, inputs, outputs, parameters`},
		"model name":    {[]byte(`{"model_name":"m","inputs":[]}`), shard.BadRequest, `unknown key "model_name"; known are id, inputs`},
		"NaN first":     {[]byte(`{"data":[NaN]}`), shard.BadRequest, `unknown key "data"`},
		"unknown, kind": {[]byte(`{"x":1,"kind":"describe","version":1}`), shard.BadRequest, `malformed request: unknown key "x"`},
		"empty, wanted": {[]byte(`{}`), shard.BadRequest, `wanted an infer request`},
		"half":          {[]byte(`{"inputs":[`), shard.BadRequest, "malformed"},
		"no such input": {[]byte(`{"inputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[1]}]}`), shard.BadInput, `input "x": is missing`},
		"parameter":     {[]byte(`{"inputs":[],"parameters":{"degraded":true}}`), shard.Unsupported, `parameter "degraded"`},
		"fingerprint":   {predict(t, r, func(q *wire.Request) { q.Fingerprint = strings.Repeat("0", 64) }), shard.Mismatch, "fingerprint"},
		"infer":         {predict(t, r, func(q *wire.Request) { q.Kind, q.Step, q.Fingerprint = wire.KindWarm, "s", r.model.Fingerprint }), shard.Unsupported, "send it to a shard"},
		"output":        {predict(t, r, func(q *wire.Request) { q.Outputs = []string{"leaf"} }), shard.BadInput, `output "leaf" is unknown`},
		"mode":          {predict(t, r, func(q *wire.Request) { q.Mode = "exact" }), shard.BadInput, `numeric mode "exact"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Invoke(context.Background(), c.payload)
			e, ok := err.(messages.InvokeResponse_Error)
			if !ok || e.Type != c.kind.Type() || !strings.Contains(e.Message, c.text) {
				t.Fatalf("wanted %v with %q, found %T %v", c.kind, c.text, err, err)
			}
		})
	}
}

func TestHandlerPassesAShardsErrorOn(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	r.cluster.Kill(2, 1000)
	_, err := newHandler(r).Invoke(context.Background(), predict(t, r, func(*wire.Request) {}))
	e, ok := err.(messages.InvokeResponse_Error)
	if !ok || e.Type != "Shard.Crashed" {
		t.Fatalf("found %v", err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if back := shard.ParseFunctionError(body); back.Shard != 2 || back.Of != 3 || back.Kind != shard.Crashed {
		t.Fatalf("found %+v", back)
	}
}

func FuzzHandler(f *testing.F) {
	r := newRig(f, minimodel.Options{Shards: 1}, quick())
	h := newHandler(r)
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`))
	f.Add([]byte(`{"version":1,"kind":"describe"}`))
	f.Add([]byte(`{"outputs":[],"kind":"predict","version":1,"body":""}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		reply, err := h.Handle(context.Background(), payload)
		if (reply == nil) == (err == nil) || shard.KindOf(err) == shard.Internal && err != nil {
			t.Fatalf("reply %q, error %v", reply, err)
		}
	})
}
