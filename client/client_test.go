package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/client"
	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/internal/tensor"
)

// script answers every request alike and keeps the last one.
type script struct {
	status int
	header map[string]string
	body   string
	asked  *http.Request
	sent   []byte
}

func (s *script) Do(r *http.Request) (*http.Response, error) {
	s.asked = r
	var err error
	if s.sent, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	answer := &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body))}
	for name, value := range s.header {
		answer.Header.Set(name, value)
	}
	return answer, nil
}

func open(t *testing.T, s *script) *client.Client {
	t.Helper()
	c, err := client.New("http://example.test/base/", "m", client.Options{HTTP: s, Version: "1/2", MaxReply: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func input(t *testing.T) client.Tensor {
	t.Helper()
	x, err := client.NewTensor("x", []float32{1, float32(math.NaN()), -0.5}, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestTheRequestReadsBackWithTheSameBits lets the server's own decoder read what is sent.
func TestTheRequestReadsBackWithTheSameBits(t *testing.T) {
	s := &script{status: 503, header: map[string]string{"Retry-After": "7"}, body: `{"error":"wait"}`}
	texts, err := client.NewStrings("s", []string{"a", "", "é"})
	if err != nil {
		t.Fatal(err)
	}
	flags, err := client.NewTensor("b", []bool{true, false})
	if err != nil {
		t.Fatal(err)
	}
	_, err = open(t, s).Infer(t.Context(), client.Request{ID: "i", Mode: "sum", Deadline: 2 * time.Second, Outputs: []string{"y", "z"},
		Inputs: []client.Tensor{input(t), texts, flags}})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter != 7*time.Second || refused.Message != "wait" {
		t.Fatalf("found %v", err)
	}
	if s.asked.Method != "POST" || s.asked.URL.EscapedPath() != "/base/v2/models/m/versions/1%2F2/infer" {
		t.Errorf("asked %s %s", s.asked.Method, s.asked.URL)
	}
	n := len(s.sent) - 12 - 15 - 2
	got, err := oip.DecodeExtended(s.sent[:n], s.sent[n:])
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.Of[float32](got.Inputs["x"])
	if got.ID != "i" || got.Mode != "sum" || got.DeadlineMS != 2000 || !slices.Equal(got.Outputs, []string{"y", "z"}) || !got.WantsBinary("y") ||
		x[0] != 1 || x[1] == x[1] || x[2] != -0.5 || got.Inputs["s"].StringAt(2) != "é" || !tensor.Of[bool](got.Inputs["b"])[0] {
		t.Errorf("found %+v", got)
	}
}

func TestAnswersThatAreNotTheOnesAskedForAreErrors(t *testing.T) {
	const y = `{"name":"y","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}`
	for _, c := range []struct{ head, tail, length, want string }{
		{`{"outputs":[` + y + `]}`, "abcd", "", ""},
		{`{"outputs":[` + y + `]}`, "abcd", "x", "Inference-Header-Content-Length"},
		{`{"outputs":[` + y + `]}`, "abcd", "999", "Inference-Header-Content-Length"},
		{`{"outputs":[` + y + `]}`, "abc", "", "no binary data, or more"},
		{`{"outputs":[` + y + `]}`, "abcde", "", "1 bytes too many"},
		{`{"outputs":[]}`, "", "", "0 of them"},
		{`{"outputs":[` + y + `,` + y + `]}`, "abcdabcd", "", `found "y"`},
		{`{"outputs":[` + strings.Replace(y, `"y"`, `"z"`, 1) + `]}`, "abcd", "", `found "z"`},
		{`{"outputs":[` + strings.Replace(y, `[1]`, `[2]`, 1) + `]}`, "abcd", "", "takes 2 elements"},
		{`{"outputs":[` + strings.Replace(y, `[1]`, `[-1]`, 1) + `]}`, "abcd", "", "negative"},
		{`{"outputs":[` + strings.Replace(y, `[1]`, `[9223372036854775807,9223372036854775807]`, 1) + `]}`, "abcd", "", "more elements than"},
		{`{"outputs":[` + strings.Replace(y, `FP32`, `COMPLEX`, 1) + `]}`, "abcd", "", `"COMPLEX"`},
		{`{"outputs":[` + strings.Replace(y, `FP32`, `BYTES`, 1) + `]}`, "\x05\x00\x00\x00", "", "reaches beyond"},
		{`{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]}`, "", "", "no binary data"},
		{`{"outputs":`, "", "", "unexpected end"},
		{strings.Repeat(" ", 1001), "", "", "more than 1000 bytes"},
	} {
		s := &script{status: 200, header: map[string]string{"Inference-Header-Content-Length": c.length}, body: c.head + c.tail}
		if c.length == "" {
			s.header["Inference-Header-Content-Length"] = strconv.Itoa(len(c.head))
		}
		r, err := open(t, s).Infer(t.Context(), client.Request{Inputs: []client.Tensor{input(t)}, Outputs: []string{"y"}})
		if c.want == "" {
			if err != nil || len(r.Outputs) != 1 || string(r.Output("y").Data) != "abcd" {
				t.Errorf("%s: %v %v", c.head, r, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: wanted %q, found %v", c.head, c.tail, c.want, err)
		}
	}
}

func TestRefusalsOfLambdaItselfKeepTheirMessage(t *testing.T) {
	for body, want := range map[string]string{`{"message":"Rate Exceeded."}`: "Rate Exceeded.", `{"Message":"Forbidden"}`: "Forbidden",
		`Internal Server Error`: "Internal Server Error", `{"error":"no"}`: "no", "\xff": ""} {
		err := open(t, &script{status: 429, body: body}).Ready(t.Context())
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Status != 429 || refused.Message != want || refused.RetryAfter != 0 {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := open(t, &script{status: 200, body: `{}`}).Metadata(t.Context()); err == nil {
		t.Error("metadata without a name were accepted")
	}
}

func TestNewRefusesWhatIsNoEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:80", "ftp://x", "http://", "http://x?q=1", "http://x#f", "http://%zz"} {
		if _, err := client.New(endpoint, "m", client.Options{}); err == nil {
			t.Errorf("%q was accepted", endpoint)
		}
	}
	if _, err := client.New("http://x", "", client.Options{}); err == nil {
		t.Error("a model without a name was accepted")
	}
}

// api answers every invocation alike.
type api struct{ out *lambda.InvokeOutput }

func (a api) Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	return a.out, nil
}

func TestLambdaRefusesWhatIsNoHTTPAnswer(t *testing.T) {
	failed := "Unhandled"
	for name, out := range map[string]*lambda.InvokeOutput{
		"function error": {FunctionError: &failed, Payload: []byte(`{"errorType":"Runtime.ExitError"}`)},
		"not JSON":       {Payload: []byte(`x`)},
		"no status":      {Payload: []byte(`{"outputs":[]}`)},
		"bad base64":     {Payload: []byte(`{"statusCode":200,"isBase64Encoded":true,"body":"*"}`)},
	} {
		c, err := client.New(client.LambdaEndpoint, "m", client.Options{HTTP: client.Lambda(api{out}, "f", "")})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "invoke f") {
			t.Errorf("%s: %v", name, err)
		}
	}
	body := base64.StdEncoding.EncodeToString([]byte(`{"name":"m","inputs":[{}],"outputs":[{}]}`))
	out := &lambda.InvokeOutput{Payload: []byte(`{"statusCode":200,"isBase64Encoded":true,"body":"` + body + `"}`)}
	c, err := client.New(client.LambdaEndpoint, "m", client.Options{HTTP: client.Lambda(api{out}, "f", "")})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := c.Metadata(t.Context()); err != nil || m.Name != "m" {
		t.Errorf("found %v, %v", m, err)
	}
}
