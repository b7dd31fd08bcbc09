package local

import (
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/shardwise/shardwise/simulator"
)

// Bill is what a function's REPORT lines say so far.
type Bill struct {
	Invocations int   `json:"invocations"`
	BilledMS    int64 `json:"billed_ms"`
	MemoryMB    int   `json:"max_memory_mb"`
}

// ledger reads the functions' log lines as they pass: which processes there were, and what they would have cost.
type ledger struct {
	next func(simulator.LogLine)

	mu      sync.Mutex
	streams map[string]map[string]bool // function -> log streams, one a process
	byName  map[string]Bill
}

func newLedger(next func(simulator.LogLine)) *ledger {
	return &ledger{next: next, streams: map[string]map[string]bool{}, byName: map[string]Bill{}}
}

func (l *ledger) line(line simulator.LogLine) {
	l.enter(line)
	if l.next != nil {
		l.next(line)
	}
}

func (l *ledger) enter(line simulator.LogLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[line.Function] == nil {
		l.streams[line.Function] = map[string]bool{}
	}
	l.streams[line.Function][line.Stream] = true
	if !strings.HasPrefix(line.Text, "REPORT RequestId: ") {
		return
	}
	b := l.byName[line.Function]
	b.Invocations++
	for _, field := range strings.Split(line.Text, "\t") {
		name, value, _ := strings.Cut(field, ": ")
		number, _, _ := strings.Cut(value, " ")
		switch name {
		case "Billed Duration":
			if ms, err := strconv.ParseInt(number, 10, 64); err == nil {
				b.BilledMS += ms
			}
		case "Max Memory Used":
			if mb, err := strconv.Atoi(number); err == nil {
				b.MemoryMB = max(b.MemoryMB, mb)
			}
		}
	}
	l.byName[line.Function] = b
}

func (l *ledger) processes() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[string]int{}
	for name, s := range l.streams {
		n[name] = len(s)
	}
	return n
}

func (l *ledger) bills() map[string]Bill {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.byName)
}
