//go:build unix

package simulator

import (
	"net/http"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

func TestAFunctionsAnswerBecomesAnHTTPResponse(t *testing.T) {
	for answer, want := range map[string]struct {
		status int
		kind   string
		body   string
	}{
		`{"statusCode":201,"headers":{"content-type":"text/plain","x-a":"1"},"cookies":["a=1","b=2"],"body":"made"}`: {201, "text/plain", "made"},
		`{"statusCode":200,"body":"AAEC","isBase64Encoded":true}`:                                                    {200, "application/json", "\x00\x01\x02"},
		`{"statusCode":204}`:                  {204, "application/json", ""},
		`{"message":"hello"}`:                 {200, "application/json", `{"message":"hello"}`},
		`"hello"`:                             {200, "application/json", "hello"},
		`null`:                                {200, "application/json", "null"},
		`[1]`:                                 {200, "application/json", "[1]"},
		`{"statusCode":99}`:                   {502, "application/json", "Internal Server Error"},
		`{"statusCode":600}`:                  {502, "application/json", "Internal Server Error"},
		`{"statusCode":"200"}`:                {502, "application/json", "Internal Server Error"},
		`{"statusCode":200,"body":{}}`:        {502, "application/json", "Internal Server Error"},
		`{"statusCode":200,"headers":{"a":1}`: {502, "application/json", "Internal Server Error"},
		`{"statusCode":200,"body":"*","isBase64Encoded":true}`: {502, "application/json", "Internal Server Error"},
		``: {502, "application/json", "Internal Server Error"},
	} {
		w := &recorder{header: http.Header{}}
		writeURLResult(w, &sandbox.Result{Body: []byte(answer)})
		if w.status != want.status || w.header.Get("Content-Type") != want.kind || w.body.String() != want.body {
			t.Errorf("%s: wanted %v, found %d %v %q", answer, want, w.status, w.header, w.body.String())
		}
		if want.status == 201 && (w.header.Get("X-A") != "1" || strings.Join(w.header["Set-Cookie"], ";") != "a=1;b=2") {
			t.Errorf("%s: headers %v", answer, w.header)
		}
	}
}

// recorder keeps a response.
type recorder struct {
	status int
	header http.Header
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

func FuzzReadURLResult(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"cookies":["c"],"body":"eA==","isBase64Encoded":true}`))
	f.Add([]byte(`{"statusCode":1e2}`))
	f.Add([]byte(`"\ud800"`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		status, header, body, err := readURLResult(&sandbox.Result{Body: answer})
		if err == nil && (status < 200 || status > 599 || header.Get("Content-Type") == "" && len(header["Content-Type"]) == 0) {
			t.Fatalf("%d %v %q", status, header, body)
		}
	})
}
