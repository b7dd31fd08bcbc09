package cli

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/price"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/tasks"
)

// batchCost is an estimate of what AWS asks for a batch by its list prices, without repeated attempts. S3 bills its own.
type batchCost struct {
	Region         string  `json:"region"` // whose prices they are
	Transitions    int     `json:"transitions"`
	TransitionsUSD float64 `json:"transitions_usd"`
	Express        int     `json:"express_executions"`
	// ExpressGBSeconds is told when the children have ended.
	ExpressGBSeconds float64     `json:"express_gb_seconds,omitempty"`
	ExpressUSD       float64     `json:"express_usd"`
	StepsUSD         float64     `json:"step_functions_usd"` // of transitions and EXPRESS executions
	Lambda           *lambdaCost `json:"lambda,omitempty"`   // nil while it is not known
	LambdaUSD        float64     `json:"lambda_usd,omitempty"`
	USD              float64     `json:"usd"` // of all these
}

// lambdaCost is what Lambda asks for the functions' invocations.
type lambdaCost struct {
	price.Usage
	RequestsUSD float64 `json:"requests_usd"`
	DurationUSD float64 `json:"duration_usd"` // with storage beyond 512 MB
	Basis       string  `json:"basis"`
}

// The bases of Lambda's part.
const (
	basisTold   = "the functions' own times, starts of processes left out"
	basisBilled = "what was billed on this computer"
)

// costOf is the cost of so many blocks, without Lambda's part.
func costOf(e *statemachine.Estimate, blocks int) *batchCost {
	if e == nil {
		return nil
	}
	c := &batchCost{Region: price.Region, Transitions: e.Parent}
	if e.Children == "EXPRESS" {
		c.Express = blocks
	} else {
		c.Transitions += blocks * e.Transitions
	}
	c.sum()
	return c
}

// sum computes the dollars.
func (c *batchCost) sum() {
	c.TransitionsUSD = float64(c.Transitions) * price.Transition().USD
	c.ExpressUSD = float64(c.Express)*price.ExpressExecution().USD + c.ExpressGBSeconds*price.ExpressDuration().USD
	c.StepsUSD = c.TransitionsUSD + c.ExpressUSD
	if c.Lambda != nil {
		c.LambdaUSD = c.Lambda.USD(price.X86)
		c.Lambda.RequestsUSD = price.Usage{Requests: c.Lambda.Requests}.USD(price.X86)
		c.Lambda.DurationUSD = c.LambdaUSD - c.Lambda.RequestsUSD
	}
	c.USD = c.StepsUSD + c.LambdaUSD
}

// told enters what the functions say; nil changes nothing.
func (c *batchCost) told(u *tasks.Used) {
	if c == nil || u == nil {
		return
	}
	c.ExpressGBSeconds, c.Lambda = u.ExpressGBSeconds, &lambdaCost{Usage: u.Lambda, Basis: basisTold}
	c.sum()
}

// billed enters what the functions' REPORT lines say, which knows of starts and repetitions as well.
func (c *batchCost) billed(u price.Usage) {
	c.Lambda = &lambdaCost{Usage: u, Basis: basisBilled}
	c.sum()
}

// usageOf is what a function was billed for on this computer.
func usageOf(b local.Bill, memoryMB int) price.Usage {
	return price.Usage{Requests: int64(b.Invocations), BilledMilli: b.BilledMS, GBSeconds: float64(b.BilledMS) / 1000 * float64(memoryMB) / 1024}
}

// line words the estimate with its parts.
func (c *batchCost) line() string {
	steps := count(int64(c.Transitions), "transition")
	if c.Express > 0 {
		steps += fmt.Sprintf(" $%.6f, %s of %.3f GB-seconds $%.6f", c.TransitionsUSD, count(int64(c.Express), "express execution"), c.ExpressGBSeconds, c.ExpressUSD)
	}
	text := fmt.Sprintf("estimate by the prices of %s: step functions $%.6f (%s)", c.Region, c.StepsUSD, steps)
	if l := c.Lambda; l != nil {
		text += fmt.Sprintf(", lambda $%.6f (%s $%.6f, %.3f GB-seconds $%.6f, from %s), together $%.6f",
			c.LambdaUSD, count(l.Requests, "request"), l.RequestsUSD, l.GBSeconds, l.DurationUSD, l.Basis, c.USD)
	}
	return text + "; S3 bills its own"
}
