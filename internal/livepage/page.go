package livepage

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

// Bounds of what is kept and shown.
const (
	maxRequests     = 50  // latest requests
	maxCalls        = 512 // calls kept of one request
	maxProblems     = 100 // latest errors and throttles
	maxEnvironments = 48  // listed one by one for a function; the others are counted
	maxDurations    = 128 // latest durations of a function, for its median
	maxText         = 500 // bytes of an error's message
	maxReaders      = 64  // of the event stream at once
)

// Config says what is shown.
type Config struct {
	Title string           // of the page, such as the model's name
	Facts []waterfall.Fact // beside the title
	// Functions in the order in which they are listed; others are listed after them.
	Functions []Function
	Now       func() time.Time // the clock; time.Now if nil
}

// Function is a function as it is deployed.
type Function struct {
	Name        string
	Role        string // what it is in the model: "coordinator", "shard 0/4"
	MemoryMB    int
	EphemeralMB int
}

// Page observes a simulator and serves what it has seen. It implements simulator.Observer and http.Handler, and is safe for
// concurrent use.
type Page struct {
	cfg      Config
	instance string // tells one run from the next, for readers that come back
	started  time.Time
	mux      *http.ServeMux
	readers  chan struct{} // one element for each reader of events

	building sync.Mutex // taken before mu
	latest   *snapshot  // nil before the first

	mu        sync.Mutex
	seq       uint64        // of changes so far
	changed   chan struct{} // closed at the next change
	functions map[string]*function
	order     []*function
	requests  []*request // oldest first
	byTrace   map[string]*request
	inflight  map[string]*call // by request id
	problems  []problem        // oldest first
	counted   counts
}

// counts are totals since the start.
type counts struct {
	Requests    int64 `json:"requests"` // invocations from outside
	Invocations int64 `json:"invocations"`
	Cold        int64 `json:"cold_starts"`
	Errors      int64 `json:"errors"`
	Throttles   int64 `json:"throttles"`
}

// function is what is known of a function.
type function struct {
	Function
	counts
	usage        price.Usage
	environments map[string]*environment
	made         int64
	memory       int64 // most bytes seen
	durations    []time.Duration
	next         int // place in durations to overwrite
	longest      time.Duration
}

// environment is an execution environment that exists.
type environment struct {
	stream      string
	number      int64
	state       simulator.EnvironmentState
	since       time.Time
	memory      int64
	invocations int64
}

// problem is an error or a throttle.
type problem struct {
	seq       uint64
	Time      time.Time `json:"time"`
	Function  string    `json:"function"`
	Role      string    `json:"role,omitempty"`
	RequestID string    `json:"request_id"`
	Request   uint64    `json:"request"` // in the list of requests
	Throttle  bool      `json:"throttle"`
	Type      string    `json:"type"`
	Message   string    `json:"message"`
}

// New makes a page that has seen nothing yet.
func New(c Config) *Page {
	if c.Now == nil {
		c.Now = time.Now
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // it never fails
	p := &Page{cfg: c, instance: hex.EncodeToString(id[:]), started: c.Now(), readers: make(chan struct{}, maxReaders), changed: make(chan struct{}),
		functions: map[string]*function{}, byTrace: map[string]*request{}, inflight: map[string]*call{}}
	for _, f := range c.Functions {
		p.add(f)
	}
	p.mux = p.routes()
	return p
}

func (p *Page) add(f Function) *function {
	fn := &function{Function: f, environments: map[string]*environment{}}
	p.functions[f.Name] = fn
	p.order = append(p.order, fn)
	return fn
}

// function finds a function, or lists one that the configuration does not name; p.mu is held.
func (p *Page) function(name string) *function {
	if f := p.functions[name]; f != nil {
		return f
	}
	return p.add(Function{Name: name})
}

// touch counts a change and wakes the readers; p.mu is held.
func (p *Page) touch() uint64 {
	p.seq++
	close(p.changed)
	p.changed = make(chan struct{})
	return p.seq
}
