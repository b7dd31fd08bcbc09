package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardwise/shardwise/coordinator/httpapi"
	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
)

// double is a model that doubles FP32 numbers; its further outputs have other datatypes.
type double struct {
	err  error
	rows int // of the output wide
}

func (double) Metadata() httpapi.Metadata {
	return httpapi.Metadata{ServerVersion: "v1.2.3", Name: "double", Version: "4 b", Platform: "shardwise", Modes: []string{"exact", "sum"},
		Inputs:  []httpapi.Tensor{{Name: "x", Datatype: "FP32", Shape: []int{-1, 2}, Accepts: []string{"FP64"}, Missing: true}},
		Outputs: []httpapi.Tensor{{Name: "y", Datatype: "FP32", Shape: []int{-1, 2}}, {Name: "half", Datatype: "FP16", Shape: []int{1}}}}
}

// Refer has no place to keep a response.
func (double) Refer(context.Context, *oip.Response) ([]byte, error) {
	return nil, &byref.NoStoreError{What: "the answer"}
}

func (d double) Infer(_ context.Context, in *oip.Request) (*oip.Response, error) {
	if d.err != nil {
		return nil, d.err
	}
	x := in.Inputs["x"]
	if x == nil || x.DType() != tensor.F32 {
		return nil, &shard.Error{Op: "check inputs", Kind: shard.BadInput, Message: fmt.Sprintf("input \"x\": found %v", x)}
	}
	y := tensor.New(tensor.F32, x.Shape()...)
	dst := tensor.Of[float32](y)
	for i, v := range tensor.Of[float32](x) {
		dst[i] = 2 * v
	}
	r := &oip.Response{Model: "double", Version: "4 b", ID: in.ID, Mode: "exact", Names: in.Outputs,
		Outputs: tensor.Named{"y": y, "half": tensor.New(tensor.F16, 1), "wide": tensor.New(tensor.U8, d.rows)}}
	if len(r.Names) == 0 {
		r.Names = []string{"y"}
	}
	return r, nil
}

// ask sends a request as an event and returns what Lambda would make of the answer.
func ask(t *testing.T, m httpapi.Model, method, path, body string, headers map[string]string) events.LambdaFunctionURLResponse {
	t.Helper()
	e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: path, Headers: headers, Body: body}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = method, path
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := httpapi.New(m).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var r events.LambdaFunctionURLResponse
	if err := json.Unmarshal(reply, &r); err != nil {
		t.Fatalf("%s: %v", reply, err)
	}
	return r
}

const version = "/v2/models/double/versions/4%20b"

func TestTheProtocolsDocumentsAreServedExactly(t *testing.T) {
	metadata := `{"name":"double","versions":["4 b"],"platform":"shardwise","inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],` +
		`"outputs":[{"name":"y","datatype":"FP32","shape":[-1,2]},{"name":"half","datatype":"FP16","shape":[1]}]}`
	for path, want := range map[string]string{
		"/v2":                      `{"name":"shardwise","version":"v1.2.3","extensions":["binary_tensor_data"]}`,
		"/v2/":                     `{"name":"shardwise","version":"v1.2.3","extensions":["binary_tensor_data"]}`,
		"/v2/health/live":          `{"live":true}`,
		"/v2/health/ready":         `{"ready":true}`,
		"/v2/models/double":        metadata,
		version:                    metadata,
		"/v2/models/double/ready":  `{"name":"double","ready":true}`,
		version + "/ready":         `{"name":"double","ready":true}`,
		"/v2/models/doubl%65":      metadata,
		"/v2/models/double/ready/": `{"name":"double","ready":true}`,
	} {
		r := ask(t, double{}, "GET", path, "", nil)
		if r.StatusCode != 200 || r.Body != want || r.Headers["content-type"] != "application/json" || r.IsBase64Encoded {
			t.Errorf("%s: %+v", path, r)
		}
		if !strings.Contains(r.Headers["link"], "<"+httpapi.DescriptionPath+`>; rel="service-desc"`) {
			t.Errorf("%s: the description is not linked: %v", path, r.Headers)
		}
	}
}

func TestWhatIsNotServedIsRefusedWithItsStatus(t *testing.T) {
	const infer = "/v2/models/double/infer"
	for _, c := range []struct {
		method, path, body string
		header             map[string]string
		status             int
		text               string
	}{
		{"GET", "/", "", nil, 404, "not served"},
		{"GET", "/v1/models", "", nil, 404, "not served"},
		{"GET", "/v2/models", "", nil, 404, "not served"},
		{"GET", "/v2/health", "", nil, 404, "not served"},
		{"GET", "/v2/models/double/config", "", nil, 404, "not served"},
		{"GET", "/v2/models/other", "", nil, 404, `model "other" is not here; this server has "double"`},
		{"POST", "/v2/models/other/infer", "{", nil, 404, "not here"},
		{"GET", "/v2/models/double/versions/4", "", nil, 404, `has no version "4"`},
		{"GET", "/v2/models/double/versions", "", nil, 404, "not served"},
		{"GET", "/v2/models/%zz", "", nil, 404, "not here"},
		{"GET", infer, "", nil, 405, "use POST"},
		{"POST", "/v2/health/live", "", nil, 405, "use GET"},
		{"DELETE", "/v2/models/double", "", nil, 405, "use GET"},
		{"POST", infer, "", nil, 400, "malformed"},
		{"POST", infer, `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1]}]}`, nil, 400, "elements"},
		{"POST", infer, `{"inputs":[{"name":"x","shape":[1],"datatype":"FP16","data":[1]}]}`, nil, 400, "FP16 as JSON"},
		{"POST", infer, `{"inputs":[{"name":"z","shape":[1],"datatype":"FP32","data":[1]}]}`, nil, 400, `input "x"`},
		{"POST", infer, `{"inputs":[{"name":"x","shape":[0,2],"datatype":"FP32","data":[]}],"outputs":[{"name":"half"}]}`, nil, 400, "FP16 as JSON"},
		{"POST", infer, `{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":2}}]}`, nil, 400, `"classification" is not supported`},
		{"POST", infer, `{"inputs":[]}`, map[string]string{"content-encoding": "gzip"}, 415, "gzip"},
		{"POST", infer, `{"inputs":[]}`, map[string]string{"inference-header-content-length": "14"}, 400, "a body of 13 bytes"},
		{"POST", infer, `{"inputs":[]}`, map[string]string{"Inference-Header-Content-Length": "-1"}, 400, "Inference-Header"},
		{"POST", infer, `{"inputs":[]}x`, map[string]string{"inference-header-content-length": "13"}, 400, "belong to no input"},
	} {
		r := ask(t, double{}, c.method, c.path, c.body, c.header)
		var body map[string]string
		if err := json.Unmarshal([]byte(r.Body), &body); err != nil || len(body) != 1 || r.StatusCode != c.status || !strings.Contains(body["error"], c.text) {
			t.Errorf("%s %s %s: wanted %d with %q, found %d %s", c.method, c.path, c.body, c.status, c.text, r.StatusCode, r.Body)
		}
		if (r.StatusCode == 405) != (r.Headers["allow"] != "") {
			t.Errorf("%s %s: headers %v", c.method, c.path, r.Headers)
		}
	}
}

func TestEveryKindOfErrorHasItsStatus(t *testing.T) {
	want := map[shard.Kind]int{shard.BadRequest: 400, shard.BadInput: 400, shard.Unsupported: 400, shard.TooLarge: 413, shard.Throttled: 429,
		shard.Deadline: 504, shard.Timeout: 504, shard.Canceled: 503, shard.Transport: 503, shard.Crashed: 503, shard.Unavailable: 503, shard.Garbled: 503}
	const body = `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`
	for _, kind := range shard.Kinds() {
		status := want[kind]
		if status == 0 {
			status = 500
		}
		cause := &shard.Error{Op: "stage trees", Shard: 1, Of: 3, Kind: kind, Message: "broke"}
		for of, status := range map[int]int{0: status, 3: map[bool]int{true: 500, false: status}[kind == shard.BadRequest || kind == shard.Unsupported]} {
			cause.Of = of
			r := ask(t, double{err: fmt.Errorf("outer: %w", cause)}, "POST", "/v2/models/double/infer", body, nil)
			if r.StatusCode != status || !strings.Contains(r.Body, "stage trees") || (r.Headers["retry-after"] == "1") != (status == 429 || status == 503) {
				t.Errorf("%v of %d: wanted %d, found %d %v %s", kind, of, status, r.StatusCode, r.Headers, r.Body)
			}
		}
	}
	if r := ask(t, double{err: errors.New("odd")}, "POST", "/v2/models/double/infer", body, nil); r.StatusCode != 500 {
		t.Errorf("an untyped error is %d", r.StatusCode)
	}
}

func TestAnAnswerBeyondLambdasLimitIs413(t *testing.T) {
	for rows, status := range map[int]int{4_700_000: 200, 4_719_000: 413, 8 << 20: 413} { // base64 takes a third more
		r := ask(t, double{rows: rows}, "POST", "/v2/models/double/infer",
			`{"inputs":[{"name":"x","shape":[0,2],"datatype":"FP32","data":[]}],"outputs":[{"name":"wide","parameters":{"binary_data":true}}]}`, nil)
		if r.StatusCode != status || r.StatusCode == 413 && !strings.Contains(r.Body, "send fewer rows") {
			t.Errorf("%d bytes: %d %.200s", rows, r.StatusCode, r.Body)
		}
	}
}

func TestEventsThatAreNoneAreRefused(t *testing.T) {
	good := `"rawPath":"/v2","requestContext":{"http":{"method":"GET"}}`
	for text, want := range map[string]string{
		``: "malformed", `{}`: "rawPath", `{"version":"1.0",` + good + `}`: "only 2.0", `{` + good + `,"rawPath":"/"}`: "twice",
		`{` + good + `,"body":"a","isBase64Encoded":true}`: "base64", `{` + good + `,"body":"\q"}`: "escape",
		`{` + good + `,"headers":{"A":"1","a":"2"}}`: "stands twice", `{` + good + `} x`: "end of the text", `{"rawPath":"/v2"}`: "method",
	} {
		reply, err := httpapi.New(double{}).Invoke(t.Context(), []byte(text))
		if err != nil || !strings.Contains(string(reply), want) || !strings.HasPrefix(string(reply), `{"statusCode":400,`) {
			t.Errorf("%s: %s, %v", text, reply, err)
		}
	}
	reply, err := httpapi.New(double{}).Invoke(t.Context(), []byte(`{"new":{"a":[1]},"cookies":null,"body":null,`+good+`}`))
	if err != nil || !strings.HasPrefix(string(reply), `{"statusCode":200,`) {
		t.Errorf("an event with new keys: %s, %v", reply, err)
	}
}

func TestHeadersOfAnAnswerAreInLowerCaseAndOrdered(t *testing.T) {
	r := ask(t, double{}, "PUT", "/v2", "", nil)
	names := slices.Sorted(maps.Keys(r.Headers))
	if !slices.Equal(names, []string{"allow", "content-type"}) || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("found %v", r)
	}
}
