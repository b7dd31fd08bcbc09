package coordinator_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/shardtest/minimodel"
)

// visit sends a function-URL event to a handler.
func visit(t *testing.T, h *coordinator.Handler, method, path string, body []byte, headers map[string]string) events.LambdaFunctionURLResponse {
	t.Helper()
	e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: path, Headers: headers, Body: base64.StdEncoding.EncodeToString(body), IsBase64Encoded: true}
	e.RequestContext.HTTP.Method = method
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := h.Invoke(context.Background(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var r events.LambdaFunctionURLResponse
	if err := json.Unmarshal(reply, &r); err != nil {
		t.Fatalf("%s: %v", reply, err)
	}
	return r
}

func TestHandlerAnswersFunctionURLEvents(t *testing.T) {
	r := newRig(t, minimodel.Options{Integers: true}, quick())
	h := newHandler(r)
	if got := visit(t, h, "GET", "/v2/models/mini", nil, nil); got.StatusCode != 200 ||
		got.Body != `{"name":"mini","versions":["1"],"platform":"shardwise","inputs":[{"name":"x","datatype":"FP32","shape":[-1,12]}],`+
			`"outputs":[{"name":"prediction","datatype":"FP32","shape":[-1,5]},{"name":"wide","datatype":"FP32","shape":[-1,6]}]}` {
		t.Fatalf("found %+v", got)
	}
	x := tensor.Of[float32](integers(t, newRand(t), 3, r.model.Features)["x"])
	head := fmt.Sprintf(`{"id":"e","inputs":[{"name":"x","shape":[3,%d],"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`,
		r.model.Features, 4*len(x))
	body := []byte(head)
	for _, v := range x {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	length := map[string]string{"inference-header-content-length": strconv.Itoa(len(head))}
	got := visit(t, h, "POST", "/v2/models/mini/infer", body, length)
	answer, err := base64.StdEncoding.DecodeString(got.Body)
	if err != nil || got.StatusCode != 200 {
		t.Fatalf("found %+v", got)
	}
	n, err := strconv.Atoi(got.Headers["inference-header-content-length"])
	if err != nil {
		t.Fatal(err)
	}
	want, _ := r.model.Reference(x)
	if len(answer)-n != 4*len(want) {
		t.Fatalf("%d bytes of binary data, wanted %d numbers", len(answer)-n, len(want))
	}
	for i, v := range want {
		if bits := binary.LittleEndian.Uint32(answer[n+4*i:]); bits != math.Float32bits(v) {
			t.Errorf("element %d: wanted %v, found %v", i, v, math.Float32frombits(bits))
		}
	}
}

func TestHandlerAnswersFailuresOfEventsWithAStatus(t *testing.T) {
	r := newRig(t, minimodel.Options{}, quick())
	infer := func() events.LambdaFunctionURLResponse {
		data, err := json.Marshal(make([]float32, r.model.Features))
		if err != nil {
			t.Fatal(err)
		}
		return visit(t, newHandler(r), "POST", "/v2/models/mini/infer",
			fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":[1,%d],"datatype":"FP32","data":%s}]}`, r.model.Features, data), nil)
	}
	if got := infer(); got.StatusCode != 200 || got.IsBase64Encoded {
		t.Fatalf("found %+v", got)
	}
	r.cluster.Kill(2, 1000)
	if got := infer(); got.StatusCode != 503 || got.Headers["retry-after"] == "" {
		t.Fatalf("a shard that dies: %+v", got)
	}
}

// TestHandlerTellsThePayloadsFormsApart gives the keys of an event in other orders than Lambda's, and the other forms'.
func TestHandlerTellsThePayloadsFormsApart(t *testing.T) {
	h := newHandler(newRig(t, minimodel.Options{}, quick()))
	context0 := `"requestContext":{"http":{"method":"GET"}},"rawPath":"/v2"`
	for payload, event := range map[string]bool{
		`{"version":"2.0",` + context0 + `}`:                      true,
		`{"body":"e30=","isBase64Encoded":true,` + context0 + `}`: true,
		`{` + context0 + `,"version":"2.0"}`:                      true,
		`{"headers":{},` + context0 + `}`:                         true,
		`{"version":"3.0","httpMethod":"GET"}`:                    true,
		`{"version":1,"kind":"describe"}`:                         false,
		`{"body":"","version":1,"kind":"describe"}`:               false,
		`{"kind":"describe","version":1}`:                         false,
		`{"outputs":[],"inputs":[]}`:                              false,
	} {
		reply, err := h.Handle(context.Background(), []byte(payload))
		var r events.LambdaFunctionURLResponse
		is := err == nil && json.Unmarshal(reply, &r) == nil && r.StatusCode != 0
		if is != event {
			t.Errorf("%s: %s, %v", payload, reply, err)
		}
	}
}
