package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/batch"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// batchCost is what Step Functions asks for a batch without repeated attempts; Lambda and S3 bill their own.
type batchCost struct {
	Transitions int     `json:"transitions"`
	Express     int     `json:"express_executions"`
	USD         float64 `json:"usd"`
}

func costOf(e *statemachine.Estimate, blocks int) *batchCost {
	if e == nil {
		return nil
	}
	c := &batchCost{Transitions: e.Parent}
	if e.Children == "EXPRESS" {
		c.Express = blocks
	} else {
		c.Transitions += blocks * e.Transitions
	}
	c.USD = float64(c.Transitions)*price.Transition().USD + float64(c.Express)*price.ExpressExecution().USD
	return c
}

// failureOf is the error of an execution that did not succeed, nil of one that did. The kind is that of the blocks' own errors
// where they all have one.
func failureOf(s *batch.Status, sum *tasks.Summary) error {
	if s.Status == "SUCCEEDED" {
		return nil
	}
	cause := functionMessage(s.Cause)
	e := shard.ParseFunctionError([]byte(`{"errorType":` + quoteJSON(s.Error) + `,"errorMessage":` + quoteJSON("batch: "+cause) + `}`))
	if s.Error == "" {
		e = &shard.Error{Op: "batch", Kind: shard.Canceled, Message: "the execution ended as " + s.Status}
	}
	if sum == nil || len(sum.Failures) == 0 {
		return e
	}
	var lines []string
	kinds := map[string]bool{}
	for i, f := range sum.Failures {
		if f.Error == "" {
			continue // not tried, or cut short by the others
		}
		kinds[f.Error] = true
		if i < maxTold {
			lines = append(lines, fmt.Sprintf("block %d, rows %d to %d: %s", f.Block, f.FirstRow, f.FirstRow+int64(f.Rows)-1, functionMessage(f.Cause)))
		}
	}
	e.Message = strings.TrimSpace(s.Error+" "+cause) + fmt.Sprintf("; %d of %d blocks have no predictions, %s", len(sum.Failures), sum.Blocks, strings.Join(lines, "; "))
	if len(kinds) == 1 {
		for name := range kinds {
			e.Kind = shard.ParseFunctionError([]byte(`{"errorType":` + quoteJSON(name) + `,"errorMessage":"x"}`)).Kind
		}
	}
	return e
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
	if b.f.json {
		return b.a.printJSON(&b.facts)
	}
	f := &b.facts
	if f.Summary == nil {
		return b.a.print([]byte(f.Execution + "\n"))
	}
	s := f.Summary
	b.a.say("%s of %s rows in %d blocks of up to %d, %s executions, %d at once, in %.1f s: %s rows a second",
		grouped(s.Predicted), grouped(s.Rows), s.Blocks, b.blockRows(), strings.ToLower(f.Needs.Children), f.Needs.Concurrency, f.Seconds, grouped(int64(f.PerSecond)))
	for i, x := range s.Failures {
		if i == maxTold {
			b.a.say("and %d more; see the summary", len(s.Failures)-maxTold)
			break
		}
		b.a.say("block %d, rows %d to %d, has no predictions: %s %s", x.Block, x.FirstRow, x.FirstRow+int64(x.Rows)-1, x.Error, functionMessage(x.Cause))
	}
	b.a.say("step functions: %s transitions, %s express executions, $%.6f; summary in %s", grouped(int64(f.Cost.Transitions)), grouped(int64(f.Cost.Express)), f.Cost.USD,
		strings.TrimSuffix(b.f.output, "/")+summarySuffix)
	return nil
}

func (b *batchRun) blockRows() int {
	if b.f.rows > 0 {
		return b.f.rows
	}
	return statemachine.BlockRows(b.model.Manifest, b.model.Deployment)
}
