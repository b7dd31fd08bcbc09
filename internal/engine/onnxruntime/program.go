//go:build onnxruntime

package onnxruntime

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxSessions bounds the sessions that are kept, because callers choose the sets of outputs and every session has its
// own copy of the weights in the form that the library's kernels like. Beyond it a session serves one run.
const maxSessions = 4

// program implements engine.Program. The library computes all outputs of a session, so every set of wanted outputs has a
// session of the part of the graph that it needs.
type program struct {
	graph *graph.Graph
	order []string // output names as the graph lists them
	dir   string   // of weights in files

	mu       *sync.Mutex
	sessions map[string]*session // guarded by mu; by wanted outputs
}

// session is an opened part of the graph. The library's memory is freed after the last use.
type session struct {
	inner   *ort.DynamicAdvancedSession
	needed  []bool // of the whole graph's inputs
	in, out []port
}

// Run implements engine.Program. A run ends early when ctx does.
func (p *program) Run(ctx context.Context, in tensor.Named, want []string) (tensor.Named, error) {
	if len(want) == 0 {
		want = p.order
	}
	want = slices.Sorted(slices.Values(want))
	want = slices.Compact(want)
	for _, n := range want {
		if !slices.Contains(p.order, n) {
			return nil, &engine.InputError{Input: "(wanted outputs)", Want: "some of " + strings.Join(p.order, ", "), Found: n}
		}
	}
	s, err := p.sessionFor(want)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", p.graph.Name, err)
	}
	if err := engine.CheckInputs(p.graph.Name, p.graph.Inputs, s.needed, in); err != nil {
		return nil, err
	}
	out, err := s.run(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", p.graph.Name, err)
	}
	return out, nil
}

func (p *program) sessionFor(want []string) (*session, error) {
	want = slices.Sorted(slices.Values(want))
	key := strings.Join(want, "\x00")
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.sessions[key]; s != nil {
		return s, nil
	}
	s, err := p.open(want)
	if err != nil {
		return nil, err
	}
	if len(p.sessions) < maxSessions {
		p.sessions[key] = s
	}
	return s, nil
}

func (p *program) open(want []string) (*session, error) {
	part, needed := prune(p.graph, want)
	adapted, in, out := adapt(part)
	data, err := onnx.Encode(adapted)
	if err != nil {
		return nil, err
	}
	options, err := p.options()
	if err != nil {
		return nil, err
	}
	inner, err := ort.NewDynamicAdvancedSessionWithONNXData(data, names(adapted.Inputs), names(adapted.Outputs), options)
	if err = errors.Join(err, options.Destroy()); err != nil {
		return nil, explain(err, part)
	}
	s := &session{inner: inner, needed: needed, in: in, out: out}
	runtime.AddCleanup(s, func(d *ort.DynamicAdvancedSession) {
		// A session that was opened is released without fail; the binding returns nil always.
		if err := d.Destroy(); err != nil {
			panic("onnxruntime: " + err.Error())
		}
	}, inner)
	return s, nil
}

// options are those of every session: threads as Go has them, one node after the other, weights from the directory.
func (p *program) options() (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	// Threads that wait for work by spinning take the processor from everything else in a function, and on busy machines
	// from the work itself: 930 small programs on two busy processors took 96 s with spinning and 6 s without.
	err = errors.Join(o.SetIntraOpNumThreads(runtime.GOMAXPROCS(0)), o.SetInterOpNumThreads(1), o.SetExecutionMode(ort.ExecutionModeSequential),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"))
	if p.dir != "" {
		err = errors.Join(err, o.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", p.dir))
	}
	if err != nil {
		return nil, errors.Join(err, o.Destroy())
	}
	return o, nil
}

func names(values []graph.Value) []string {
	var list []string
	for _, v := range values {
		list = append(list, v.Name)
	}
	return list
}

func (s *session) run(ctx context.Context, in tensor.Named) (named tensor.Named, err error) {
	values, err := s.enter(in)
	count := 0
	for _, p := range s.out {
		count += len(p.declared())
	}
	outputs := make([]ort.Value, count)
	defer func() {
		err = errors.Join(err, destroy(values), destroy(outputs))
		runtime.KeepAlive(s)
		runtime.KeepAlive(in) // the values view the inputs' memory
	}()
	if err == nil {
		err = s.invoke(ctx, values, outputs)
	}
	if err != nil {
		return nil, err
	}
	return s.leave(outputs)
}

// invoke runs the session until it is done or ctx ends.
func (s *session) invoke(ctx context.Context, values, outputs []ort.Value) (err error) {
	options, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { ended <- options.Terminate() })
	err = s.inner.RunWithOptions(values, outputs, options)
	if !stop() {
		err = errors.Join(ctx.Err(), err, <-ended)
	}
	return errors.Join(err, options.Destroy())
}

func destroy(values []ort.Value) error {
	var errs []error
	for _, v := range values {
		if v != nil {
			errs = append(errs, v.Destroy())
		}
	}
	return errors.Join(errs...)
}
