package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
	"github.com/shardwise/shardwise/statemachine/blocks"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// batchRun is one batch from its command line to its output, or the part of it that a later command sees.
type batchRun struct {
	a             *App
	f             *batchFlags // nil where no batch is started
	model         *local.Model
	input, output string // as the user calls them
	asJSON        bool
	client        *batch.Client
	local         *local.Deployment // nil on AWS
	store         manifest.Store
	estimate      *statemachine.Estimate
	facts         batchFacts
}

// batchFacts are what batch tells of a run, and what its summary file holds.
type batchFacts struct {
	Command   string                 `json:"command"`
	Execution string                 `json:"execution"`
	Status    string                 `json:"status"`
	Error     string                 `json:"error,omitempty"`
	Cause     string                 `json:"cause,omitempty"`
	Output    string                 `json:"output"`
	Seconds   float64                `json:"seconds"`
	PerSecond float64                `json:"rows_per_second"`
	BlockRows int                    `json:"block_rows"`
	Needs     *statemachine.Estimate `json:"needs,omitempty"`
	Cost      *batchCost             `json:"cost,omitempty"`
	Summary   *tasks.Summary         `json:"summary,omitempty"`
	Functions []functionFacts        `json:"functions,omitempty"` // with --local
	Faults    []ruleFacts            `json:"faults,omitempty"`    // what the rules of --faults did
}

// runBatch does one batch.
func (a *App) runBatch(cmd *cobra.Command, dir string, f *batchFlags) error {
	m, err := local.Load(dir)
	if err != nil {
		return asInput(err)
	}
	b := &batchRun{a: a, f: f, model: m, input: f.input, output: f.output, asJSON: f.json, facts: batchFacts{Command: "batch", Output: f.output}}
	in, err := tableFormat(f.input, blocks.Formats())
	if err != nil {
		return asInput(err)
	}
	out := dataset.Format("")
	if !strings.HasSuffix(f.output, "/") {
		if out, err = tableFormat(f.output, dataset.Joinable()); err != nil {
			return asInput(err)
		}
	} else if out = in; in == blocks.Parquet {
		out = dataset.CSV
	}
	if !remote(f.input) {
		if _, err := os.Stat(f.input); err != nil {
			return asInput(err)
		}
	}
	o := statemachine.Options{Outputs: f.outputs, Mode: f.mode, Children: f.children, Via: f.via, TolerateCount: f.count, TolerateShare: f.share, Concurrency: f.concurrency}
	ctx := cmd.Context()
	var reach batch.Options
	if !f.local {
		if reach, err = remoteOptions(ctx); err != nil {
			return err
		}
	}
	if o.Concurrency == 0 && (f.local || loopback(reach.StepsEndpoint)) {
		o.Concurrency = localConcurrency()
	}
	machine, needs, err := statemachine.Definition(m.Manifest, m.Fingerprint, m.Deployment, o)
	if err != nil {
		return asInput(err)
	}
	if err := checkBatchOutput(m.Manifest, f, out); err != nil {
		return asInput(err)
	}
	b.estimate, b.facts.Needs = needs, needs
	if f.local {
		return b.here(ctx, machine, in, out)
	}
	if err := b.cloud(reach); err != nil {
		return err
	}
	defer b.client.Close()
	return b.do(ctx, machine, in, out)
}

// do uploads, runs, waits and downloads.
func (b *batchRun) do(ctx context.Context, machine *statemachine.Machine, in, out dataset.Format) error {
	job, err := b.job(in, out)
	if err == nil {
		err = b.probe(ctx, job)
	}
	if err == nil {
		err = b.upload(ctx, job)
	}
	if err != nil {
		return err
	}
	b.facts.BlockRows = job.BlockRows
	arn, err := b.client.Machine(ctx, b.model.Manifest.Name, machine)
	if err != nil {
		return err
	}
	execution, err := b.client.Start(ctx, arn, job.ID, job)
	if err != nil {
		return err
	}
	b.facts.Execution = execution
	if b.f.detach {
		b.facts.Status = "RUNNING"
		return b.tell()
	}
	return b.follow(ctx, execution)
}

// follow waits for the end of an execution and does what is left to do then.
func (b *batchRun) follow(ctx context.Context, execution string) error {
	status, err := b.watch(ctx, execution)
	if err != nil {
		if ctx.Err() != nil && b.local == nil {
			b.a.say("the execution goes on without this command: shardwise batch status %s --wait", execution)
		}
		return err
	}
	return b.finish(ctx, status)
}

// job describes the batch.
func (b *batchRun) job(in, out dataset.Format) (statemachine.Job, error) {
	id := uuid.NewString()
	prefix := b.store.Prefix + "/" + b.model.Fingerprint[:12] + "/" + id
	j := statemachine.Job{ID: id, Store: statemachine.Place{Bucket: b.store.Bucket, Prefix: prefix}, BlockRows: b.f.rows,
		Input:  statemachine.Table{Bucket: b.store.Bucket, Key: prefix + "/input." + string(in), Format: string(in)},
		Output: statemachine.Table{Bucket: b.store.Bucket, Key: prefix + "/output." + string(out), Format: string(out)}}
	if j.BlockRows == 0 {
		j.BlockRows = statemachine.BlockRows(b.model.Manifest, b.model.Deployment)
	}
	var err error
	if remote(b.f.output) {
		if j.Output, err = tableAt(b.f.output, out); err != nil {
			return j, asInput(err)
		}
	} else if strings.HasSuffix(b.f.output, "/") {
		j.Output.Key = prefix + "/output/"
	}
	if remote(b.f.input) {
		if j.Input, err = tableAt(b.f.input, in); err != nil {
			return j, asInput(err)
		}
	}
	j.Input.ByPosition = b.f.byPosition
	return j, nil
}

// probe refuses, before anything starts, a batch whose summary this command could not write at the end. Whether the functions may
// write the output, they find out themselves.
func (b *batchRun) probe(ctx context.Context, j statemachine.Job) error {
	if !remote(b.f.output) || b.f.detach {
		return nil
	}
	if err := b.client.Store.Writable(ctx, j.Output.Bucket, summaryKey(j)); err != nil {
		return fmt.Errorf("--output %s takes no summary beside it, and nothing was started: %w; --detach writes none", b.f.output, err)
	}
	return nil
}

// upload brings a local input to the store.
func (b *batchRun) upload(ctx context.Context, j statemachine.Job) error {
	if remote(b.f.input) {
		return nil
	}
	file, err := os.Open(b.f.input)
	if err != nil {
		return asInput(err)
	}
	defer file.Close()
	return b.client.Store.Upload(ctx, j.Input.Bucket, j.Input.Key, file)
}

// lineEvery is how often a batch says how far it is where there is no terminal to draw on.
const lineEvery = 30 * time.Second

// watch follows an execution with a bar, or a line now and then.
func (b *batchRun) watch(ctx context.Context, execution string) (*batch.Status, error) {
	what := "predicting " + filepath.Base(b.input) + " in blocks"
	p := b.a.begin(what, -1, false)
	defer p.end()
	last := time.Now()
	return b.client.Watch(ctx, execution, func(s *batch.Status) {
		if s.Blocks.Total == 0 || s.Ended() {
			return
		}
		failures := ""
		if s.Blocks.Failed > 0 {
			failures = fmt.Sprintf(", %d failed", s.Blocks.Failed)
		}
		failures += abortedText(s.Blocks)
		p.describe(what + failures + costSoFar(b.estimate, s))
		p.set(s.Blocks.Ended()*int64(s.Job.BlockRows), s.Blocks.Total*int64(s.Job.BlockRows))
		if now := time.Now(); !b.a.StderrTerminal && now.Sub(last) >= lineEvery {
			b.a.say("%s", progressLine(s, b.estimate, now))
			last = now
		}
	})
}

// finish brings the output home, leaves the summary beside it, and turns a failure into the command's error.
func (b *batchRun) finish(ctx context.Context, s *batch.Status) error {
	f := &b.facts
	f.Status, f.Error, f.Cause = s.Status, s.Error, s.Cause
	f.Seconds, f.PerSecond = s.Elapsed(time.Now()).Seconds(), 0
	var err error
	if f.Summary, err = b.client.Summary(ctx, s.Job); err == nil {
		f.PerSecond = float64(f.Summary.Predicted) / max(f.Seconds, 1e-3)
		f.Cost = costOf(b.estimate, f.Summary.Blocks)
		f.Cost.told(f.Summary.Used)
	} else if s.Status == succeeded {
		return err
	}
	b.account()
	b.rename(s)
	failed := failureOf(s, f.Summary)
	if failed == nil && !remote(b.output) {
		if err := b.download(ctx, s.Job); err != nil {
			return err
		}
	}
	if err := b.leave(ctx, s.Job); err != nil {
		return errors.Join(failed, err)
	}
	if failed != nil {
		return failed
	}
	return b.tell()
}

// succeeded is Step Functions' word for it.
const succeeded = "SUCCEEDED"

// account enters what the functions of this computer did, and what that would have cost.
func (b *batchRun) account() {
	if b.local == nil {
		return
	}
	b.facts.Faults = rulesOf(b.local)
	processes, bills := b.local.Processes(), b.local.Bills()
	var used price.Usage
	for _, fn := range b.local.Functions {
		bill := bills[fn.Name]
		b.facts.Functions = append(b.facts.Functions, functionFacts{fn.Name, processes[fn.Name], bill})
		used = used.Plus(usageOf(bill, fn.MemoryMB))
	}
	if b.facts.Cost != nil {
		b.facts.Cost.billed(used)
	}
}

// rename says in errors and summary what the user called the tables that the batch knows as objects.
func (b *batchRun) rename(s *batch.Status) {
	known := strings.NewReplacer("s3://"+s.Job.Input.Bucket+"/"+s.Job.Input.Key, b.input, "s3://"+s.Job.Output.Bucket+"/"+s.Job.Output.Key, b.output)
	s.Cause, b.facts.Cause = known.Replace(s.Cause), known.Replace(b.facts.Cause)
	if sum := b.facts.Summary; sum != nil {
		sum.Input, sum.Output = known.Replace(sum.Input), known.Replace(sum.Output)
		for i := range sum.Failures {
			sum.Failures[i].Cause = known.Replace(sum.Failures[i].Cause)
		}
	}
}

// download brings a local output home; it appears when it is whole.
func (b *batchRun) download(ctx context.Context, j statemachine.Job) error {
	if !strings.HasSuffix(b.output, "/") {
		return b.fetch(ctx, j.Output.Bucket, j.Output.Key, b.output)
	}
	if _, err := emptyOfParts(b.output); err != nil { // another batch may have ended since this one began
		return asInput(err)
	}
	if err := os.MkdirAll(b.output, 0o777); err != nil {
		return asInput(err)
	}
	list, err := b.client.Store.List(ctx, j.Output.Bucket, j.Output.Key)
	for _, o := range list {
		if err == nil {
			path := filepath.Join(b.output, filepath.Base(o.Key))
			if err = claim(path); err == nil {
				if err = b.fetch(ctx, j.Output.Bucket, o.Key, path); err != nil {
					err = errors.Join(err, os.Remove(path))
				}
			}
		}
	}
	return err
}

func (b *batchRun) fetch(ctx context.Context, bucket, key, path string) (err error) {
	r, err := b.client.Store.Open(ctx, bucket, key, 0, -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return asInput(err)
	}
	_, err = io.Copy(temp, r)
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(temp.Name()))
	}
	return nil
}

// summarySuffix makes the summary's name of the output's.
const summarySuffix = ".summary.json"

// summaryKey is where a remote output's summary goes.
func summaryKey(j statemachine.Job) string {
	return strings.TrimSuffix(j.Output.Key, "/") + summarySuffix
}

// leave writes the summary beside the output.
func (b *batchRun) leave(ctx context.Context, j statemachine.Job) error {
	data, err := json.MarshalIndent(&b.facts, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if remote(b.output) {
		return b.client.Store.Put(ctx, j.Output.Bucket, summaryKey(j), data)
	}
	return os.WriteFile(strings.TrimSuffix(b.output, "/")+summarySuffix, data, 0o644)
}
