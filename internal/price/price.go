// Package price is the one table of what AWS asks for, and the arithmetic on it. It knows list prices of one Region and no
// account's own: no free tier, no savings plan, no further tier for very many GB-seconds.
package price

import "time"

// Region is where the prices of the table hold.
const Region = "us-east-1"

// Price is one list price in US dollars, with how well it is known.
type Price struct {
	Item      string  `json:"item"`
	USD       float64 `json:"usd"`
	Per       string  `json:"per"`
	Source    string  `json:"source"`
	Knowledge string  `json:"knowledge"` // how the figure is known, and as of when
}

// The architectures that Lambda sells, in AWS's words.
const (
	X86 = "x86_64"
	ARM = "arm64"
)

const (
	sourceStates = "https://aws.amazon.com/step-functions/pricing/"

	source    = "https://aws.amazon.com/lambda/pricing/"
	secondary = "as quoted by third parties and AWS's documentation, November 2026; not read from a bill"
	unproved  = "a known list price that was not confirmed, November 2026"
)

// Duration is the price of a GB-second of an architecture, the first tier.
func Duration(architecture string) Price {
	if architecture == ARM {
		return Price{Item: "duration, " + ARM, USD: 0.0000133334, Per: "GB-second, first 7.5 billion of a month", Source: source, Knowledge: secondary}
	}
	return Price{Item: "duration, " + X86, USD: 0.0000166667, Per: "GB-second, first 6 billion of a month", Source: source, Knowledge: secondary}
}

// Requests is the price of an invocation, whether it succeeds or not.
func Requests() Price {
	return Price{Item: "requests", USD: 0.20 / 1e6, Per: "request", Source: source, Knowledge: secondary}
}

// Storage is the price of ephemeral storage beyond 512 MB.
func Storage() Price {
	return Price{Item: "ephemeral storage beyond 512 MB", USD: 0.0000000309, Per: "GB-second", Source: source, Knowledge: unproved}
}

// Transition is the price of entering a state of a STANDARD execution; repeated attempts count.
func Transition() Price {
	return Price{Item: "state transitions", USD: 0.025 / 1000, Per: "transition", Source: sourceStates, Knowledge: secondary}
}

// ExpressExecution is the price of starting an EXPRESS execution; its time and memory are billed beside it.
func ExpressExecution() Price {
	return Price{Item: "express executions", USD: 1.0 / 1e6, Per: "execution", Source: sourceStates, Knowledge: unproved}
}

// ExpressDuration is the price of an EXPRESS execution's time with the memory that it takes, the first tier.
func ExpressDuration() Price {
	return Price{Item: "express duration", USD: 0.00001667, Per: "GB-second, first 3.6 million of a month", Source: sourceStates, Knowledge: unproved}
}

// The steps in which an EXPRESS execution's time and memory are billed. A batch's child takes the least memory.
const (
	expressStep   = 100 * time.Millisecond
	expressMemory = 64.0 / 1024
)

// ExpressGBSeconds is what an EXPRESS execution of so long is billed for, with the least memory.
func ExpressGBSeconds(d time.Duration) float64 {
	return float64((d+expressStep-1)/expressStep) * expressStep.Seconds() * expressMemory
}

// Usage is what is paid for.
type Usage struct {
	Requests    int64   `json:"requests"`
	GBSeconds   float64 `json:"gb_seconds"`
	StorageGBs  float64 `json:"storage_gb_seconds"` // of ephemeral storage beyond 512 MB
	BilledMilli int64   `json:"billed_ms"`
}

// Add enters an invocation of a function with so much memory and ephemeral storage.
func (u *Usage) Add(billed time.Duration, memoryMB, ephemeralMB int) {
	u.Requests++
	u.BilledMilli += billed.Milliseconds()
	u.GBSeconds += billed.Seconds() * float64(memoryMB) / 1024
	u.StorageGBs += billed.Seconds() * float64(max(ephemeralMB-512, 0)) / 1024
}

// Plus is the usage of both.
func (u Usage) Plus(v Usage) Usage {
	return Usage{u.Requests + v.Requests, u.GBSeconds + v.GBSeconds, u.StorageGBs + v.StorageGBs, u.BilledMilli + v.BilledMilli}
}

// USD is what the usage costs on an architecture.
func (u Usage) USD(architecture string) float64 {
	return float64(u.Requests)*Requests().USD + u.GBSeconds*Duration(architecture).USD + u.StorageGBs*Storage().USD
}

// Table lists every price that USD uses.
func Table() []Price { return []Price{Duration(X86), Duration(ARM), Requests(), Storage()} }
