//go:build unix

package simulator_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

// bareRuntimeAPI is the least that serves one runtime: what a Runtime API round
// trip costs when nothing else is done.
type bareRuntimeAPI struct {
	events  chan []byte
	answers chan []byte
	asked   chan struct{} // one for each request for work
}

func (b *bareRuntimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		b.asked <- struct{}{}
		select {
		case event := <-b.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "99999999999999")
			_, _ = w.Write(event)
		case <-r.Context().Done():
		}
		return
	}
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	w.WriteHeader(http.StatusAccepted)
	b.answers <- answer
}

// startBare runs the echo function under a bare Runtime API.
func startBare(b *testing.B) *bareRuntimeAPI {
	api := &bareRuntimeAPI{events: make(chan []byte), answers: make(chan []byte, 1), asked: make(chan struct{}, 1)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: api}
	go func() { _ = server.Serve(listener) }()
	cmd := exec.Command(self(b)[0])
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "_HANDLER=echo"}
	cmd.Stderr = io.Discard
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	<-api.asked
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = server.Close()
	})
	return api
}

// roundTrip returns how long it takes to read the answer to an event, and until
// the runtime asks for the next one.
func (b *bareRuntimeAPI) roundTrip(event []byte) (answered, complete time.Duration) {
	begin := time.Now()
	b.events <- event
	<-b.answers
	answered = time.Since(begin)
	<-b.asked
	return answered, time.Since(begin)
}

// post is one HTTP round trip whose answer must equal the request.
func post(b *testing.B, c *http.Client, url string, body []byte, buf *bytes.Buffer) {
	r, err := c.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	buf.Reset()
	_, err = buf.ReadFrom(r.Body)
	_ = r.Body.Close()
	if err != nil || r.StatusCode != 200 || buf.Len() != len(body) {
		b.Fatalf("status %d, %d bytes, %v", r.StatusCode, buf.Len(), err)
	}
}

// times are durations of one kind of work.
type times []time.Duration

// median returns the middle one in seconds.
func (t times) median() float64 {
	slices.Sort(t)
	return t[len(t)/2].Seconds()
}

// plainServer is a Go server that answers with what it was sent.
func plainServer(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, p); err != nil {
			panic(err)
		}
		_, _ = w.Write(p)
	})}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

// BenchmarkInvokeEcho compares an invocation through the simulator with its
// parts: one HTTP round trip to a plain Go server plus one Runtime API round
// trip to the same function. The three are interleaved, so that load on the
// machine strikes all alike; the ratios are of medians. An invocation is
// complete when the runtime asks for the next event: x-parts compares with a
// bare round trip up to there, x-answered with one up to reading the answer, and
// x-unfrozen with an invocation of a process that is not frozen in between.
func BenchmarkInvokeEcho(b *testing.B) {
	for _, size := range []int{16, 64 << 10, 1 << 20, 6 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			sim, _ := start(b, simulator.Config{Functions: []simulator.Function{fn(b, "echo", "echo")}})
			awake, _ := start(b, simulator.Config{NoFreeze: true, Functions: []simulator.Function{fn(b, "echo", "echo")}})
			url := sim.Endpoint() + "/2015-03-31/functions/echo/invocations"
			awakeURL := awake.Endpoint() + "/2015-03-31/functions/echo/invocations"
			bare, plain, c := startBare(b), plainServer(b), httpClient(b)
			body := []byte(`"` + strings.Repeat("A", size-2) + `"`)
			var buf bytes.Buffer
			var through, unfrozen, http, answered, complete times
			post(b, c, url, body, &buf)
			post(b, c, awakeURL, body, &buf)
			bare.roundTrip(body)
			for b.Loop() {
				t0 := time.Now()
				post(b, c, url, body, &buf)
				t1 := time.Now()
				post(b, c, plain, body, &buf)
				t2 := time.Now()
				half, whole := bare.roundTrip(body)
				t3 := time.Now()
				post(b, c, awakeURL, body, &buf)
				unfrozen = append(unfrozen, time.Since(t3))
				through, http = append(through, t1.Sub(t0)), append(http, t2.Sub(t1))
				answered, complete = append(answered, half), append(complete, whole)
			}
			b.ReportMetric(through.median()*1e6, "µs-invoke")
			b.ReportMetric(complete.median()*1e6, "µs-runtime-api")
			b.ReportMetric(through.median()/(http.median()+complete.median()), "x-parts")
			b.ReportMetric(through.median()/(http.median()+answered.median()), "x-answered")
			b.ReportMetric(through.median()/unfrozen.median(), "x-unfrozen")
		})
	}
}

// BenchmarkFanOut64 scatters 1 KB to 64 functions at once, against the same
// calls to one plain Go server in this process.
func BenchmarkFanOut64(b *testing.B) {
	const wide = 64
	var functions []simulator.Function
	for i := range wide {
		f := fn(b, fmt.Sprintf("shard-%d", i), "echo")
		f.Env["GOMAXPROCS"] = "1" // as the bootstrap sets it for a function of this size
		functions = append(functions, f)
	}
	sim, _ := start(b, simulator.Config{Functions: functions})
	plain, c := plainServer(b), httpClient(b)
	body := []byte(`"` + strings.Repeat("A", 1022) + `"`)
	scatter := func(url func(i int) string) time.Duration {
		begin := time.Now()
		var all sync.WaitGroup
		for i := range wide {
			all.Go(func() {
				var buf bytes.Buffer
				post(b, c, url(i), body, &buf)
			})
		}
		all.Wait()
		return time.Since(begin)
	}
	shards := func(i int) string {
		return fmt.Sprintf("%s/2015-03-31/functions/shard-%d/invocations", sim.Endpoint(), i)
	}
	one := func(int) string { return plain }
	cold := scatter(shards)
	scatter(one)
	var through, direct times
	for b.Loop() {
		through = append(through, scatter(shards))
		direct = append(direct, scatter(one))
	}
	b.ReportMetric(float64(cold.Milliseconds()), "ms-cold")
	b.ReportMetric(through.median()*1e6, "µs-scatter")
	b.ReportMetric(through.median()/direct.median(), "x-plain-http")
}

// BenchmarkColdStart measures from Invoke to answer with a new process each
// time, against starting and reaping the same program that does nothing.
func BenchmarkColdStart(b *testing.B) {
	b.Setenv("AWS_LAMBDA_RUNTIME_API", "unused") // makes the test binary exit at once: init-zero
	b.Setenv("_HANDLER", "init-zero")
	sim, _ := start(b, simulator.Config{IdleTimeout: time.Nanosecond, Functions: []simulator.Function{fn(b, "echo", "echo")}})
	url, c := sim.Endpoint()+"/2015-03-31/functions/echo/invocations", httpClient(b)
	var buf bytes.Buffer
	var through, bare times
	for b.Loop() {
		t0 := time.Now()
		post(b, c, url, []byte("{}"), &buf)
		t1 := time.Now()
		if err := exec.Command(os.Args[0]).Run(); err != nil {
			b.Fatal(err)
		}
		through, bare = append(through, t1.Sub(t0)), append(bare, time.Since(t1))
	}
	b.ReportMetric(through.median()*1e6, "µs-cold")
	b.ReportMetric(through.median()/bare.median(), "x-exec")
}
