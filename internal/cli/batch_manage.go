package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/statemachine/batch"
)

// remoteClient reaches AWS as its own tools do: by the environment and the shared files.
func remoteClient(ctx context.Context, role string) (*batch.Client, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, asInput(fmt.Errorf("find the AWS configuration: %w", err))
	}
	o := batch.Options{Region: c.Region, Credentials: c.Credentials, Role: role}
	if c.BaseEndpoint != nil {
		o.Endpoint = *c.BaseEndpoint
	}
	return batch.New(o), nil
}

// cloud prepares a batch on AWS.
func (b *batchRun) cloud() error {
	if b.model.Deployment.Store == nil {
		return asInput(fmt.Errorf("the deployment has no store, through which a batch's tensors go; name bucket and prefix as store in deployment.json and deploy again"))
	}
	b.store = *b.model.Deployment.Store
	var err error
	b.client, err = remoteClient(b.cmd.Context(), b.f.role)
	return err
}

// manage is a command over one execution.
func (a *App) manage(use, short string, do func(ctx context.Context, c *batch.Client, execution string) (any, error)) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use: use + " EXECUTION [flags]", Short: short, Args: oneArgument("an execution's ARN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := remoteClient(cmd.Context(), "")
			if err != nil {
				return err
			}
			told, err := do(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(told)
			}
			if text, ok := told.(fmt.Stringer); ok {
				return a.print([]byte(text.String() + "\n"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document on standard output")
	return cmd
}

// statusText is a status for people.
type statusText struct{ *batch.Status }

// String tells how far the execution is.
func (t statusText) String() string {
	s, now := t.Status, time.Now()
	text := fmt.Sprintf("%s after %s: %d of %d blocks done, %d failed, %d under way, %.0f rows a second", s.Status, s.Elapsed(now).Round(time.Second),
		s.Blocks.Succeeded, s.Blocks.Total, s.Blocks.Failed, s.Blocks.Running, s.RowsPerSecond(now))
	if left, ok := s.Left(now); ok && !s.Ended() {
		text += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	if s.Error != "" {
		text += "\n" + s.Error + ": " + functionMessage(s.Cause)
	}
	return text
}

// lineText is one line for people, and the same under a name for programs.
type lineText struct {
	Execution string `json:"execution"`
	text      string
}

// String is the line.
func (t lineText) String() string { return t.text }

func (a *App) batchStatus() *cobra.Command {
	return a.manage("status", "tell how far a batch is", func(ctx context.Context, c *batch.Client, execution string) (any, error) {
		s, err := c.Look(ctx, execution)
		return statusText{s}, err
	})
}

func (a *App) batchStop() *cobra.Command {
	return a.manage("stop", "abort a batch; what is done stays done", func(ctx context.Context, c *batch.Client, execution string) (any, error) {
		return lineText{execution, "stopped; redrive lets it go on"}, c.Stop(ctx, execution, "stopped by its user")
	})
}

func (a *App) batchRedrive() *cobra.Command {
	return a.manage("redrive", "let a batch go on over the blocks that have no predictions", func(ctx context.Context, c *batch.Client, execution string) (any, error) {
		s, err := c.Look(ctx, execution)
		if err != nil {
			return nil, err
		}
		next, err := c.Redrive(ctx, s)
		return lineText{next, next}, err
	})
}
