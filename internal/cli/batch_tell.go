package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// costSoFar words what the blocks that are done cost, and what all will.
func costSoFar(e *statemachine.Estimate, s *batch.Status) string {
	if e == nil {
		return ""
	}
	done, all := costOf(e, int(s.Blocks.Ended())), costOf(e, int(s.Blocks.Total))
	return fmt.Sprintf(", step functions $%.4f of $%.4f", done.StepsUSD, all.StepsUSD)
}

// abortedText tells of aborted blocks, if there are any.
func abortedText(c batch.Counts) string {
	if c.Aborted == 0 {
		return ""
	}
	return fmt.Sprintf(", %d aborted", c.Aborted)
}

// progressLine tells how far an execution is.
func progressLine(s *batch.Status, e *statemachine.Estimate, now time.Time) string {
	text := fmt.Sprintf("%s after %s: %d of %d blocks done, %d failed%s, %d under way, %s rows a second", s.Status, s.Elapsed(now).Round(time.Second),
		s.Blocks.Succeeded, s.Blocks.Total, s.Blocks.Failed, abortedText(s.Blocks), s.Blocks.Running, grouped(int64(s.RowsPerSecond(now))))
	if left, ok := s.Left(now); ok && !s.Ended() {
		text += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return text + costSoFar(e, s)
}

// failureOf is the error of an execution that did not succeed, nil of one that did. The kind is that of the blocks' own errors
// where they all have one.
func failureOf(s *batch.Status, sum *tasks.Summary) error {
	if s.Status == succeeded {
		return nil
	}
	e := &shard.Error{Op: "batch", Kind: shard.Canceled}
	name := s.Status
	if s.Error != "" {
		name, e.Kind = s.Error, kindOf(s.Error)
	}
	e.Message = strings.TrimSuffix(name+": "+functionMessage(s.Cause), ": ")
	if sum == nil || len(sum.Failures) == 0 {
		return e
	}
	e.Message += fmt.Sprintf("; %d of %d blocks have no predictions", len(sum.Failures), sum.Blocks)
	kinds := map[string]bool{}
	for _, f := range sum.Failures {
		if f.Error == "" {
			continue // not tried, or cut short by the others
		}
		if kinds[f.Error] = true; len(kinds) == 1 {
			e.Kind = kindOf(f.Error)
		} else {
			e.Kind = kindOf(s.Error)
		}
	}
	told := 0
	for _, f := range sum.Failures {
		if f.Error != "" && told < maxTold {
			told++
			e.Message += fmt.Sprintf("; block %d, rows %d to %d: %s", f.Block, f.FirstRow+1, f.FirstRow+int64(f.Rows), functionMessage(f.Cause))
		}
	}
	return e
}

// kindOf is the kind of an error by its name in an execution.
func kindOf(name string) shard.Kind {
	return shard.ParseFunctionError([]byte(`{"errorType":` + quoteJSON(name) + `,"errorMessage":"x"}`)).Kind
}

// maxTold bounds the failed blocks that an error or a report lists; the summary file has all.
const maxTold = 5

// functionMessage takes a function's own message out of the cause that Step Functions reports.
func functionMessage(cause string) string {
	var body struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(cause), &body) == nil && body.Message != "" {
		return body.Message
	}
	return cause
}

func quoteJSON(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""` // no string fails
	}
	return string(text)
}

// tell prints what came of the batch.
func (b *batchRun) tell() error {
	if b.asJSON {
		return b.a.printJSON(&b.facts)
	}
	f := &b.facts
	if f.Summary == nil {
		return b.a.print([]byte(f.Execution + "\n"))
	}
	s := f.Summary
	b.a.say("%s of %s rows in %d blocks of up to %s, %s executions, %d at once, in %.1f s: %s rows a second",
		grouped(s.Predicted), grouped(s.Rows), s.Blocks, grouped(int64(f.BlockRows)), strings.ToLower(f.Needs.Children), f.Needs.Concurrency, f.Seconds, grouped(int64(f.PerSecond)))
	for i, x := range s.Failures {
		if i == maxTold {
			b.a.say("and %d more; see the summary", len(s.Failures)-maxTold)
			break
		}
		b.a.sayWrapped(fmt.Sprintf("block %d, rows %d to %d, has no predictions: %s %s", x.Block, x.FirstRow+1, x.FirstRow+int64(x.Rows), x.Error, functionMessage(x.Cause)))
	}
	for _, r := range f.Faults {
		b.a.sayWrapped(r.line())
	}
	b.a.sayWrapped(f.Cost.line())
	if s.UsedError != "" {
		b.a.sayWrapped("what lambda would cost could not be told: " + s.UsedError)
	}
	b.a.say("summary in %s", strings.TrimSuffix(b.output, "/")+summarySuffix)
	return nil
}
