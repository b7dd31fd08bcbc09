package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// localRole stands for a role where none is looked at.
const localRole = "arn:aws:iam::000000000000:role/shardwise"

// localPoll is how often an execution on this computer is looked at.
const localPoll = 100 * time.Millisecond

// here runs the batch on this computer: Lambda, S3 and Step Functions in this process, the functions in theirs.
func (b *batchRun) here(ctx context.Context, machine *statemachine.Machine, in, out dataset.Format) (err error) {
	config := b.a.batches(local.Config{Model: b.model, Bootstrap: b.a.Bootstrap, TempDir: b.a.TempDir, Env: b.a.Env})
	if err := b.f.conditions.apply(&config); err != nil {
		return err
	}
	d, err := local.Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, faultsOf(d)) }()
	b.local, b.store = d, d.Store()
	b.client = batch.New(batch.Options{Region: simulator.DefaultRegion, Endpoint: d.Endpoint(), Role: localRole, Poll: localPoll,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
	defer b.client.Close()
	return b.do(ctx, machine, in, out)
}

// batches adds to a deployment what batches need: their own function, and Step Functions.
func (a *App) batches(c local.Config) local.Config {
	c.Tasks, c.TasksHandler = statemachine.TasksFunction(c.Model.Manifest), tasks.HandlerName
	c.StepFunctions = &simulator.StepFunctions{}
	return c
}

// keep lets S3's objects and Step Functions' executions outlive the simulation, below dir, which it makes.
func keep(c *local.Config, dir string) error {
	c.ObjectsDir, c.StepFunctions.Dir = filepath.Join(dir, "s3"), filepath.Join(dir, "stepfunctions")
	for _, d := range []string{c.ObjectsDir, c.StepFunctions.Dir} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			return asInput(fmt.Errorf("--state: %w", err))
		}
	}
	return nil
}

// localConcurrency is how many blocks are under way at once where functions run on this computer, with --local or by simulate:
// each block needs a process of every shard.
func localConcurrency() int { return runtime.GOMAXPROCS(0) }
