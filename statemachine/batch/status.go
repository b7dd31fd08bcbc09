package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// Status is how far an execution is.
type Status struct {
	Execution string           `json:"execution"`
	Machine   string           `json:"machine"`
	Status    string           `json:"status"` // RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED
	Error     string           `json:"error,omitempty"`
	Cause     string           `json:"cause,omitempty"`
	Job       statemachine.Job `json:"job"`
	Started   time.Time        `json:"started"`
	Stopped   time.Time        `json:"stopped,omitzero"`
	Blocks    Counts           `json:"blocks"` // of the latest Map run; zero before there is one
	Redrives  int              `json:"redrives"`
}

// Counts are the blocks of one Map run by what became of them.
type Counts struct {
	Total     int64 `json:"total"`
	Pending   int64 `json:"pending"`
	Running   int64 `json:"running"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`  // timed out ones, too
	Aborted   int64 `json:"aborted"` // cut short by a stop, or by the failures of others
}

// Ended are the blocks that are not waited for any more.
func (c Counts) Ended() int64 { return c.Succeeded + c.Failed + c.Aborted }

// Ended reports whether the execution has come to its end.
func (s *Status) Ended() bool {
	return s.Status != string(types.ExecutionStatusRunning) && s.Status != string(types.ExecutionStatusPendingRedrive)
}

// Elapsed is the execution's time up to its end, or to now.
func (s *Status) Elapsed(now time.Time) time.Duration {
	if !s.Stopped.IsZero() {
		now = s.Stopped
	}
	return now.Sub(s.Started)
}

// RowsPerSecond is the speed so far, in whole blocks.
func (s *Status) RowsPerSecond(now time.Time) float64 {
	seconds := s.Elapsed(now).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(s.Blocks.Succeeded) * float64(s.Job.BlockRows) / seconds
}

// Left is the time that the remaining blocks take at the speed so far; ok is false while no block is done.
func (s *Status) Left(now time.Time) (left time.Duration, ok bool) {
	done := s.Blocks.Ended()
	if done == 0 {
		return 0, false
	}
	return time.Duration(float64(s.Elapsed(now)) * float64(s.Blocks.Total-done) / float64(done)), true
}

// Look asks how far an execution is. The error is an *shard.Error: of kind BadInput when execution is no execution's ARN, or no
// batch's, and of kind NotFound when it is not there.
func (c *Client) Look(ctx context.Context, execution string) (*Status, error) {
	if _, _, err := executionARN(execution); err != nil {
		return nil, err
	}
	out, err := c.steps.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	if err != nil {
		return nil, c.unknown(execution, err)
	}
	s := &Status{Execution: execution, Machine: aws.ToString(out.StateMachineArn), Status: string(out.Status), Error: aws.ToString(out.Error),
		Cause: aws.ToString(out.Cause), Started: aws.ToTime(out.StartDate), Stopped: aws.ToTime(out.StopDate), Redrives: int(aws.ToInt32(out.RedriveCount))}
	if err := json.Unmarshal([]byte(aws.ToString(out.Input)), &s.Job); err != nil || s.Job.ID == "" {
		return nil, &shard.Error{Op: "describe execution", Kind: shard.BadInput, Message: fmt.Sprintf("%s is no batch of Shardwise", execution), Cause: err}
	}
	runs, err := c.steps.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: &execution})
	if err != nil {
		return nil, failed("list map runs", err)
	}
	if len(runs.MapRuns) == 0 {
		return s, nil
	}
	run, err := c.steps.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil {
		return nil, failed("describe map run", err)
	}
	if n := run.ItemCounts; n != nil {
		s.Blocks = Counts{Total: n.Total, Pending: n.Pending, Running: n.Running, Succeeded: n.Succeeded, Failed: n.Failed + n.TimedOut, Aborted: n.Aborted}
	}
	return s, nil
}

// Needs is the estimate of an execution's definition.
func (c *Client) Needs(ctx context.Context, execution string) (*statemachine.Estimate, error) {
	out, err := c.steps.DescribeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &execution})
	if err != nil {
		return nil, failed("describe the execution's state machine", err)
	}
	return statemachine.Needs([]byte(aws.ToString(out.Definition)))
}

// Watch looks at an execution again and again until it has ended, and tells each time how far it is. What a service refuses
// for a moment is asked again.
func (c *Client) Watch(ctx context.Context, execution string, tell func(*Status)) (*Status, error) {
	for failures := 0; ; {
		s, err := c.Look(ctx, execution)
		switch {
		case err == nil:
			failures = 0
			tell(s)
			if s.Ended() {
				return s, nil
			}
		case !shard.KindOf(err).Retryable() || failures == maxFailures:
			return nil, err
		default:
			failures++
		}
		timer := time.NewTimer(c.poll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// maxFailures is how often in a row an execution may not be told of.
const maxFailures = 5

// Summary is what the batch came to, or how far it has come.
func (c *Client) Summary(ctx context.Context, job statemachine.Job) (*tasks.Summary, error) {
	return tasks.Summarize(ctx, c.Store, job)
}
