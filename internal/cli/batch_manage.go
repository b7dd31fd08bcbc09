package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/statemachine/batch"
)

// remoteOptions reach AWS as its own tools do: by the environment and the shared files.
func remoteOptions(ctx context.Context) (batch.Options, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return batch.Options{}, asInput(fmt.Errorf("find the AWS configuration: %w", err))
	}
	return batch.FromConfig(c), nil
}

// cloud prepares a batch on AWS, or on a simulation that another process serves.
func (b *batchRun) cloud(o batch.Options) error {
	if b.model.Deployment.Store == nil && !loopback(o.StepsEndpoint) {
		return asInput(fmt.Errorf("the deployment has no store, through which a batch's tensors go; name bucket and prefix as store in deployment.json and deploy again"))
	}
	b.store = local.StoreOf(b.model.Deployment) // where it names none, simulate's
	o.Role = b.f.role
	b.client = batch.New(o)
	return nil
}

// managed is one execution for a command that did not start it.
type managed struct {
	*batchRun
	status *batch.Status
}

// open looks at an execution.
func (a *App) open(ctx context.Context, execution string, asJSON bool) (*managed, error) {
	o, err := remoteOptions(ctx)
	if err != nil {
		return nil, err
	}
	c := batch.New(o)
	m := &managed{batchRun: &batchRun{a: a, client: c, asJSON: asJSON}}
	if m.status, err = c.Look(ctx, execution); err == nil {
		m.estimate, err = c.Needs(ctx, execution)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	j := m.status.Job
	m.input, m.output = remotePrefix+j.Input.Bucket+"/"+j.Input.Key, remotePrefix+j.Output.Bucket+"/"+j.Output.Key
	m.facts = batchFacts{Command: "batch", Execution: execution, Status: m.status.Status, Output: m.output, BlockRows: j.BlockRows, Needs: m.estimate}
	return m, nil
}

// manage is a command over one execution; waits says that it can wait for the execution's end.
func (a *App) manage(use, short string, waits bool, do func(ctx context.Context, m *managed, wait bool) error) *cobra.Command {
	asJSON, wait := false, false
	cmd := &cobra.Command{
		Use: use + " EXECUTION [flags]", Short: short, Example: "  shardwise batch " + use + " arn:aws:states:...", Args: oneArgument("an execution's ARN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := a.open(cmd.Context(), args[0], asJSON)
			if err != nil {
				return err
			}
			defer m.client.Close()
			return do(cmd.Context(), m, wait)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	if waits {
		cmd.Flags().BoolVar(&wait, "wait", false, "wait for the end, and leave the summary beside the output, as batch does")
	}
	return cmd
}

// statusFacts is a status for programs.
type statusFacts struct {
	*batch.Status
	PerSecond float64    `json:"rows_per_second"`
	Left      float64    `json:"seconds_left,omitempty"`
	Cost      *batchCost `json:"cost"` // of the blocks that are done
}

func (a *App) batchStatus() *cobra.Command {
	return a.manage("status", "tell how far a batch is", true, func(ctx context.Context, m *managed, wait bool) error {
		if wait {
			return m.follow(ctx, m.facts.Execution)
		}
		s, now := m.status, time.Now()
		if m.asJSON {
			left, _ := s.Left(now)
			if s.Ended() {
				left = 0
			}
			return a.printJSON(statusFacts{s, s.RowsPerSecond(now), left.Seconds(), costOf(m.estimate, int(s.Blocks.Ended()))})
		}
		text := progressLine(s, m.estimate, now)
		if s.Error != "" {
			text += "\n" + s.Error + ": " + functionMessage(s.Cause)
		}
		return a.print([]byte(text + "\n"))
	})
}

// doneFacts is what stop and redrive tell programs.
type doneFacts struct {
	Execution string `json:"execution"`
	Complete  bool   `json:"complete,omitempty"` // there was nothing to redrive
}

// tellDone prints an execution for programs, or a line for people.
func (m *managed) tellDone(execution, line string) error {
	if m.asJSON {
		return m.a.printJSON(doneFacts{Execution: execution})
	}
	return m.a.print([]byte(line + "\n"))
}

func (a *App) batchStop() *cobra.Command {
	return a.manage("stop", "abort a batch; what is done stays done", false, func(ctx context.Context, m *managed, _ bool) error {
		if m.status.Ended() {
			return asInput(fmt.Errorf("the execution has ended already: %s", m.status.Status))
		}
		if err := m.client.Stop(ctx, m.facts.Execution, "stopped by its user"); err != nil {
			return err
		}
		return m.tellDone(m.facts.Execution, "stopped; redrive lets it go on")
	})
}

// nothingToDo tells that a batch is complete, and how its table is predicted anew. Who waits gets what waiting gives.
func (m *managed) nothingToDo(ctx context.Context, wait bool) error {
	m.a.sayWrapped(fmt.Sprintf("nothing to redrive: all blocks have predictions, and %s is there; to predict %s anew, start another batch: shardwise batch DIR --input %s --output TABLE --role ARN",
		m.output, m.input, m.input))
	switch {
	case wait:
		return m.follow(ctx, m.facts.Execution)
	case m.asJSON:
		return m.a.printJSON(doneFacts{Execution: m.facts.Execution, Complete: true})
	}
	return m.a.print([]byte(m.facts.Execution + "\n"))
}

func (a *App) batchRedrive() *cobra.Command {
	return a.manage("redrive", "let a batch go on over the blocks that have no predictions", true, func(ctx context.Context, m *managed, wait bool) error {
		next, err := m.client.Redrive(ctx, m.status)
		if err != nil {
			return err
		}
		if next == "" {
			return m.nothingToDo(ctx, wait)
		}
		if m.facts.Execution = next; wait {
			return m.follow(ctx, next)
		}
		return m.tellDone(next, next)
	})
}
