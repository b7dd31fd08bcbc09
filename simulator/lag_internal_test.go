//go:build unix

package simulator

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/network"
)

// flat is a model of plain figures: 40 ms there and 1 ms a byte, 20 ms back and 2 ms a byte, 10 ms counted twice.
func flat() *network.Model {
	line := func(constant, slope float64) network.Term {
		return network.Term{Location: network.Line{constant, slope}}
	}
	return &network.Model{Call: line(40, 1), Return: line(20, 2), Overlap: line(10, 0), ColdStart: line(100, 0.5)}
}

// watched is a lag that writes down what it would wait for.
func watched(waits *[]time.Duration) *lag {
	l := newLag(flat(), 1, nil)
	l.wait = func(_ context.Context, d time.Duration) bool {
		*waits = append(*waits, d)
		return true
	}
	return l
}

func milli(list ...int) (out []time.Duration) {
	for _, n := range list {
		out = append(out, time.Duration(n)*time.Millisecond)
	}
	return out
}

func TestRequestsAndRepliesAreDelayedByWhatTheyCarry(t *testing.T) {
	for _, tc := range []struct {
		name  string
		body  io.Reader
		serve func(w http.ResponseWriter, r *http.Request) *apiError
		want  []time.Duration
	}{
		{"an answer of known length", strings.NewReader("12345"), func(w http.ResponseWriter, _ *http.Request) *apiError {
			w.Header().Set("Content-Length", "3")
			_, _ = w.Write([]byte("abc"))
			return nil
		}, milli(40, 21)},
		{"an empty answer", nil, func(w http.ResponseWriter, _ *http.Request) *apiError {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}, milli(35, 15)},
		{"a body of unknown length", io.MultiReader(strings.NewReader("1234567")), func(w http.ResponseWriter, r *http.Request) *apiError {
			_, _ = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusOK)
			return nil
		}, milli(42, 15)},
		{"a refusal", nil, func(http.ResponseWriter, *http.Request) *apiError { return throttled(reasonAccount) }, nil},
		{"a stream", nil, func(w http.ResponseWriter, _ *http.Request) *apiError {
			_, _ = w.Write([]byte("abc"))
			_, _ = w.Write([]byte("defgh"))
			return nil
		}, milli(35, 15, 6, 10)},
	} {
		var waits []time.Duration
		r, w := httptest.NewRequest("POST", "/", tc.body), httptest.NewRecorder()
		if failed := watched(&waits).invocation(w, r, "f", func(w http.ResponseWriter) *apiError { return tc.serve(w, r) }); failed != nil {
			t.Errorf("%s: %v is written twice", tc.name, failed)
		}
		if tc.want == nil { // as long as its text
			n, err := strconv.Atoi(w.Header().Get("Content-Length"))
			if err != nil || w.Code != 429 {
				t.Fatalf("%s: status %d, %v", tc.name, w.Code, err)
			}
			tc.want = milli(35, 15+2*n)
		}
		if !slices.Equal(waits, tc.want) {
			t.Errorf("%s: waits %v, want %v", tc.name, waits, tc.want)
		}
	}
}

func TestAColdStartIsDelayedByTheFunctionsFiles(t *testing.T) {
	var waits []time.Duration
	if err := watched(&waits).cold("f", 300); err != nil || !slices.Equal(waits, milli(250)) {
		t.Errorf("waits %v (%v), want 250 ms", waits, err)
	}
	closing := make(chan struct{})
	close(closing)
	if err := newLag(flat(), 1, closing).cold("f", 300); err == nil {
		t.Error("a simulator that closes starts an environment")
	}
	var none *lag
	if err := none.cold("f", 300); err != nil {
		t.Error(err)
	}
}

func TestDelaysFollowTheFunctionInWhateverForm(t *testing.T) {
	draws := func(names ...string) (out []time.Duration) {
		l := newLag(network.Gillis(), 5, nil)
		l.wait = func(_ context.Context, d time.Duration) bool {
			out = append(out, d)
			return true
		}
		for _, name := range names {
			r := httptest.NewRequest("POST", "/", nil)
			l.invocation(httptest.NewRecorder(), r, name, func(w http.ResponseWriter) *apiError { w.WriteHeader(204); return nil })
		}
		return out
	}
	plain := draws("f", "f")
	if other := draws("g", "f:live", "g", "arn:aws:lambda:us-east-1:000000000000:function:f"); !slices.Equal(append(other[2:4:4], other[6:]...), plain) {
		t.Errorf("draws %v, want those of f among them: %v", other, plain)
	}
}
