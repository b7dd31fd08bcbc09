package livepage_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/livepage"
	"github.com/shardwise/shardwise/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// state is what a test reads of the document.
type state struct {
	Instance   string
	Seq, Since uint64
	Totals     struct {
		Requests, Invocations, Errors, Throttles int64
		Cold                                     int64 `json:"cold_starts"`
		Environments                             map[string]int
		USD                                      map[string]float64
	}
	Functions []struct {
		Name         string
		Environments []struct{ State string }
		Unlisted     int     `json:"environments_unlisted"`
		MedianMS     float64 `json:"median_ms"`
		Memory       int64   `json:"most_memory_bytes"`
	}
	Requests []struct {
		Number         uint64
		State          string
		Calls, Errors  int
		Cold           int    `json:"cold_starts"`
		RequestID      string `json:"request_id"`
		Function, Role string
		Chart          struct {
			Total   int64 `json:"total_us"`
			Omitted int
			Lanes   []struct {
				Label string
				Spans []struct {
					Start  int64 `json:"start_us"`
					End    int64 `json:"end_us"`
					Failed bool
					Parts  []struct {
						Kind  string
						Start int64 `json:"start_us"`
						End   int64 `json:"end_us"`
					}
				}
			}
		}
	}
	Problems []struct{ Type, Message string }
}

// story is a page and a clock that the test moves.
type story struct {
	page *livepage.Page
	mu   sync.Mutex
	at   time.Time
}

func newStory() *story {
	s := &story{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.page = livepage.New(livepage.Config{Title: "m", Now: s.now, Functions: []livepage.Function{
		{Name: "c", Role: "coordinator", MemoryMB: 1024}, {Name: "s0", Role: "shard 0/2", MemoryMB: 1024}, {Name: "s1", Role: "shard 1/2", MemoryMB: 1024}}})
	return s
}

func (s *story) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *story) pass(ms int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(time.Duration(ms) * time.Millisecond)
}

func (s *story) begin(function, id, trace string) {
	s.page.Invocation(simulator.InvocationChange{Time: s.now(), Phase: simulator.InvocationBegun, RequestID: id, TraceID: "Root=" + trace + ";Sampled=0", Function: function})
}

func (s *story) end(function, id, trace string, change func(c *simulator.InvocationChange)) {
	c := simulator.InvocationChange{Time: s.now(), Phase: simulator.InvocationEnded, RequestID: id, TraceID: "Parent=1;Root=" + trace, Function: function,
		Duration: 10 * time.Millisecond, Billed: 10 * time.Millisecond}
	if change != nil {
		change(&c)
	}
	s.page.Invocation(c)
}

func (s *story) read(t *testing.T) state {
	t.Helper()
	w := httptest.NewRecorder()
	s.page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, simulator.PagePath+"state.json", nil))
	var d state
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d: %v\n%s", w.Code, err, w.Body)
	}
	return d
}

func TestARequestHoldsTheCallsThatCarryItsTrace(t *testing.T) {
	s := newStory()
	s.begin("c", "r1", "1-a")
	s.pass(5)
	s.begin("s1", "r2", "1-a")
	s.begin("s0", "r3", "1-a")
	s.begin("c", "r4", "1-b")
	if d := s.read(t); d.Requests[0].State != "running" || d.Requests[0].Calls != 2 || d.Requests[1].Calls != 0 {
		t.Errorf("while it runs: %+v", d.Requests)
	}
	s.pass(20)
	s.end("s0", "r3", "1-a", func(c *simulator.InvocationChange) { c.Cold, c.Init = true, 8*time.Millisecond })
	s.end("s1", "r2", "1-a", func(c *simulator.InvocationChange) { c.ErrorType, c.ErrorMessage = "Shard.Internal", "broke" })
	s.begin("s1", "r5", "1-a") // the retry
	s.pass(10)
	s.end("s1", "r5", "1-a", nil)
	s.pass(5)
	s.end("c", "r1", "1-a", func(c *simulator.InvocationChange) { c.Duration = 40 * time.Millisecond })
	d := s.read(t)
	r := d.Requests[0]
	if r.State != "ok" || r.Calls != 3 || r.Errors != 1 || r.Cold != 1 || r.Role != "coordinator" || r.RequestID != "r1" || r.Chart.Total != 40_000 {
		t.Errorf("the request: %+v", r)
	}
	lanes := r.Chart.Lanes
	if len(lanes) != 3 || lanes[0].Label != "coordinator" || lanes[1].Label != "shard 0/2" || len(lanes[2].Spans) != 2 || !lanes[2].Spans[0].Failed {
		t.Fatalf("the lanes: %+v", lanes)
	}
	var kinds []string
	for _, p := range lanes[0].Spans[0].Parts {
		kinds = append(kinds, fmt.Sprint(p.Kind, p.Start/1000, "-", p.End/1000))
	}
	if got := strings.Join(kinds, " "); got != "work0-5 wait5-35 work35-40" {
		t.Errorf("the coordinator's parts are %s: wanted scatter, shards, gather", got)
	}
	if p := lanes[1].Spans[0].Parts; len(p) != 2 || p[0].Kind != "start" || p[0].End-p[0].Start != 8000 || p[1].Kind != "work" {
		t.Errorf("the cold call's parts are %+v", p)
	}
	if d.Totals.Requests != 2 || d.Totals.Invocations != 4 || d.Totals.Errors != 1 || d.Totals.Cold != 1 || len(d.Problems) != 1 || d.Problems[0].Message != "broke" {
		t.Errorf("totals %+v, problems %+v", d.Totals, d.Problems)
	}
	// 40 ms of 1 GB and 4 requests.
	if usd := d.Totals.USD["x86_64"]; usd < 1.46e-6 || usd > 1.47e-6 {
		t.Errorf("the cost is %v USD", usd)
	}
}

func TestATraceThatComesAgainIsAnotherRequest(t *testing.T) {
	s := newStory()
	for i := range 2 { // an event and its retry, or a client that keeps its trace
		s.begin("c", "r", "1-a")
		s.end("c", "r", "1-a", func(c *simulator.InvocationChange) {
			if i == 0 {
				c.ErrorType = "Runtime.ExitError"
			}
		})
	}
	s.begin("s0", "x", "1-a")
	s.page.Invocation(simulator.InvocationChange{Time: s.now(), Phase: simulator.InvocationRefused, RequestID: "x", TraceID: "Root=1-a", Function: "s0",
		ErrorType: "TooManyRequestsException", ErrorMessage: "ConcurrentInvocationLimitExceeded"})
	d := s.read(t)
	if len(d.Requests) != 2 || d.Requests[0].State != "failed" || d.Requests[1].State != "ok" || d.Requests[1].Calls != 1 || d.Totals.Throttles != 1 || d.Totals.Invocations != 2 {
		t.Errorf("requests %+v, totals %+v", d.Requests, d.Totals)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := newStory()
	long := strings.Repeat("é", 10_000)
	for i := range 60 {
		trace := fmt.Sprint("1-", i)
		s.begin("c", "c"+trace, trace)
		for k := range 600 {
			s.begin("s0", fmt.Sprint(trace, "/", k), trace)
			s.end("s0", fmt.Sprint(trace, "/", k), trace, func(c *simulator.InvocationChange) { c.ErrorType, c.ErrorMessage = "E", long })
		}
		s.end("c", "c"+trace, trace, nil)
	}
	for i := range 300 {
		s.page.Environment(simulator.EnvironmentChange{Time: s.now(), Function: "s0", Stream: fmt.Sprint(i), State: simulator.EnvironmentFrozen})
	}
	d := s.read(t)
	if len(d.Requests) != 50 || len(d.Problems) != 100 || d.Totals.Requests != 60 || d.Totals.Invocations != 60*601 {
		t.Errorf("%d requests, %d problems, totals %+v", len(d.Requests), len(d.Problems), d.Totals)
	}
	if r := d.Requests[0]; r.Calls != 600 || r.Chart.Omitted != 600-511 || len(r.Chart.Lanes[1].Spans) != 511 {
		t.Errorf("a request of 600 calls: %d, %d of them left out", r.Calls, r.Chart.Omitted)
	}
	if n := len(d.Problems[0].Message); n > 510 || !strings.HasSuffix(d.Problems[0].Message, "é…") {
		t.Errorf("a message of %d bytes is kept", n)
	}
	if f := d.Functions[1]; len(f.Environments) != 48 || f.Unlisted != 300-48 || d.Totals.Environments["frozen"] != 300 {
		t.Errorf("%d environments are listed, %d not", len(f.Environments), f.Unlisted)
	}
	for i := range 300 {
		s.page.Environment(simulator.EnvironmentChange{Time: s.now(), Function: "s0", Stream: fmt.Sprint(i), State: simulator.EnvironmentClosed})
	}
	if d := s.read(t); len(d.Functions[1].Environments) != 0 {
		t.Errorf("closed environments are kept: %+v", d.Functions[1])
	}
}

// follow reads the event stream from a place on.
func follow(t *testing.T, server *httptest.Server, after string) (next func() (id string, d state), stop func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+simulator.PagePath+"events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %s, %v", answer.Status, answer.Header)
	}
	lines := bufio.NewReader(answer.Body)
	return func() (id string, d state) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if text, ok := strings.CutPrefix(line, "id: "); ok {
				id = strings.TrimSpace(text)
			}
			if text, ok := strings.CutPrefix(line, "data: "); ok {
				if err := json.Unmarshal([]byte(text), &d); err != nil {
					t.Fatal(err)
				}
				return id, d
			}
		}
	}, func() { _ = answer.Body.Close() }
}

func TestReadersGetWhatIsNewAndGoOnWhereTheyWere(t *testing.T) {
	s := newStory()
	server := httptest.NewServer(s.page)
	defer server.Close()
	s.begin("c", "r1", "1-a")
	s.end("c", "r1", "1-a", nil)
	next, stop := follow(t, server, "")
	if _, d := next(); len(d.Requests) != 1 || d.Since != 0 {
		t.Errorf("the first update: %+v", d)
	}
	s.begin("c", "r2", "1-b")
	s.end("c", "r2", "1-b", nil)
	id, d := next()
	for len(d.Requests) == 0 {
		id, d = next()
	}
	if len(d.Requests) != 1 || d.Requests[0].RequestID != "r2" || d.Totals.Requests != 2 {
		t.Errorf("the next update: %+v", d)
	}
	stop()
	s.begin("c", "r3", "1-c")
	s.end("c", "r3", "1-c", nil)
	for after, want := range map[string]int{id: 1, "other-" + strings.SplitN(id, "-", 2)[1]: 3, "nonsense": 3} {
		next, stop := follow(t, server, after)
		if _, d := next(); len(d.Requests) != want {
			t.Errorf("after %s: %d requests, wanted %d", after, len(d.Requests), want)
		}
		stop()
	}
}

func TestManyReadersAreServedAndTooManyAreTurnedAway(t *testing.T) {
	s := newStory()
	server := httptest.NewServer(s.page)
	defer server.Close()
	var stops []func()
	for range 64 {
		next, stop := follow(t, server, "")
		next()
		stops = append(stops, stop)
	}
	answer, err := server.Client().Get(server.URL + simulator.PagePath + "events")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "state.json") {
		t.Errorf("the 65th reader: %s %s %v", answer.Status, text, err)
	}
	_ = answer.Body.Close()
	for _, stop := range stops {
		stop()
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		answer, err := server.Client().Get(server.URL + simulator.PagePath + "events")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("places of readers that went away are not given to others")
		}
	}
}

func TestAReaderThatTakesNothingHoldsNobodyUp(t *testing.T) {
	s := newStory()
	server := httptest.NewServer(s.page)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET %sevents HTTP/1.1\r\nHost: x\r\n\r\n", simulator.PagePath); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for i := range 20_000 { // far more than a connection's buffers hold, were each sent
		trace := fmt.Sprint("1-", i)
		s.begin("c", trace, trace)
		s.end("c", trace, trace, nil)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("observing took %v", took)
	}
	if d := s.read(t); d.Totals.Requests != 20_000 {
		t.Errorf("%d requests were counted", d.Totals.Requests)
	}
}

func TestThePageAllowsItsOwnFilesOnly(t *testing.T) {
	s := newStory()
	for path, contentType := range map[string]string{"": "text/html", "page.js": "text/javascript", "page.css": "text/css", "waterfall.js": "text/javascript", "waterfall.css": "text/css"} {
		w := httptest.NewRecorder()
		s.page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, simulator.PagePath+path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), contentType) || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%q: status %d, %v", path, w.Code, w.Header())
		}
		if text := w.Body.String(); strings.Contains(text, "http://") || strings.Contains(text, "https://") || strings.Contains(text, "innerHTML") || strings.Contains(text, "eval(") {
			t.Errorf("%q leads elsewhere, or makes markup of text", path)
		}
	}
	for method, path := range map[string]string{http.MethodPost: "state.json", http.MethodGet: "nothing"} {
		w := httptest.NewRecorder()
		s.page.ServeHTTP(w, httptest.NewRequest(method, simulator.PagePath+path, nil))
		if w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: status %d", method, path, w.Code)
		}
	}
}
