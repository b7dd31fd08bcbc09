//go:build unix

package simulator_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

// hostile is a runtime that does what its events ask for, and then goes on as if nothing had been.
func hostile() {
	host := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	base := "http://" + host + "/2018-06-01/runtime/invocation/"
	for {
		r, err := http.Get(base + "next")
		if err != nil || r.StatusCode != 200 {
			os.Exit(3)
		}
		var c command
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			os.Exit(4)
		}
		_ = r.Body.Close()
		id := r.Header.Get("Lambda-Runtime-Aws-Request-Id")
		post := func(path, contentType, body string) string {
			r, err := http.Post(path, contentType, strings.NewReader(body))
			if err != nil {
				os.Exit(5)
			}
			_ = r.Body.Close()
			return strconv.Itoa(r.StatusCode)
		}
		answer := strconv.Itoa(os.Getpid())
		switch c.Do {
		case "unfinished": // holds the answer's place for good, and asks for more work meanwhile
			conn := rawPost(host, id, "Transfer-Encoding: chunked\r\n\r\n5\r\nha")
			for range 20 {
				_, _ = http.Get(base + "next")
				time.Sleep(5 * time.Millisecond)
			}
			_, _ = bufio.NewReader(conn).ReadByte()
			os.Exit(6)
		case "cut off":
			_ = rawPost(host, id, "Content-Length: 100\r\n\r\nhalf").Close()
			time.Sleep(50 * time.Millisecond) // until it has been noticed
		case "error":
			post(base+id+"/error", "text/plain", c.Arg)
			continue
		case "twice":
			answer = post(base+id+"/response", "", "first") + post(base+id+"/response", "", "second") + post(base+id+"/error", "", "{}")
			if answer != "202403403" {
				os.Exit(7)
			}
			continue
		case "ask":
			answer = c.Arg // another environment's address and request id, and this one's
			if other, theirs, ok := strings.Cut(answer, " "); ok {
				path := "http://" + other + "/2018-06-01/runtime/invocation/"
				answer = post(path+id+"/response", "", "x") + " " + post(base+theirs+"/response", "", "x")
			}
		case "hold":
			if err := os.WriteFile(c.Arg+".new", []byte(host+" "+id), 0o600); err != nil {
				os.Exit(8)
			}
			if err := os.Rename(c.Arg+".new", c.Arg); err != nil {
				os.Exit(8)
			}
			awaitFile(c.Arg + ".go")
		case "flood": // streams until it is killed
			_ = endless(base + id + "/response")
			os.Exit(9)
		}
		post(base+id+"/response", "text/plain", answer)
	}
}

// rawPost begins to answer an invocation.
func rawPost(host, id, rest string) net.Conn {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		os.Exit(10)
	}
	if _, err := fmt.Fprintf(conn, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\n%s", id, rest); err != nil {
		os.Exit(10)
	}
	return conn
}

func endless(url string) error {
	r, err := http.Post(url, "", io.MultiReader(repeated{}))
	if err == nil {
		err = r.Body.Close()
	}
	return err
}

type repeated struct{}

func (repeated) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte("flood "), 1000)), nil
}

func TestAHostileRuntimeHurtsItsOwnInvocationOnly(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "hostile")
	f.Timeout = 1500 * time.Millisecond
	_, c := start(t, simulator.Config{Functions: []simulator.Function{f}})
	for _, tc := range []struct {
		event       command
		failed      bool
		body        string // "" for the process id
		sameProcess bool
	}{
		{command{Do: "pid"}, false, "", false},
		{command{Do: "cut off"}, false, "", true},
		{command{Do: "error", Arg: "no JSON"}, true, "no JSON", true},
		{command{Do: "error"}, true, "the runtime reported an error without a document", true},
		{command{Do: "twice"}, false, "first", true},
		{command{Do: "unfinished"}, true, "Task timed out after 1.50 seconds", true},
		{command{Do: "pid"}, false, "", false},
	} {
		before := ""
		if tc.sameProcess {
			before = string(ok(t, c, "f", command{Do: "pid"}))
		}
		out := invoke(t, c, "f", tc.event)
		if (out.FunctionError != nil) != tc.failed || !strings.Contains(string(out.Payload), tc.body) {
			t.Errorf("%+v: error %v, %s; want %v, %q", tc.event, out.FunctionError, out.Payload, tc.failed, tc.body)
		}
		if tc.sameProcess && tc.body == "" && string(out.Payload) != before {
			t.Errorf("%+v: process %s, then %s", tc.event, before, out.Payload)
		}
	}
}

func TestARuntimeCannotAnswerAnotherEnvironmentsInvocation(t *testing.T) {
	t.Parallel()
	_, c := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "hostile")}})
	mark := t.TempDir() + "/mark"
	held := make(chan []byte)
	go func() { held <- ok(t, c, "f", command{Do: "hold", Arg: mark}) }()
	awaitFile(mark)
	victim, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	if got := ok(t, c, "f", command{Do: "ask", Arg: string(victim)}); string(got) != "400 400" {
		t.Errorf("the answers are %s, want 400 twice", got)
	}
	touch(t, mark+".go")
	if pid, err := strconv.Atoi(string(<-held)); err != nil || pid == 0 {
		t.Errorf("the other invocation: %v", err)
	}
}

// A client that does not read holds a stream up, but its function no longer than the function may run.
func TestAClientThatDoesNotReadHoldsNoEnvironmentBeyondItsTimeout(t *testing.T) {
	t.Parallel()
	f := fn(t, "f", "hostile")
	f.Timeout, f.ReservedConcurrency = 2*time.Second, new(1)
	sim, c := start(t, simulator.Config{Functions: []simulator.Function{f}, StreamRate: 1 << 30})
	conn, _ := connect(t, sim)
	const event = `{"Do":"flood"}`
	say(t, conn, "POST /2021-11-15/functions/f/response-streaming-invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(event), event)
	time.Sleep(500 * time.Millisecond) // until it has the one place
	begin := time.Now()
	for {
		payload, err := json.Marshal(command{Do: "pid"})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := c.Invoke(t.Context(), input("f", payload)); err == nil && out.FunctionError == nil {
			break
		}
		if time.Since(begin) > 15*time.Second {
			t.Fatalf("the function is still held after %v", time.Since(begin))
		}
		time.Sleep(50 * time.Millisecond)
	}
}
