package cli

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// run is one run of a model directory over a file of rows.
type run struct {
	a       *App
	cmd     *cobra.Command
	flags   *predictFlags
	began   time.Time
	facts   *runFacts
	account *account
}

func newRun(a *App, cmd *cobra.Command, f *predictFlags, name string) *run {
	return &run{a: a, cmd: cmd, flags: f, began: time.Now(), facts: &runFacts{Command: name}}
}

// predict streams the input through the functions, writes the answers and compares them.
func (r *run) predict(t *target) (err error) {
	m, f := t.model.Manifest, r.flags
	mode, err := m.ResolveMode(f.mode)
	if err != nil {
		return usage(r.cmd, "--mode: %w", err)
	}
	wanted, err := outputsOf(r.cmd, m, f.outputs)
	if err != nil {
		return err
	}
	in, err := openInput(f.input, m.Signature, f.byPosition)
	if err != nil {
		return asInput(err)
	}
	defer func() { err = closeAll(err, in.Close) }()
	asked := namesOf(wanted)
	var expected *expectation
	if f.expect != "" {
		if expected, err = openExpectation(f.expect, m, wanted, mode); err != nil {
			return asInput(err)
		}
		defer func() { err = closeAll(err, expected.reader.Close) }()
		asked = union(asked, expected.outputs)
	}
	sink, err := r.sink(wanted)
	if err != nil {
		return err
	}
	defer func() { err = closeAll(err, sink.discard) }() // nothing after commit
	r.facts.Model, r.facts.Outputs = t.facts, namesOf(wanted)
	err = r.serve(t.model, func(ctx context.Context, d *local.Deployment) error {
		return r.stream(ctx, d, in, local.Request{Outputs: asked, Mode: mode}, func(k local.Chunk) error {
			if expected != nil {
				if err := expected.add(k.Outputs, k.Rows); err != nil {
					return err
				}
			}
			return sink.write(k.Outputs)
		})
	})
	if err != nil {
		return err
	}
	if r.account.rows == 0 && r.account.requests == 0 {
		return errNoRows(f.input)
	}
	if expected != nil {
		c, err := expected.finish(mode)
		if err != nil {
			return err
		}
		r.facts.judge([]comparison{c})
	}
	return sink.commit()
}

// faultsOf closes the deployment and marks what went wrong with it.
func faultsOf(d *local.Deployment) func() error {
	return func() error {
		if err := d.Close(); err != nil {
			return &faultError{err}
		}
		return nil
	}
}

// serve starts the model's functions, does the work and ends them, and keeps the facts.
func (r *run) serve(m *local.Model, work func(ctx context.Context, d *local.Deployment) error) (err error) {
	ctx := r.cmd.Context()
	config := local.Config{Model: m, Bootstrap: r.a.Bootstrap, TempDir: r.a.TempDir, Env: r.a.Env}
	if r.flags.logs {
		config.Log = r.a.logLines()
	}
	if err := r.flags.conditions.apply(&config); err != nil {
		return err
	}
	var trace *tracer
	if r.flags.trace != "" {
		trace = newTracer()
		config.Observer = trace
	}
	d, err := local.Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, faultsOf(d)) }()
	r.account = newAccount(time.Now())
	if trace != nil {
		r.account.served = trace.find
	}
	if err := work(ctx, d); err != nil {
		return err
	}
	r.facts.fill(r.account, d, r.began)
	return r.writeTrace()
}

// stream predicts all rows with a progress bar and enters the answers in the account.
func (r *run) stream(ctx context.Context, d *local.Deployment, in *dataset.Reader, q local.Request, sink func(local.Chunk) error) error {
	total, known := in.Rows()
	if !known {
		_, total = in.Progress()
	}
	p := r.a.begin("predicting "+filepath.Base(r.flags.input), total, !known)
	defer p.end()
	// The reader may be read by another goroutine, so its progress is asked where it reads.
	var readBytes atomic.Int64
	src := inputSource{in, func() {
		done, _ := in.Progress()
		readBytes.Store(done)
	}}
	return d.Stream(ctx, src, q, func(k local.Chunk) error {
		r.account.add(k)
		if err := sink(k); err != nil {
			return err
		}
		if known {
			p.set(r.account.rows, -1)
		} else {
			p.set(readBytes.Load(), -1)
		}
		return nil
	})
}

// inputSource marks a reader's errors as the user's.
type inputSource struct {
	reader namedReader
	after  func() // called after each batch
}

// Next reads the next rows.
func (s inputSource) Next(maxRows int) (tensor.Named, error) {
	in, err := s.reader.Next(maxRows)
	s.after()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	return in, asInput(err)
}

// sink is where a run's answers go.
type sink interface {
	write(out tensor.Named) error
	// commit makes what was written final; discard undoes it, and does nothing after commit.
	commit() error
	discard() error
}

// sink chooses where answers go: a file, standard output in full, or its beginning.
func (r *run) sink(outputs []manifest.Output) (sink, error) {
	switch f := r.flags; {
	case f.output != "" && f.output != "-":
		r.facts.Output = f.output
		return newFileSink(f.output, outputs)
	case f.json:
		return nothing{}, nil
	case f.output == "-" || !r.a.StdoutTerminal:
		return r.textSink(outputs, -1)
	}
	return r.textSink(outputs, previewRows)
}

// textSink prints one table, or one for each output where their rows are not the same.
func (r *run) textSink(outputs []manifest.Output, limit int64) (sink, error) {
	if dataset.Tabular(outputs) {
		return newTextSink(r.a, outputs, limit)
	}
	return &tablesSink{a: r.a, outputs: outputs, limit: limit}, nil
}
