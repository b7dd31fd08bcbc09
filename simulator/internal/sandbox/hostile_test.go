//go:build unix

package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// served returns the address of the Runtime API of a process, and what gives it up: the test's end, if not before.
func served(t *testing.T) (a *api, addr string, giveUp func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a = newAPI(&Spec{Function: "f"})
	s := serve(listener, a)
	giveUp = sync.OnceFunc(func() {
		close(a.gone)
		s.cut()
		s.wait()
	})
	t.Cleanup(giveUp)
	return a, listener.Addr().String(), giveUp
}

// working returns the address of a process that has an event in hand.
func working(t *testing.T) (a *api, in *call, addr string, giveUp func()) {
	t.Helper()
	a, addr, giveUp = served(t)
	in = &call{done: make(chan struct{}), inv: &Invocation{RequestID: id, Payload: []byte("1")}}
	asked := make(chan string)
	go func() {
		<-a.ready
		a.hand(in)
	}()
	go func() {
		_, body := ask(t, addr, "GET "+nextPath+" HTTP/1.1\r\nHost: x\r\n\r\n")
		asked <- body
	}()
	if body := <-asked; body != "1" {
		t.Fatalf("the event is %q", body)
	}
	return a, in, addr, giveUp
}

// ask sends a text on a connection of its own and reads one answer.
func ask(t *testing.T, addr, text string) (status int, body string) {
	t.Helper()
	conn, in := dial(t, addr)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Errorf("send: %v", err)
		return 0, ""
	}
	return answerOf(t, in)
}

func answerOf(t *testing.T, in *bufio.Reader) (status int, body string) {
	t.Helper()
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Errorf("no answer: %v", err)
		return 0, ""
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("half an answer: %v", err)
	}
	return r.StatusCode, strings.TrimSpace(string(text))
}

func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
}

// answers holds that the invocation in hand can still be answered.
func answers(t *testing.T, in *call, addr string) {
	t.Helper()
	if status, body := ask(t, addr, post(responsePath, "", "right")); status != 202 || body != statusOK {
		t.Errorf("then the response: status %d, %s", status, body)
	}
	if string(in.body) != "right" || in.failed != nil {
		t.Errorf("the answer is %q, failed %v", in.body, in.failed)
	}
}

const invalidID = `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`

func TestARequestIDThatIsNotTheOneInHandIsRefusedBeforeAllElse(t *testing.T) {
	idle, addr, _ := served(t)
	for _, call := range []string{"response", "error"} {
		if status, body := ask(t, addr, post("/2018-06-01/runtime/invocation/"+id+"/"+call, "", "1")); status != 400 || body != invalidID {
			t.Errorf("%s before any event: status %d, %s", call, status, body)
		}
	}
	if idle.state != stateStarted {
		t.Errorf("state %v", idle.state)
	}
	_, in, addr, _ := working(t)
	for _, other := range []string{"", "x", strings.ToUpper("a" + id[1:]), id + "0", id[:35], uuid.NewString(), "%00", "a%2Fb", "../" + id, strings.Repeat("1", 100_000), "%F0%9F%99%82", id + "%0d%0aX:y"} {
		for _, call := range []string{"response", "error"} {
			if status, body := ask(t, addr, post("/2018-06-01/runtime/invocation/"+other+"/"+call, "", "wrong")); status != 400 || body != invalidID {
				t.Errorf("%s of %.50q: status %d, %s", call, other, status, body)
			}
		}
	}
	answers(t, in, addr)
	if status, body := ask(t, addr, post("/2018-06-01/runtime/invocation/"+uuid.NewString()+"/response", "", "1")); status != 400 || body != invalidID {
		t.Errorf("another id after the answer: status %d, %s", status, body)
	}
	if status, body := ask(t, addr, post(responsePath, "", "1")); status != 403 || body != forbidden("RuntimeResponseSentState", "InvocationResponse") {
		t.Errorf("a second answer: status %d, %s", status, body)
	}
}

func TestOfManyAnswersAtOnceOneIsTaken(t *testing.T) {
	_, in, addr, _ := working(t)
	const n = 20
	statuses := make([]int, n)
	bodies := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			path := responsePath
			if i%2 == 1 {
				path = errorPath
			}
			statuses[i], _ = ask(t, addr, post(path, "Lambda-Runtime-Function-Error-Type: T\r\n", fmt.Sprint(i)))
			bodies[i] = fmt.Sprint(i)
		})
	}
	all.Wait()
	taken := -1
	for i, status := range statuses {
		switch {
		case status == 202 && taken < 0:
			taken = i
		case status != 403:
			t.Errorf("answer %d: status %d", i, status)
		}
	}
	if taken < 0 {
		t.Fatal("no answer was taken")
	}
	if found := in.body; taken%2 == 0 && string(found) != bodies[taken] || taken%2 == 1 && (in.failed == nil || string(in.failed.body) != bodies[taken]) {
		t.Errorf("answer %d was taken, the invocation has %q and %+v", taken, found, in.failed)
	}
}

func TestABodyThatBreaksOffDoesNotTakeTheAnswersPlace(t *testing.T) {
	for name, text := range map[string]string{
		"length":          "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhal",
		"chunk":           "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
		"no last chunk":   "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n",
		"no end of trail": "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n0\r\nT: x",
		"a bad chunk":     "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\nhal\r\n0\r\n\r\n",
		"an error":        "POST " + errorPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhal",
		"an INIT error":   "POST " + initPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhal",
	} {
		t.Run(name, func(t *testing.T) {
			_, in, addr, _ := working(t)
			conn, reader := dial(t, addr)
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if status, body := answerOf(t, reader); status != 400 || body != `{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}` {
				t.Errorf("status %d, %s", status, body)
			}
			answers(t, in, addr)
		})
	}
}

func TestAnUnfinishedBodyEndsWithItsProcess(t *testing.T) {
	a, _, addr, giveUp := working(t)
	conn, in := dial(t, addr)
	if _, err := io.WriteString(conn, "POST "+responsePath+" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha"); err != nil {
		t.Fatal(err)
	}
	for { // until it has the answer's place
		a.mu.Lock()
		claimed := a.state == stateInvocationResponse
		a.mu.Unlock()
		if claimed {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if status, body := ask(t, addr, "GET "+nextPath+" HTTP/1.1\r\nHost: x\r\n\r\n"); status != 403 || body != forbidden("InvocationResponse", "Ready") {
		t.Errorf("next meanwhile: status %d, %s", status, body)
	}
	if status, body := ask(t, addr, post(responsePath, "", "other")); status != 403 || body != forbidden("InvocationResponse", "InvocationResponse") {
		t.Errorf("another response meanwhile: status %d, %s", status, body)
	}
	giveUp() // must not wait for the rest
	if text, err := io.ReadAll(in); err != nil && !strings.Contains(err.Error(), "reset") || len(text) > 0 {
		t.Errorf("the connection ends with %q, %v", text, err)
	}
}

func TestAHeadThatIsTooLargeIsRefusedAndSaysSo(t *testing.T) {
	_, in, addr, _ := working(t)
	for name, head := range map[string]string{
		"a header":     "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 3<<20) + "\r\n\r\n",
		"many headers": "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: yyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 100_000) + "\r\n",
		"a path":       "GET /" + strings.Repeat("y", 3<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		if status, body := ask(t, addr, head); status != 431 || !strings.Contains(body, "2097152 bytes") {
			t.Errorf("%s: status %d, %s", name, status, body)
		}
	}
	cause := "Lambda-Runtime-Function-Xray-Error-Cause: " + strings.Repeat("y", 1<<20) + "\r\n"
	if status, _ := ask(t, addr, post("/2018-06-01/runtime/invocation/none/error", cause, "1")); status != 400 {
		t.Errorf("an error's cause of 1 MiB: status %d", status)
	}
	answers(t, in, addr)
}

func TestAnErrorThatIsTooLargeIsNoTruncatedOne(t *testing.T) {
	const tooLarge = `{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}`
	large := strings.Repeat("e", MaxResponse+1)
	_, in, addr, _ := working(t)
	if status, body := ask(t, addr, post(errorPath, "Lambda-Runtime-Function-Error-Type: T\r\n", large)); status != 413 || body != tooLarge {
		t.Errorf("status %d, %s", status, body)
	}
	if in.failed == nil || in.failed.kind != typeResponseLarge {
		t.Errorf("the invocation failed with %v", in.failed)
	}
	a, addr, _ := served(t)
	if status, body := ask(t, addr, post(initPath, "", large)); status != 413 || body != tooLarge {
		t.Errorf("of INIT: status %d, %s", status, body)
	}
	select {
	case <-a.initFailed:
		if a.initError != nil {
			t.Errorf("INIT failed with %d bytes", len(a.initError))
		}
	default:
		t.Error("INIT has not failed")
	}
}

// An error without a document would reach the caller as an empty text, and its type not at all.
func TestAnErrorWithoutADocumentKeepsItsType(t *testing.T) {
	for _, tc := range []struct{ header, body, want string }{
		{"Lambda-Runtime-Function-Error-Type: Shard.Load\r\n", "", `{"errorType":"Shard.Load","errorMessage":"RequestId: ` + id + ` Error: the runtime reported an error without a document"}`},
		{"", "", `{"errorType":"Runtime.Unknown","errorMessage":"RequestId: ` + id + ` Error: the runtime reported an error without a document"}`},
		{"Lambda-Runtime-Function-Error-Type: T\r\n", "no JSON \xff", "no JSON \xff"},
		{"", `{"errorMessage":"m","errorType":"T"}`, `{"errorMessage":"m","errorType":"T"}`},
	} {
		_, in, addr, _ := working(t)
		if status, body := ask(t, addr, post(errorPath, tc.header, tc.body)); status != 202 || body != statusOK {
			t.Errorf("status %d, %s", status, body)
		}
		if in.failed == nil || string(in.failed.document(id)) != tc.want {
			t.Errorf("%q: failed with %+v, want %s", tc.body, in.failed, tc.want)
		}
	}
}

func TestAnErrorInTheTrailersNeedsNoType(t *testing.T) {
	_, in, addr, _ := working(t)
	text := "POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n"
	if status, _ := ask(t, addr, text); status != 202 {
		t.Errorf("status %d", status)
	}
	if in.failed == nil || string(in.failed.document(id)) != "{}" {
		t.Errorf("half an answer passes for a whole one: %q, failed %+v", in.body, in.failed)
	}
}

func TestRequestsThatAreNoHTTPLeaveTheOthersAlone(t *testing.T) {
	_, in, addr, _ := working(t)
	for _, text := range []string{"\x16\x03\x01\x02\x00\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET\r\n\r\n", "\r\n\r\n\r\n\r\n",
		"POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabcd",
		"POST " + responsePath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabcd"} {
		conn, reader := dial(t, addr)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if r, err := http.ReadResponse(reader, nil); err == nil && r.StatusCode/100 != 4 && r.StatusCode != 501 {
			t.Errorf("%q: status %d", text, r.StatusCode)
		}
	}
	answers(t, in, addr)
}
