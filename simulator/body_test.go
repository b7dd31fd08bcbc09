//go:build unix

package simulator_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

// s3Signed makes a request one to S3; the signature is not checked.
const s3Signed = "Authorization: AWS4-HMAC-SHA256 Credential=ak/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00\r\n"

// connect opens a connection to a simulator that does not wait for ever.
func connect(t *testing.T, sim *simulator.Simulator) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(sim.Endpoint(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// say writes to a connection.
func say(t *testing.T, conn net.Conn, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, format, args...); err != nil {
		t.Fatal(err)
	}
}

// receive reads one response.
func receive(t *testing.T, in *bufio.Reader) (*http.Response, string) {
	t.Helper()
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

func TestABodyThatNeverFinishesIsCutOff(t *testing.T) {
	t.Parallel()
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "echo")}, FunctionURL: "f", Buckets: []string{"bucket"},
		StepFunctions: &simulator.StepFunctions{}, Page: http.NotFoundHandler(), BodyTimeout: 150 * time.Millisecond})
	for name, c := range map[string]struct {
		head   string // without Host and the body's length
		status int
		text   string
	}{
		"Invoke":              {"POST /2015-03-31/functions/f/invocations", 400, "each MiB of it must come in within 150ms"},
		"InvokeAsync":         {"POST /2014-11-13/functions/f/invoke-async", 400, "each MiB of it must come in"},
		"a stream":            {"POST /2021-11-15/functions/f/response-streaming-invocations", 400, "each MiB of it must come in"},
		"a function URL":      {"POST /v2/models/m/infer", 400, "each MiB of it must come in"},
		"a configuration":     {"PUT /2015-03-31/functions/f/configuration", 400, "each MiB of it must come in"},
		"Step Functions":      {"POST /\r\nX-Amz-Target: AWSStepFunctions.StartExecution", 400, "each MiB of it must come in"},
		"an object":           {"PUT /bucket/key\r\n" + s3Signed, 400, "IncompleteBody"},
		"a checked object":    {"PUT /bucket/key\r\nX-Amz-Checksum-Crc32: AAAAAA==\r\n" + s3Signed, 400, "IncompleteBody"},
		"S3's refusal":        {"PUT /bucket/key?acl\r\n" + s3Signed, 501, "NotImplemented"},
		"an unknown function": {"DELETE /2015-03-31/functions/f/none", 404, "UnknownOperation"},
		"the live page":       {"POST /_shardwise/", 404, "404 page not found"},
	} {
		for framing, begun := range map[string]string{"length": "Content-Length: 100\r\n\r\n{\"a\"", "chunked": "Transfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n"} {
			if framing == "chunked" && strings.Contains(name, "object") {
				continue // S3 wants the length
			}
			t.Run(name+"/"+framing, func(t *testing.T) {
				t.Parallel()
				line, rest, _ := strings.Cut(c.head, "\r\n")
				if rest = strings.TrimSuffix(rest, "\r\n"); rest != "" {
					rest += "\r\n"
				}
				conn, in := connect(t, sim)
				say(t, conn, "%s HTTP/1.1\r\nHost: x\r\n%s%s", line, rest, begun)
				r, body := receive(t, in)
				if text := r.Header.Get("X-Amzn-Errortype") + body; r.StatusCode != c.status || !strings.Contains(text, c.text) {
					t.Errorf("status %d, %s; want %d and %q", r.StatusCode, text, c.status, c.text)
				}
				if _, err := in.ReadByte(); err != io.EOF {
					t.Errorf("then %v, wanted the end of the connection", err)
				}
			})
		}
	}
}

func TestABodyThatComesInSlowlyIsTaken(t *testing.T) {
	t.Parallel()
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script")}, Buckets: []string{"bucket"}, BodyTimeout: 2 * time.Second})
	const parts = 4
	for name, head := range map[string]string{
		"Invoke":    "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: x\r\n",
		"an object": "PUT /bucket/key HTTP/1.1\r\nHost: x\r\n" + s3Signed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, in := connect(t, sim)
			begin := time.Now()
			text := `{"Do":"pid","Arg":"` + strings.Repeat("x", parts<<20-21) + `"}`
			say(t, conn, "%sContent-Length: %d\r\n\r\n", head, len(text))
			for i := range parts {
				time.Sleep(600 * time.Millisecond)
				say(t, conn, "%s", text[i<<20:(i+1)<<20])
			}
			if r, body := receive(t, in); r.StatusCode != 200 || time.Since(begin) < 2*time.Second {
				t.Errorf("status %d after %v, %s", r.StatusCode, time.Since(begin), body)
			}
		})
	}
}

func TestTheTimeOfABodyEndsWithTheBody(t *testing.T) {
	t.Parallel()
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "script"), fn(t, "stream", "stream")}, FunctionURL: "f",
		BodyTimeout: 200 * time.Millisecond})
	const event = `{"Do":"sleep","Arg":"600ms"}`
	for name, path := range map[string]string{"Invoke": "/2015-03-31/functions/f/invocations", "a function URL": "/v2"} {
		for framing, framed := range map[string]string{"length": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(event), event),
			"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(event), event)} {
			if path == "/v2" {
				framed = "Content-Length: 3\r\n\r\nabc" // the event is the request: it answers the process id at once
			}
			t.Run(name+"/"+framing, func(t *testing.T) {
				t.Parallel()
				conn, in := connect(t, sim)
				for range 2 { // on one connection
					say(t, conn, "POST %s HTTP/1.1\r\nHost: x\r\n%s", path, framed)
					if r, body := receive(t, in); r.StatusCode != 200 || r.Header.Get("X-Amz-Function-Error") != "" {
						t.Errorf("status %d, %s", r.StatusCode, body)
					}
					time.Sleep(400 * time.Millisecond)
				}
			})
		}
	}
	t.Run("a stream", func(t *testing.T) {
		t.Parallel()
		conn, in := connect(t, sim)
		mark := t.TempDir() + "/mark"
		event := fmt.Sprintf(`{"Do":"wait","Arg":%q}`, mark)
		say(t, conn, "POST /2021-11-15/functions/stream/response-streaming-invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(event), event)
		time.AfterFunc(600*time.Millisecond, func() { touch(t, mark) })
		if r, body := receive(t, in); r.StatusCode != 200 || !strings.Contains(body, "second") || !strings.Contains(body, "InvokeComplete") {
			t.Errorf("status %d, %q", r.StatusCode, body)
		}
	})
}

func TestABodysTimeIsNotNegative(t *testing.T) {
	if err := (simulator.Config{BodyTimeout: -1}).Validate(); err == nil || !strings.Contains(err.Error(), "BodyTimeout -1ns") {
		t.Errorf("%v", err)
	}
}

// touch makes an empty file.
func touch(t *testing.T, path string) {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Error(err)
	}
}
