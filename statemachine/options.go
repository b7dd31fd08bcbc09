package statemachine

import (
	"errors"
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
)

// Children are the kinds of child execution.
const (
	ChildrenAuto     = "auto"     // EXPRESS where a block's tasks fit into five minutes
	ChildrenStandard = "standard" // history, and redrives that resume at the failed state
	ChildrenExpress  = "express"  // cheaper; at most five minutes, and a redrive starts a block again
)

// Via are the forms of a child.
const (
	ViaStages      = "stages"      // a Parallel state for each stage of the plan
	ViaCoordinator = "coordinator" // one call of the coordinator
)

// Options say what a batch predicts and how. The zero value is the usual one.
type Options struct {
	Outputs []string // names; none for the model's default ones
	Mode    string   // numeric mode; "" for the manifest's first
	// Children and Via are one of the constants; "" is ChildrenAuto and ViaStages.
	Children, Via string
	// Tasks is the function of package statemachine/tasks; zero for TasksFunction's.
	Tasks manifest.Function
	// TolerateCount and TolerateShare are the failed blocks that do not fail the execution: their number, and their share
	// in whole percent, since not every checker of definitions takes a fraction. Exceeding either fails it; 0 is not set, and with neither set no block may fail.
	TolerateCount int
	TolerateShare int
	// Account is the account's concurrent executions of functions, 0 for Lambda's default of 1,000. Concurrency bounds the
	// blocks under way further; 0 does not.
	Account, Concurrency int
}

// defaultAccount is Lambda's default quota of concurrent executions.
const defaultAccount = 1000

// Memory and time of the tasks' function: a block of some 16 MB in a few copies, and 1,769 MB are a whole processor. Reading a table
// once, and joining an output, may take all the time that Lambda gives.
const (
	tasksMemoryMB = 1769
	tasksTimeout  = 900
	blockTimeout  = 60 // of a task over one block
	tasksSuffix   = "-batch"
)

// TasksFunction is the function of a model's batches when a deployment says nothing else.
func TasksFunction(m *manifest.Manifest) manifest.Function {
	return manifest.Function{Name: m.Name + tasksSuffix, MemoryMB: tasksMemoryMB, TimeoutSeconds: tasksTimeout}
}

// resolve fills what is not set and refuses what is wrong, all faults at once.
func (o Options) resolve(m *manifest.Manifest) (Options, error) {
	var faults []error
	fail := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	set := func(s *string, value string, known ...string) {
		if *s == "" {
			*s = value
		}
		for _, k := range known {
			if *s == k {
				return
			}
		}
		fail("wanted one of %v, found %.80q", known, *s)
	}
	set(&o.Children, ChildrenAuto, ChildrenAuto, ChildrenStandard, ChildrenExpress)
	set(&o.Via, ViaStages, ViaStages, ViaCoordinator)
	if o.Tasks.Name == "" {
		o.Tasks = TasksFunction(m)
	}
	if o.Account == 0 {
		o.Account = defaultAccount
	}
	if o.TolerateCount < 0 || o.TolerateShare < 0 || o.TolerateShare > 100 {
		fail("wanted a tolerated count of 0 or more and a share from 0 to 100 percent, found %d and %v", o.TolerateCount, o.TolerateShare)
	}
	if o.Account < 0 || o.Concurrency < 0 {
		fail("wanted a concurrency of 0 (the default) or more, found %d of the account and %d of blocks", o.Account, o.Concurrency)
	}
	if m.Signature.Rows == manifest.RowsNone {
		fail("the rows of this model belong together in one request, and a batch cuts rows into blocks; use predict")
	}
	mode, err := m.ResolveMode(o.Mode)
	if err != nil {
		faults = append(faults, err)
	}
	o.Mode = mode
	outputs, err := m.ResolveOutputs(o.Outputs)
	if err != nil {
		faults = append(faults, err)
	}
	o.Outputs = nil
	for _, out := range outputs {
		if !m.Signature.Batched(out.Shape) {
			fail("output %q has no row for each row of the input; leave it out", out.Name)
		}
		o.Outputs = append(o.Outputs, out.Name)
	}
	return o, errors.Join(faults...)
}

// defaultBlockRows keeps a block's own costs, some 50 ms of states and requests, far below its work.
const defaultBlockRows = 16_384

// BlockRows is the number of rows of a block when nobody says another: as many as every shard's function has memory for by
// the splitter's estimate, and at most 16,384.
func BlockRows(m *manifest.Manifest, d *manifest.Deployment) int {
	rows := int64(defaultBlockRows)
	for i := range m.Shards {
		need := m.Shards[i].Memory
		if need.PerRow <= 0 {
			continue
		}
		free := int64(d.Shards[i].MemoryMB)<<20 - need.Weights - need.Fixed
		rows = min(rows, max(free/need.PerRow, 1))
	}
	return int(rows)
}
