package run

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Journal in memory that stops working after some commits, like a process that dies.
type recorder struct {
	mu    sync.Mutex
	left  int // commits that still work
	old   map[string]*Point
	kept  map[string][]byte
	types []string
}

var errDied = errors.New("the process died")

func (r *recorder) Load(key string) *Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.old[key]
}

func (r *recorder) Commit(key string, p *Point, drop bool, events ...history.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		return errDied
	}
	r.left--
	last := p.Prev
	for _, e := range events {
		r.types = append(r.types, e.Type)
		last = int64(len(r.types))
	}
	p.Settle(last)
	if drop {
		below := func(k string) bool { return strings.HasPrefix(k, key+"/") }
		maps.DeleteFunc(r.kept, func(k string, _ []byte) bool { return below(k) })
		maps.DeleteFunc(r.old, func(k string, _ *Point) bool { return below(k) })
	}
	raw, err := json.Marshal(p)
	r.kept[key] = raw
	return err
}

// reborn is the journal of the next process.
func (r *recorder) reborn(t *testing.T, left int) *recorder {
	t.Helper()
	next := &recorder{left: left, old: map[string]*Point{}, kept: maps.Clone(r.kept), types: r.types}
	for k, raw := range r.kept {
		p := &Point{}
		if err := json.Unmarshal(raw, p); err != nil {
			t.Fatal(err)
		}
		next.old[k] = p
	}
	return next
}

type echo struct{}

func (echo) Invoke(_ context.Context, r *LambdaRequest) (*LambdaResponse, error) {
	return &LambdaResponse{Status: 200, Header: map[string][]string{}, Body: r.Payload}, nil
}

const everything = `{"StartAt":"P","States":{
 "P":{"Type":"Parallel","ResultPath":"$.p","Next":"C","Branches":[
  {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","MaxConcurrency":1,"End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Next":"U"},"U":{"Type":"Pass","End":true}}}}}},
  {"StartAt":"F","States":{"F":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Fail","Error":"E"}}}],"Catch":[{"ErrorEquals":["E"],"Next":"G"}],"End":true},"G":{"Type":"Pass","Result":"caught","End":true}}}]},
 "C":{"Type":"Choice","Choices":[{"Variable":"$.p[1]","StringEquals":"caught","Next":"D"}]},
 "D":{"Type":"Pass","OutputPath":"$.p","End":true}}}`

// TestARunThatDiesAfterEachStepEndsTheSame lets the process die after every number of commits, and again after every few.
func TestARunThatDiesAfterEachStepEndsTheSame(t *testing.T) {
	m, faults := asl.Parse([]byte(everything), false)
	if m == nil {
		t.Fatal(faults)
	}
	input, err := value.Decode([]byte(`{"l":[1,2,3]}`))
	if err != nil {
		t.Fatal(err)
	}
	execute := func(j *recorder) (any, error) {
		r := &Runner{Journal: j, Lambda: echo{}, Draw: func() float64 { return 0.5 }}
		return r.Run(t.Context(), m, input, 0)
	}
	whole := &recorder{left: 1 << 30, kept: map[string][]byte{}}
	want, err := execute(whole)
	if err != nil {
		t.Fatal(err)
	}
	if string(value.Encode(want)) != `[[1,2,3],"caught"]` {
		t.Fatalf("output %s", value.Encode(want))
	}
	for every := 1; every < 40; every++ {
		j := &recorder{left: every, kept: map[string][]byte{}}
		lives := 1
		for ; ; lives++ {
			got, err := execute(j)
			if err == nil {
				if !value.Equal(got, want) || !maps.Equal(count(j.types), count(whole.types)) {
					t.Errorf("dying after every %d steps: %s with events %v, want %s with %v", every, value.Encode(got), count(j.types), value.Encode(want), count(whole.types))
				}
				break
			}
			if !errors.Is(err, errDied) || lives > 100 {
				t.Fatalf("dying after every %d steps, life %d: %v", every, lives, err)
			}
			j = j.reborn(t, every)
		}
	}
}

func TestErrorNamesMatch(t *testing.T) {
	for _, c := range []struct {
		name  string
		list  []string
		match bool
	}{
		{"E", []string{"E"}, true}, {"E", []string{"F"}, false}, {"E", []string{"States.ALL"}, true}, {"E", []string{"States.TaskFailed"}, true},
		{"States.Timeout", []string{"States.TaskFailed"}, false}, {"States.Timeout", []string{"States.Timeout"}, true}, {"States.Timeout", []string{"States.ALL"}, true},
		{"States.Runtime", []string{"States.ALL"}, false}, {"States.Runtime", []string{"States.Runtime"}, false},
		{"States.DataLimitExceeded", []string{"States.ALL"}, false}, {"States.DataLimitExceeded", []string{"States.TaskFailed"}, false}, {"States.DataLimitExceeded", []string{"States.DataLimitExceeded"}, true},
		{"Lambda.TooManyRequestsException", []string{"Lambda.ServiceException", "Lambda.TooManyRequestsException"}, true},
	} {
		if got := (&Fault{Name: c.name}).matches(c.list); got != c.match {
			t.Errorf("%s matches %v: %t, want %t", c.name, c.list, got, c.match)
		}
	}
}
