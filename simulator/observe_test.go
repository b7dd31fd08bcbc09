//go:build unix

package simulator_test

import (
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardwise/shardwise/simulator"
)

// witness is an observer that keeps everything.
type witness struct {
	mu           sync.Mutex
	environments []simulator.EnvironmentChange
	invocations  []simulator.InvocationChange
}

func (w *witness) Environment(c simulator.EnvironmentChange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.environments = append(w.environments, c)
}

func (w *witness) Invocation(c simulator.InvocationChange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.invocations = append(w.invocations, c)
}

// states are those of a function's environments, in their order.
func (w *witness) states(function string) []simulator.EnvironmentState {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []simulator.EnvironmentState
	for _, c := range w.environments {
		if c.Function == function {
			list = append(list, c.State)
		}
	}
	return list
}

// of are a function's invocations that are over.
func (w *witness) of(function string) []simulator.InvocationChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []simulator.InvocationChange
	for _, c := range w.invocations {
		if c.Function == function && c.Phase != simulator.InvocationBegun {
			list = append(list, c)
		}
	}
	return list
}

func TestAnObserverSeesTheLifeOfAnEnvironment(t *testing.T) {
	t.Parallel()
	w := &witness{}
	sim, c := start(t, simulator.Config{Observer: w, Functions: []simulator.Function{fn(t, "f", "script")}})
	ok(t, c, "f", command{})
	invoke(t, c, "f", command{Do: "error", Arg: "no"})
	invoke(t, c, "f", command{Do: "exit", Arg: "3"})
	ok(t, c, "f", command{})
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	want := []simulator.EnvironmentState{
		simulator.EnvironmentStarting, simulator.EnvironmentBusy, simulator.EnvironmentFrozen, // the first
		simulator.EnvironmentBusy, simulator.EnvironmentFrozen, // a function error leaves the process
		simulator.EnvironmentBusy, simulator.EnvironmentReset, // its end does not
		simulator.EnvironmentStarting, simulator.EnvironmentBusy, simulator.EnvironmentFrozen,
		simulator.EnvironmentReset, simulator.EnvironmentClosed,
	}
	if got := w.states("f"); !slices.Equal(got, want) {
		t.Errorf("saw %v\nwanted %v", got, want)
	}
	if last := w.environments[len(w.environments)-1]; runtime.GOOS == "linux" && last.Memory == 0 || last.Stream == "" || last.Version != "$LATEST" {
		t.Errorf("the last change is %+v", last)
	}
}

func TestAnObserverSeesEachInvocationBeginAndEnd(t *testing.T) {
	t.Parallel()
	none := 0
	throttled := fn(t, "none", "echo")
	throttled.ReservedConcurrency = &none
	w := &witness{}
	_, c := start(t, simulator.Config{Observer: w, Functions: []simulator.Function{fn(t, "f", "script"), throttled}})
	ok(t, c, "f", command{Do: "bytes", Bytes: 1000})
	invoke(t, c, "f:$LATEST", command{Do: "typed-error"})
	if _, err := c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("none")}); err == nil {
		t.Error("a function with nothing reserved was invoked")
	}
	got := w.of("f")
	if len(got) != 2 || len(w.of("none")) != 1 || len(w.invocations) != 6 {
		t.Fatalf("saw %+v", w.invocations)
	}
	first, second, refused := got[0], got[1], w.of("none")[0]
	if !first.Cold || first.Init <= 0 || first.Duration <= 0 || first.ResponseBytes < 1000 || first.ErrorType != "" || first.RequestBytes == 0 || first.Stream == "" {
		t.Errorf("the first invocation: %+v", first)
	}
	if whole := first.Billed; whole < first.Init+first.Duration || whole%time.Millisecond != 0 {
		t.Errorf("billed %v for %v and an INIT of %v", whole, first.Duration, first.Init)
	}
	if second.Cold || second.Qualifier != "$LATEST" || second.ErrorType != "boom" || second.ErrorMessage != "boom" || second.Stream != first.Stream {
		t.Errorf("the second invocation: %+v", second)
	}
	if refused.Phase != simulator.InvocationRefused || refused.ErrorType != "TooManyRequestsException" || refused.ErrorMessage != "ReservedFunctionConcurrentInvocationLimitExceeded" {
		t.Errorf("the refusal: %+v", refused)
	}
	if begun := w.invocations[0]; begun.Phase != simulator.InvocationBegun || begun.RequestID != first.RequestID || begun.TraceID != first.TraceID || !strings.Contains(begun.TraceID, "Root=1-") {
		t.Errorf("the beginning of the first: %+v", begun)
	}
}

func TestAPageIsServedBesideTheFunctionURL(t *testing.T) {
	t.Parallel()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == simulator.PagePath+"wait" { // until the simulator closes
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "page "+r.URL.Path)
	})
	sim, _ := start(t, simulator.Config{Page: page, FunctionURL: "f", Functions: []simulator.Function{fn(t, "f", "echo")}})
	client := httpClient(t)
	get := func(path string) *http.Response {
		r, err := client.Get(sim.Endpoint() + path)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for path, want := range map[string]string{simulator.PagePath: "page /_shardwise/", "/_shardwise": "page /_shardwise", simulator.PagePath + "a/b": "page /_shardwise/a/b", "/_shardwiser": "rawPath"} {
		r := get(path)
		text, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v %s, wanted %s", path, err, text, want)
		}
	}
	waiting := get(simulator.PagePath + "wait")
	if err := sim.Close(); err != nil {
		t.Error(err)
	}
	_, _ = io.ReadAll(waiting.Body) // ends, however it ends
	_ = waiting.Body.Close()
}
