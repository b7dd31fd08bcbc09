package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

// maxTraced bounds the calls in a trace, which a browser has to draw, and the invocations that are remembered for it.
const maxTraced = 20_000

// traceFlag checks the name of a trace, whose extension says the form.
func traceFlag(cmd *cobra.Command, path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".html", ".htm", ".json":
		return nil
	}
	return usage(cmd, "--trace %s: wanted a name that ends in .html, for a page, or in .json, for chrome://tracing and Perfetto", path)
}

// tracer remembers how invocations ended.
type tracer struct {
	mu    sync.Mutex
	ended map[string]simulator.InvocationChange
}

func newTracer() *tracer { return &tracer{ended: map[string]simulator.InvocationChange{}} }

// Environment is not needed for a trace.
func (t *tracer) Environment(simulator.EnvironmentChange) {}

// Invocation remembers an invocation that has ended.
func (t *tracer) Invocation(c simulator.InvocationChange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.Phase == simulator.InvocationEnded && len(t.ended) < maxTraced {
		t.ended[c.RequestID] = c
	}
}

func (t *tracer) find(id string) (simulator.InvocationChange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.ended[id]
	return c, ok
}

// chart is the run as a picture with all its lanes.
func (c *account) chart(f *runFacts) waterfall.Chart {
	model := f.Model
	chart := waterfall.Chart{Title: fmt.Sprintf("shardwise %s, model %s", f.Command, model.Model), Start: c.start, Total: c.elapsed(), Omitted: c.omitted}
	chart.Facts = []waterfall.Fact{
		fact("rows", "%s", grouped(c.rows)), fact("mode", "%s", f.Mode), fact("time", "%s", waterfall.Duration(c.elapsed())),
		fact("requests to the coordinator", "%s", grouped(int64(f.Requests))), fact("calls of shards", "%s", grouped(int64(f.Calls))),
		fact("cold starts of shards", "%s", grouped(int64(f.ColdStarts))), fact("retries", "%s", grouped(int64(f.Retries+f.Repeated))),
		fact("fingerprint", "%.12s", model.Fingerprint), fact("began", "%s", c.start.Format("2006-01-02 15:04:05 MST")),
	}
	room := maxTraced
	add := func(l *lane, step, label string) {
		d := l.drawn(step, label)
		d.Note = strings.Join(filled([][]string{note(l)})[0], ", ")
		if len(d.Spans) > room {
			d.Spans = d.Spans[:room]
		}
		room -= len(d.Spans)
		chart.Omitted += l.count - len(d.Spans)
		chart.Lanes = append(chart.Lanes, d)
	}
	add(&c.coordinator, "", "coordinator")
	for _, k := range c.ordered() {
		add(c.lanes[k], k.step, k.label(len(model.Shards)))
	}
	return chart
}

// writeTrace writes the picture of a run to the file that --trace names, which appears when it is complete.
func (r *run) writeTrace() error {
	if r.flags.trace == "" || r.account.requests == 0 {
		return nil
	}
	write := waterfall.WriteHTML
	if strings.EqualFold(filepath.Ext(r.flags.trace), ".json") {
		write = waterfall.WriteChrome
	}
	if err := writeWhole(r.flags.trace, func(w io.Writer) error { return write(w, r.account.chart(r.facts)) }); err != nil {
		return asInput(fmt.Errorf("--trace: %w", err))
	}
	r.facts.Trace = r.flags.trace
	return nil
}

// writeWhole writes a file beside its place and moves it there when it is complete.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x.part", filepath.Base(path), rand.Uint32()))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	b := bufio.NewWriter(f)
	if err := errors.Join(write(b), b.Flush(), f.Close()); err != nil {
		return err
	}
	return os.Rename(name, path)
}
