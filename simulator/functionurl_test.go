//go:build unix

package simulator_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardwise/shardwise/simulator"
)

// fetch sends an HTTP request to a simulator and reads the answer.
func fetch(t *testing.T, method, url, body string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := httpClient(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if e := answer.Body.Close(); err != nil || e != nil {
		t.Fatal(err, e)
	}
	return answer, text
}

func TestAPlainRequestBecomesAFunctionURLEvent(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "echo")
	f.Versions, f.Aliases = []simulator.Version{{Number: "1"}}, map[string]string{"live": "1"}
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{f}, FunctionURL: "f:live"})
	for _, c := range []struct {
		kind, body string
		base64     bool
	}{
		{"application/json; charset=utf-8", `{"é": 1}`, false}, {"text/plain", "x\ny<&>", false}, {"application/json", "\xff", true},
		{"application/octet-stream", "abc", true}, {"", "\x00\x01", true}, {"text/plain", "", false},
	} {
		header := http.Header{"Content-Type": {c.kind}, "X-Many": {"a", "b"}, "Cookie": {"one=1; two=2"}}
		answer, text := fetch(t, "PUT", sim.Endpoint()+"/v2/a%20b?q=1&q=2&p", c.body, header)
		var e events.LambdaFunctionURLRequest
		if err := json.Unmarshal(text, &e); err != nil || answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%d %s: %v", answer.StatusCode, text, err)
		}
		body := []byte(e.Body)
		if e.IsBase64Encoded {
			var err error
			if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
				t.Fatal(err)
			}
		}
		if string(body) != c.body || e.IsBase64Encoded != c.base64 {
			t.Errorf("%s %q: %+v", c.kind, c.body, e)
		}
		if e.Version != "2.0" || e.RawPath != "/v2/a%20b" || e.RawQueryString != "q=1&q=2&p" || e.QueryStringParameters["q"] != "1,2" || e.QueryStringParameters["p"] != "" ||
			e.Headers["x-many"] != "a,b" || e.Headers["cookie"] != "" || strings.Join(e.Cookies, ";") != "one=1;two=2" || e.Headers["content-type"] != c.kind {
			t.Errorf("event %+v", e)
		}
		h := e.RequestContext.HTTP
		if h.Method != "PUT" || h.Path != "/v2/a b" || h.SourceIP != "127.0.0.1" || e.RequestContext.TimeEpoch == 0 ||
			e.RequestContext.RequestID == "" || e.RequestContext.RequestID != answer.Header.Get("X-Amzn-Requestid") {
			t.Errorf("context %+v", e.RequestContext)
		}
	}
}

func TestPathsOfTheServiceAreNeverAFunctionURLs(t *testing.T) {
	t.Parallel()
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "echo")}, FunctionURL: "f"})
	for path, status := range map[string]int{"/2015-03-31/functions": 200, "/2015-03-31/functions/none": 404, "/2020-06-30/functions/f/code-signing-config": 404, "/2015-03-31": 404} {
		if answer, text := fetch(t, "GET", sim.Endpoint()+path, "", nil); answer.StatusCode != status || bytes.Contains(text, []byte("rawPath")) {
			t.Errorf("%s: %d %s", path, answer.StatusCode, text)
		}
	}
	without, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "echo")}})
	if answer, text := fetch(t, "GET", without.Endpoint()+"/v2", "", nil); answer.StatusCode != 404 || answer.Header.Get("X-Amzn-Errortype") != "UnknownOperationException" {
		t.Errorf("without a function URL: %d %s", answer.StatusCode, text)
	}
}

func TestAFunctionURLAnswersFailuresOfTheService(t *testing.T) {
	t.Parallel()
	throttled := fn(t, "f", "echo")
	throttled.ReservedConcurrency = new(0)
	large := strings.Repeat("a", simulator.MaxRequest-100)
	for name, c := range map[string]struct {
		function simulator.Function
		body     string
		status   int
		text     string
	}{
		"function error":  {fn(t, "f", "init-exit"), "", 502, "Internal Server Error"},
		"throttled":       {throttled, "", 429, "Rate Exceeded."},
		"large event":     {fn(t, "f", "echo"), large, 413, "must be smaller"},
		"large body":      {fn(t, "f", "echo"), large + large, 413, "must be smaller"},
		"an answer as is": {fn(t, "f", "script"), "", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, _ := start(t, simulator.Config{Functions: []simulator.Function{c.function}, FunctionURL: "f:$LATEST"})
			answer, text := fetch(t, "POST", sim.Endpoint()+"/", c.body, http.Header{"Content-Type": {"text/plain"}})
			if answer.StatusCode != c.status || !strings.Contains(string(text), c.text) {
				t.Errorf("wanted %d with %q, found %d %s", c.status, c.text, answer.StatusCode, text)
			}
		})
	}
}

func TestAFunctionURLWantsAFunctionAndAnAlias(t *testing.T) {
	f := fn(t, "f", "echo")
	f.Versions = []simulator.Version{{Number: "1"}}
	for url, want := range map[string]string{"g": "configured function", "f:1": "no URL to a version", "f:live": "an alias"} {
		err := simulator.Config{Functions: []simulator.Function{f}, FunctionURL: url}.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: wanted %q, found %v", url, want, err)
		}
	}
}
