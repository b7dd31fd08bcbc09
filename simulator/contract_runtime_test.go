//go:build unix

package simulator_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator"
)

// said is one answer of the Runtime API as the process saw it.
type said struct {
	Status int
	Header http.Header
	Body   string
}

// transcribe is a runtime without a library that tries what the Runtime API allows and refuses. Its second answer holds
// what it was told, by the name of the call.
func transcribe() {
	host := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	base := "http://" + host + "/2018-06-01/runtime/"
	log := map[string]said{}
	note := func(name string, r *http.Response, err error) said {
		if err != nil {
			panic(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		log[name] = said{r.StatusCode, r.Header, string(body)}
		return log[name]
	}
	post := func(name, path, body string, header ...string) {
		q, err := http.NewRequest("POST", path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			q.Header.Set(header[i], header[i+1])
		}
		r, err := http.DefaultClient.Do(q)
		note(name, r, err)
	}
	post("register", "http://"+host+"/2020-01-01/extension/register", `{"events":null}`, "Lambda-Extension-Name", "GoLangEnableSIGTERM")
	post("response before next", base+"invocation/none/response", "1")
	r, err := http.Get(base + "invocation/next")
	id := note("next", r, err).Header.Get("Lambda-Runtime-Aws-Request-Id")
	post("init error after next", base+"init/error", "{}")
	post("wrong id", base+"invocation/"+uuid.NewString()+"/response", "1")
	post("bad mode", base+"invocation/"+id+"/response", "1", "Lambda-Runtime-Function-Response-Mode", "buffered")
	log["truncated"] = truncated(host, "/2018-06-01/runtime/invocation/"+id+"/response")
	post("response", base+"invocation/"+id+"/response", "1")
	post("second response", base+"invocation/"+id+"/response", "1")
	r, err = http.Get(base + "invocation/next")
	id = note("second next", r, err).Header.Get("Lambda-Runtime-Aws-Request-Id")
	text, err := json.Marshal(log)
	if err != nil {
		panic(err)
	}
	post("last", base+"invocation/"+id+"/response", string(text))
	for err == nil { // errors from here on
		r, err = http.Get(base + "invocation/next")
		if err == nil {
			id = note("next", r, err).Header.Get("Lambda-Runtime-Aws-Request-Id")
			post("error", base+"invocation/"+id+"/error", `{"errorMessage":"m","errorType":"Shard.Load"}`)
		}
	}
}

// truncated promises more bytes than it sends.
func truncated(host, path string) said {
	c, err := net.Dial("tcp", host)
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", path); err != nil {
		panic(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		panic(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	return said{r.StatusCode, r.Header, string(body)}
}

// TestContractOfTheRuntimeAPI has one row for each call of the Runtime API and each of its refusals.
func TestContractOfTheRuntimeAPI(t *testing.T) {
	t.Parallel()
	sim, _ := start(t, simulator.Config{Functions: []simulator.Function{fn(t, "f", "contract")}})
	url := sim.Endpoint() + "/2015-03-31/functions/f/invocations"
	if r := wire(t, "POST", url, strings.NewReader(`{"first":true}`), "X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793"); r.body != "1" {
		t.Fatalf("the first answer: %+v", r)
	}
	second := wire(t, "POST", url, strings.NewReader(`{}`))
	var log map[string]said
	if err := json.Unmarshal([]byte(second.body), &log); err != nil {
		t.Fatalf("%s: %v", second.body, err)
	}
	forbidden := func(from, to string) string {
		return fmt.Sprintf(`{"errorMessage":"State transition from %s to %s failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`, from, to)
	}
	for _, row := range []struct {
		behaviour, call string
		status          int
		body            string // "" for any
		header          map[string]string
	}{
		{"an extension without events registers", "register", 200, `{"functionVersion":"$LATEST","functionName":"f","handler":"contract"}`, nil},
		{"a response before there is work has no request id to name", "response before next", 400, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`, nil},
		{"next answers 200 with the event", "next", 200, `{"first":true}`, map[string]string{"Content-Type": "application/json",
			"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793"}},
		{"an error of INIT after INIT is out of order", "init error after next", 403, forbidden("Ready", "InitError"), nil},
		{"a wrong request id is refused", "wrong id", 400, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`, nil},
		{"a response mode other than streaming is refused", "bad mode", 400, `{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}`, nil},
		{"a truncated upload is refused", "truncated", 400, `{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}`, nil},
		{"a response is accepted with 202", "response", 202, "{\"status\":\"OK\"}\n", nil},
		{"a second response to one event is out of order", "second response", 403, forbidden("RuntimeResponseSentState", "InvocationResponse"), nil},
	} {
		t.Run(row.behaviour, func(t *testing.T) {
			got := log[row.call]
			if got.Status != row.status || row.body != "" && strings.TrimSpace(got.Body) != strings.TrimSpace(row.body) {
				t.Errorf("status %d, body %s; want %d, %s", got.Status, got.Body, row.status, row.body)
			}
			for name, want := range row.header {
				if got.Header.Get(name) != want {
					t.Errorf("header %s is %q, want %q", name, got.Header.Get(name), want)
				}
			}
		})
	}
	next := log["next"].Header
	if uuid.Validate(next.Get("Lambda-Runtime-Aws-Request-Id")) != nil || len(next.Get("Lambda-Runtime-Deadline-Ms")) != 13 {
		t.Errorf("request id %q, deadline %q", next.Get("Lambda-Runtime-Aws-Request-Id"), next.Get("Lambda-Runtime-Deadline-Ms"))
	}
	if next.Get("Lambda-Runtime-Client-Context") != "" || next.Get("Lambda-Runtime-Cognito-Identity") != "" || next.Get("Lambda-Runtime-Aws-Tenant-Id") != "" {
		t.Errorf("headers of what the call did not have: %v", next)
	}
	if log["register"].Header.Get("Lambda-Extension-Identifier") == "" {
		t.Error("the extension got no identifier")
	}
	failed := wire(t, "POST", url, nil)
	if failed.status != 200 || failed.header.Get("X-Amz-Function-Error") != "Unhandled" || failed.body != `{"errorMessage":"m","errorType":"Shard.Load"}` {
		t.Errorf("an error that the runtime reports: %+v", failed)
	}
}
