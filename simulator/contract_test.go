//go:build unix

package simulator_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator"
)

// reply is an answer of the Invoke API on the wire.
type reply struct {
	status int
	header http.Header
	body   string
}

// wire sends a request without any SDK. Headers come in pairs.
func wire(tb testing.TB, method, url string, body io.Reader, header ...string) reply {
	tb.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w, err := httpClient(tb).Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Body.Close()
	p, err := io.ReadAll(w.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{w.StatusCode, w.Header, string(p)}
}

const account = "123456789012"

func contractSimulator(t *testing.T) *simulator.Simulator {
	t.Helper()
	f := fn(t, "shard-0", "echo")
	f.Versions, f.Aliases = []simulator.Version{{Number: "1"}}, map[string]string{"live": "1", "m-0123456789ab": "$LATEST"}
	sim, _ := start(t, simulator.Config{Account: account, Region: "eu-central-1",
		Functions: []simulator.Function{f, fn(t, "typed", "content-type"), fn(t, "breaks", "stream-breaks")}})
	return sim
}

func TestContractOfASuccessfulInvoke(t *testing.T) {
	t.Parallel()
	sim := contractSimulator(t)
	r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/shard-0/invocations", strings.NewReader(`{"a":1}`))
	if r.status != 200 || r.body != `{"a":1}` {
		t.Fatalf("status %d, body %s", r.status, r.body)
	}
	for name, want := range map[string]string{"X-Amz-Executed-Version": "$LATEST", "X-Amzn-Remapped-Content-Length": "0",
		"Content-Type": "application/octet-stream", "X-Amz-Function-Error": "", "X-Amz-Log-Result": "", "Content-Length": "7"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if uuid.Validate(r.header.Get("X-Amzn-Requestid")) != nil || !strings.HasPrefix(r.header.Get("X-Amzn-Trace-Id"), "Root=1-") {
		t.Errorf("request id %q, trace %q", r.header.Get("X-Amzn-Requestid"), r.header.Get("X-Amzn-Trace-Id"))
	}
	if r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/typed/invocations", nil); r.header.Get("Content-Type") != "text/csv" || r.body != "a,b\n1,2\n" {
		t.Errorf("a runtime's own content type: %q, %q", r.header.Get("Content-Type"), r.body)
	}
	if r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/breaks/invocations", nil); r.header.Get("X-Amz-Function-Error") != "Unhandled" ||
		r.body != `{"errorMessage":"the reader broke","errorType":"errorString"}` {
		t.Errorf("a stream that breaks off: %q, %s", r.header.Get("X-Amz-Function-Error"), r.body)
	}
	if r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/shard-0/invocations", strings.NewReader(`1`), "X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793"); r.header.Get("X-Amzn-Trace-Id") != "Root=1-5759e988-bd862e3fe1be46a994272793" {
		t.Errorf("a trace header is not carried on: %q", r.header.Get("X-Amzn-Trace-Id"))
	}
}

func TestContractOfWhatAnInvokeMayLookLike(t *testing.T) {
	t.Parallel()
	sim := contractSimulator(t)
	url := sim.Endpoint() + "/2015-03-31/functions/shard-0/invocations"
	for name, header := range map[string][]string{
		"no content type": {}, "octet stream": {"Content-Type", "application/octet-stream"}, "expect": {"Expect", "100-continue"},
		"gzip": {"Accept-Encoding", "gzip"}, "signed": {"Authorization", "AWS4-HMAC-SHA256 nonsense"},
	} {
		if r := wire(t, "POST", url, strings.NewReader(` {"a":"é"} `), header...); r.status != 200 || r.body != ` {"a":"é"} ` {
			t.Errorf("%s: status %d, body %q", name, r.status, r.body)
		}
	}
	if r := wire(t, "POST", url, http.NoBody); r.status != 200 || r.body != "{}" {
		t.Errorf("empty body: status %d, body %q, want the empty event", r.status, r.body)
	}
	if r := wire(t, "POST", url, io.MultiReader(strings.NewReader(`[1]`))); r.status != 200 || r.body != "[1]" {
		t.Errorf("chunked body: status %d, body %q", r.status, r.body)
	}
	if r := wire(t, "POST", url, strings.NewReader(`{}`), "X-Amz-Invocation-Type", "DryRun"); r.status != 204 || r.body != "" {
		t.Errorf("DryRun: status %d, body %q, want 204", r.status, r.body)
	}
}

func TestContractOfFunctionNamesAndQualifiers(t *testing.T) {
	t.Parallel()
	sim := contractSimulator(t)
	arn := "arn:aws:lambda:eu-central-1:" + account + ":function:shard-0"
	for _, tc := range []struct{ name, query, version string }{
		{"shard-0", "", "$LATEST"}, {"shard-0:1", "", "1"}, {"shard-0:live", "", "1"}, {"shard-0:$LATEST", "", "$LATEST"},
		{"shard-0", "live", "1"}, {"shard-0", "$LATEST", "$LATEST"}, {"shard-0:live", "live", "1"}, {"shard-0:m-0123456789ab", "", "$LATEST"},
		{account + ":function:shard-0", "", "$LATEST"}, {account + ":function:shard-0:live", "", "1"},
		{"function:shard-0", "", "$LATEST"}, {arn, "", "$LATEST"}, {arn + ":live", "", "1"}, {arn, "1", "1"},
	} {
		for _, escape := range []func(string) string{url.QueryEscape, url.PathEscape, func(s string) string { return s }} {
			target := sim.Endpoint() + "/2015-03-31/functions/" + escape(tc.name) + "/invocations"
			if tc.query != "" {
				target += "?Qualifier=" + url.QueryEscape(tc.query)
			}
			if r := wire(t, "POST", target, nil); r.status != 200 || r.header.Get("X-Amz-Executed-Version") != tc.version {
				t.Errorf("%s: status %d, version %q, want %q: %s", target, r.status, r.header.Get("X-Amz-Executed-Version"), tc.version, r.body)
			}
		}
	}
}

func TestContractOfRefusals(t *testing.T) {
	t.Parallel()
	sim := contractSimulator(t)
	prefix := "arn:aws:lambda:eu-central-1:" + account + ":function:"
	found := func(arn string) string { return `{"Message":"Function not found: ` + arn + `","Type":"User"}` }
	json400 := "{\"Type\":\"User\",\"message\":\"Could not parse request body into json: Could not parse payload into json: "
	source := `\n at [Source: REDACTED (` + "`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION`" + ` disabled); line: 1, column: `
	value := `(JSON String, Number, Array, Object or token 'null', 'true' or 'false')`
	for _, tc := range []struct {
		name, query, body string
		header            []string
		status            int
		code, want        string
	}{
		{name: "none", status: 404, code: "ResourceNotFoundException", want: found(prefix + "none:$LATEST")},
		{name: "shard-0:9", status: 404, code: "ResourceNotFoundException", want: found(prefix + "shard-0:9")},
		{name: "shard-0", query: "stable", status: 404, code: "ResourceNotFoundException", want: found(prefix + "shard-0:stable")},
		{name: "arn:aws:lambda:us-west-2:" + account + ":function:shard-0", status: 404, code: "ResourceNotFoundException",
			want: found("arn:aws:lambda:us-west-2:" + account + ":function:shard-0:$LATEST")},
		{name: "shard-0:live", query: "1", status: 400, code: "InvalidParameterValueException",
			want: `{"Type":"User","message":"The derived qualifier from the function name does not match the specified qualifier."}`},
		{name: "shard-0", body: "\"\x87\"", status: 400, code: "InvalidRequestContentException",
			want: json400 + `Invalid UTF-8 start byte 0x87` + source + `2]"}`},
		{name: "shard-0", body: "<a/>", status: 400, code: "InvalidRequestContentException",
			want: json400 + `Unexpected character ('\u003c' (code 60)): expected a valid value ` + value + source + `1]"}`},
		{name: "shard-0", header: []string{"X-Amzn-RequestId", "not-a-uuid"}, status: 400, code: "InvalidRequestContentException"},
		{name: "shard-0", header: []string{"X-Amz-Client-Context", "%%"}, status: 400, code: "InvalidRequestContentException"},
		{name: "shard-0", header: []string{"X-Amz-Client-Context", strings.Repeat("A", 3584)}, status: 400, code: "InvalidRequestContentException"},
		{name: "shard-0", header: []string{"X-Amz-Invocation-Type", "Later"}, status: 400, code: "ValidationException"},
		{name: "shard-0", header: []string{"X-Amz-Log-Type", "Head"}, status: 400, code: "ValidationException"},
		{name: "shard-0", body: `"` + strings.Repeat("A", simulator.MaxEvent-1) + `"`, header: []string{"X-Amz-Invocation-Type", "Event"}, status: 413,
			code: "SerializedRequestEntityTooLargeException", want: `{"Type":"User","message":"1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"}`},
		{name: "none", header: []string{"X-Amz-Invocation-Type", "Event"}, status: 404, code: "ResourceNotFoundException"},
		{name: "shard-0", body: "{", header: []string{"X-Amz-Invocation-Type", "Event"}, status: 400, code: "InvalidRequestContentException"},
		{name: "shard-0", header: []string{"X-Amz-Tenant-Id", "t"}, status: 400, code: "InvalidParameterValueException"},
		{name: "a!b", status: 400, code: "ValidationException"},
		{name: "shard-0", query: "a b", status: 400, code: "ValidationException"},
	} {
		target := sim.Endpoint() + "/2015-03-31/functions/" + url.PathEscape(tc.name) + "/invocations"
		if tc.query != "" {
			target += "?Qualifier=" + url.QueryEscape(tc.query)
		}
		r := wire(t, "POST", target, strings.NewReader(tc.body), tc.header...)
		if r.status != tc.status || r.header.Get("X-Amzn-ErrorType") != tc.code || uuid.Validate(r.header.Get("X-Amzn-Requestid")) != nil {
			t.Errorf("%+v: status %d, code %q, request id %q", tc, r.status, r.header.Get("X-Amzn-ErrorType"), r.header.Get("X-Amzn-Requestid"))
		}
		if tc.want != "" && !sameJSON(t, r.body, tc.want) {
			t.Errorf("%s %q:\n got %s\nwant %s", tc.name, tc.body, r.body, tc.want)
		}
		key := "message"
		if r.status == 404 {
			key = "Message"
		}
		var body map[string]string
		if err := json.Unmarshal([]byte(r.body), &body); err != nil || body[key] == "" || body["Type"] != "User" {
			t.Errorf("%+v: body %s lacks %s or Type", tc, r.body, key)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y bytes.Buffer
	var u, v any
	if err := json.Unmarshal([]byte(a), &u); err != nil {
		t.Fatalf("%q: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &v); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	if err := json.NewEncoder(&x).Encode(u); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&y).Encode(v); err != nil {
		t.Fatal(err)
	}
	return x.String() == y.String()
}

func TestContractOfRequestSizeToTheByte(t *testing.T) {
	t.Parallel()
	sim := contractSimulator(t)
	target := sim.Endpoint() + "/2015-03-31/functions/shard-0/invocations"
	for _, chunked := range []bool{false, true} {
		for _, over := range []int{0, 1, 1 << 20} {
			text := `"` + strings.Repeat("A", simulator.MaxRequest-2+over) + `"`
			var body io.Reader = strings.NewReader(text)
			if chunked {
				body = io.MultiReader(body)
			}
			r := wire(t, "POST", target, body)
			if over == 0 {
				if r.status != 200 || r.body != text {
					t.Errorf("chunked %v: the largest request: status %d, %d bytes", chunked, r.status, len(r.body))
				}
				continue
			}
			want := `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`
			if r.status != 413 || r.header.Get("X-Amzn-ErrorType") != "RequestTooLargeException" || r.body != want {
				t.Errorf("chunked %v: %d bytes over: status %d, %s", chunked, over, r.status, r.body)
			}
		}
	}
}

func TestContractOfTheClientContext(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "script")
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f}})
	encoded := base64.StdEncoding.EncodeToString([]byte("{\"custom\":\n {\"k\":\"v\"}}"))
	r := wire(t, "POST", sim.Endpoint()+"/2015-03-31/functions/f/invocations", strings.NewReader(`{"Do":"context"}`), "X-Amz-Client-Context", encoded)
	if r.status != 200 || !strings.Contains(r.body, `"custom":{"k":"v"}`) {
		t.Errorf("status %d, body %s", r.status, r.body)
	}
}

func TestContractOfWhatIsNotServed(t *testing.T) {
	t.Parallel()
	sim := contractSimulator(t)
	for _, tc := range []struct{ method, path string }{
		{"GET", "/"}, {"POST", "/"}, {"PUT", "/bucket/key"}, {"GET", "/2015-03-31/functions/shard-0/invocations"},
		{"GET", "/2021-11-15/functions/shard-0/response-streaming-invocations"}, {"DELETE", "/2015-03-31/functions/shard-0"},
	} {
		if r := wire(t, tc.method, sim.Endpoint()+tc.path, nil); r.status != 404 || r.header.Get("X-Amzn-ErrorType") != "UnknownOperationException" {
			t.Errorf("%s %s: status %d, code %q", tc.method, tc.path, r.status, r.header.Get("X-Amzn-ErrorType"))
		}
	}
}
