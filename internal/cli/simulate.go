package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/livepage"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
	"github.com/shardwise/shardwise/statemachine"
)

// simulateFacts is the document of simulate --json, printed once the endpoint answers.
type simulateFacts struct {
	Endpoint    string   `json:"endpoint"`
	Page        string   `json:"page"`
	Region      string   `json:"region"`
	Coordinator string   `json:"coordinator"`
	Shards      []string `json:"shards"`
	Batch       string   `json:"batch"`
	Aliases     []string `json:"aliases"`
	Fingerprint string   `json:"fingerprint"`
	Example     string   `json:"example"`
}

func (a *App) simulate() *cobra.Command {
	var addr, state string
	var asJSON, quiet bool
	var conditions conditionFlags
	cmd := &cobra.Command{
		Use:   "simulate DIR",
		Short: "serve AWS Lambda's API for a model directory on this computer",
		Long: `Serve the functions of a model directory behind AWS Lambda's own API until
interrupted. The AWS CLI, boto3 and every AWS SDK reach them with
AWS_ENDPOINT_URL set to the endpoint that is printed; any credentials will do.
Processes start on demand, one for each concurrent invocation of a function,
and all of them end with this command. A process that holds more memory than
its function has is killed, as on Lambda; --memory-limit=false lets it live.

S3 and Step Functions are served at the same endpoint, for batch and its
subcommands. With --state both outlive the command: executions that were
running when it ended, or was killed, go on with the next one.

--network adds the latency of a fitted model to every invocation and to every
cold start; --faults makes invocations fail as a file says, and what each of
its rules did is told at the end.

The live page shows the functions, their processes, every request as a picture
and what it would have cost on AWS.

The functions' log lines appear on standard error.`,
		Example: `  shardwise simulate parts
  shardwise simulate parts --addr 127.0.0.1:9001 --quiet
  shardwise simulate parts --network gillis --faults faults.json`,
		Args: oneArgument("the model directory"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := checkAddr(cmd, addr); err != nil {
				return err
			}
			if isDir, err := isDirectory(args[0]); err != nil {
				return err
			} else if !isDir {
				return usage(cmd, "%s is a file; simulate wants a directory that split wrote: shardwise split %s -o DIR --shards N", args[0], args[0])
			}
			t, err := directory(args[0])
			if err != nil {
				return err
			}
			page := newPage(t)
			config := a.batches(local.Config{Model: t.model, Bootstrap: a.Bootstrap, TempDir: a.TempDir, Addr: addr, Env: a.Env, Observer: page, Page: page})
			if state != "" {
				if err := keep(&config, state); err != nil {
					return err
				}
			}
			if !quiet {
				config.Log = a.logLines()
			}
			if err := conditions.apply(&config); err != nil {
				return err
			}
			d, err := local.Start(cmd.Context(), config)
			if err != nil {
				if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) {
					err = fmt.Errorf("%w; give another --addr, 127.0.0.1:0 takes a free port", err)
				}
				return err
			}
			defer func() { err = firstError(err, faultsOf(d)) }()
			if err := a.announce(d, asJSON); err != nil {
				return err
			}
			return a.await(cmd.Context(), d)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "listen at `HOST:PORT`; port 0 takes a free one")
	cmd.Flags().StringVar(&state, "state", "", "keep S3's objects and Step Functions' executions in `DIR` for the next simulation")
	conditions.register(cmd, true)
	cmd.Flags().BoolVar(&quiet, "quiet", false, "leave the functions' log lines out")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document when ready")
	return cmd
}

// newPage makes the live page of the model's functions.
func newPage(t *target) *livepage.Page {
	m, d := t.model.Manifest, t.model.Deployment
	c := livepage.Config{Title: m.Name, Facts: []waterfall.Fact{
		fact("version", "%s", m.Version), fact("fingerprint", "%.12s", t.model.Fingerprint), fact("cut into", "%s", count(int64(len(m.Shards)), "shard")),
	}}
	add := func(role string, f manifest.Function) {
		c.Functions = append(c.Functions, livepage.Function{Name: f.Name, Role: role, MemoryMB: f.MemoryMB, EphemeralMB: f.EphemeralMB})
	}
	add("coordinator", d.Coordinator)
	for i, f := range d.Shards {
		add(laneKey{shard: i}.label(len(d.Shards)), f)
	}
	add("batch", statemachine.TasksFunction(m))
	return livepage.New(c)
}

// await waits until the simulation is interrupted, or ends by itself, which is an error.
func (a *App) await(ctx context.Context, d *local.Deployment) error {
	select {
	case <-ctx.Done():
	case <-d.Done():
		if ctx.Err() == nil {
			return errors.New("the simulation ended by itself")
		}
	}
	for _, r := range rulesOf(d) {
		a.say("%s", r.line())
	}
	a.say("stopping")
	return nil
}

// announce tells how to reach the functions.
func (a *App) announce(d *local.Deployment, asJSON bool) error {
	endpoint, err := reachable(d.Endpoint())
	if err != nil {
		return err
	}
	if err := a.warnOfNetwork(d.Endpoint()); err != nil {
		return err
	}
	f := simulateFacts{
		Endpoint: endpoint, Page: endpoint + simulator.PagePath, Region: simulator.DefaultRegion, Coordinator: d.Model.Deployment.Coordinator.Name, Batch: statemachine.TasksFunction(d.Manifest).Name,
		Aliases: []string{manifest.LiveAlias, manifest.Alias(d.Fingerprint)}, Fingerprint: d.Fingerprint,
	}
	for _, s := range d.Model.Deployment.Shards {
		f.Shards = append(f.Shards, s.Name)
	}
	f.Example = example(d, endpoint)
	if asJSON {
		return a.printJSON(f)
	}
	return a.print([]byte(strings.Join([]string{
		"endpoint     " + f.Endpoint,
		"live page    " + f.Page,
		"coordinator  " + f.Coordinator + ", alias " + f.Aliases[0],
		"shards       " + f.Shards[0] + " to " + f.Shards[len(f.Shards)-1] + ", alias " + f.Aliases[1],
		"",
		"try it from another terminal:",
		"",
		f.Example, "",
		"interrupt to stop", "",
	}, "\n")))
}

// example is a complete invocation of the coordinator by the AWS CLI, version 1 or 2: one row of zeros.
func example(d *local.Deployment, endpoint string) string {
	var inputs []string
	for _, in := range d.Manifest.Signature.Inputs {
		n, shape := 1, make([]string, len(in.Shape))
		for i, dim := range in.Shape {
			size := dim.Size
			if dim.Name != "" {
				size = 1
			}
			shape[i] = fmt.Sprint(size)
			n *= size
		}
		value := "0"
		if in.DType.Size() == 0 {
			value = `""`
		}
		data := strings.TrimSuffix(strings.Repeat(value+",", n), ",")
		inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[%s],"datatype":%q,"data":[%s]}`,
			in.Name, strings.Join(shape, ","), in.DType.OIP(), data))
	}
	return fmt.Sprintf(`  export AWS_ENDPOINT_URL=%s AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=%s
  echo '{"inputs":[%s]}' > question.json
  aws lambda invoke --function-name %s --qualifier %s --payload fileb://question.json answer.json
  cat answer.json`,
		endpoint, simulator.DefaultRegion, strings.Join(inputs, ","), d.Model.Deployment.Coordinator.Name, manifest.LiveAlias)
}

// logLines shows functions' log lines on standard error, each with its function.
func (a *App) logLines() func(simulator.LogLine) {
	var mu sync.Mutex
	return func(l simulator.LogLine) {
		mu.Lock()
		defer mu.Unlock()
		a.say("%s %s", a.paint(dimmed, l.Function), l.Text)
	}
}
