package statemachine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard/wire"
)

// Definition builds the state machine of a model's batches and computes what it needs of the quotas. The machine takes a
// Job as its input. An error tells every option that is wrong, or every quota that the definition would exceed and
// what to change.
func Definition(m *manifest.Manifest, fingerprint string, d *manifest.Deployment, o Options) (*Machine, *Estimate, error) {
	fail := func(err error) (*Machine, *Estimate, error) {
		return nil, nil, fmt.Errorf("state machine of %s: %w", m.Name, err)
	}
	o, err := o.resolve(m)
	if err != nil {
		return fail(err)
	}
	steps, err := m.StepsFor(o.Mode, o.Outputs)
	if err != nil {
		return fail(err)
	}
	b := &builder{manifest: m, fingerprint: fingerprint, deployment: d, o: o, steps: steps}
	machine, err := b.parent()
	if err != nil {
		return fail(err)
	}
	e, err := estimate(machine)
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return fail(err)
	}
	return machine, e, nil
}

// builder holds what all states need.
type builder struct {
	manifest    *manifest.Manifest
	fingerprint string
	deployment  *manifest.Deployment
	o           Options
	steps       []manifest.Step
}

// Words of the states language and of the definitions made with it.
const (
	typeTask     = "Task"
	typeParallel = "Parallel"
	typeMap      = "Map"
	invoke       = "arn:aws:states:::lambda:invoke"
	getObject    = "arn:aws:states:::s3:getObject"
	putObject    = "arn:aws:states:::s3:putObject"
	express      = "EXPRESS"
	standard     = "STANDARD"
	// Label is the Map state's, which stands in the names of its runs and children.
	Label = "blocks"

	statePrepare = "prepare"
	stateBlocks  = "blocks"
	stateFinish  = "finish"
	stateRows    = "rows"
	statePredict = "predict"
	stateWrite   = "write"
)

// parent is prepare, one child a block, finish.
func (b *builder) parent() (*Machine, error) {
	child, err := b.child()
	if err != nil {
		return nil, err
	}
	prepare := b.task(stateBlocks, map[string]any{"task": TaskPrepare, "job.$": "$"})
	prepare.ResultSelector = map[string]string{"index.$": "$.Payload.index", "rows.$": "$.Payload.rows", "blocks.$": "$.Payload.blocks"}
	prepare.ResultPath = path("$.prepared")
	blocks := &State{
		Type: typeMap, Label: Label, Next: stateFinish,
		ItemReader: &Reader{Resource: getObject, ReaderConfig: ReaderConfig{InputType: "JSON"},
			Parameters: map[string]string{"Bucket.$": "$.store.bucket", "Key.$": "$.prepared.index"}},
		ItemSelector:               map[string]any{"job.$": "$", "block.$": "$$.Map.Item.Value"},
		ItemProcessor:              child,
		MaxConcurrency:             b.concurrency(),
		ToleratedFailureCount:      b.o.TolerateCount,
		ToleratedFailurePercentage: percent(b.o.TolerateShare),
		ResultWriter: &Writer{Resource: putObject,
			Parameters: map[string]string{"Bucket.$": "$.store.bucket", "Prefix.$": "States.Format('{}/results', $.store.prefix)"}},
		ResultPath: path("$.map"),
	}
	finish := b.task("", map[string]any{"task": TaskFinish, "job.$": "$"})
	finish.OutputPath = "$.Payload"
	return &Machine{
		Comment: "Shardwise batch of " + b.manifest.Name + " " + b.manifest.Version + ", fingerprint " + b.fingerprint,
		StartAt: statePrepare,
		States:  map[string]*State{statePrepare: prepare, stateBlocks: blocks, stateFinish: finish},
	}, nil
}

// task is a call of the tasks' function; next "" ends the machine.
func (b *builder) task(next string, payload map[string]any) *State {
	payload["mode"], payload["outputs"] = b.o.Mode, b.o.Outputs
	return b.call(b.o.Tasks, manifest.Alias(b.fingerprint), next, payload)
}

// blockTask is a task over one block, which must not keep an EXPRESS child waiting.
func (b *builder) blockTask(payload map[string]any) *State {
	s := b.task("", payload)
	s.TimeoutSeconds = min(b.o.Tasks.TimeoutSeconds, blockTimeout) + startSeconds
	return s
}

// call is an invocation of a function. The state's time is the function's own and the time that it has to start.
func (b *builder) call(f manifest.Function, qualifier, next string, payload map[string]any) *State {
	return &State{
		Type: typeTask, Resource: invoke, Parameters: map[string]any{"FunctionName": f.Name + ":" + qualifier, "Payload": payload},
		TimeoutSeconds: f.TimeoutSeconds + startSeconds, Retry: retriers(), Next: next, End: next == "",
	}
}

// startSeconds is how long Lambda lets a function start, which its timeout does not include.
const startSeconds = 10

// child is the processor of one block.
func (b *builder) child() (*Machine, error) {
	c := &Machine{ProcessorConfig: &ProcessorConfig{Mode: "DISTRIBUTED"}, StartAt: stateRows, States: map[string]*State{}}
	rows := b.blockTask(map[string]any{"task": TaskRows, "via": b.o.Via, "job.$": "$.job", "block.$": "$.block"})
	rows.OutputPath = "$.Payload"
	c.States[stateRows] = rows
	if b.o.Via == ViaCoordinator {
		b.byCoordinator(c, rows)
	} else if err := b.byStages(c, rows); err != nil {
		return nil, err
	}
	var err error
	c.ProcessorConfig.ExecutionType, err = b.executionType(c)
	return c, err
}

// chain lets a state follow another.
func chain(before *State, next string) { before.Next, before.End = next, false }

// byStages adds for each stage a Parallel state and the aggregation that follows it.
func (b *builder) byStages(c *Machine, before *State) error {
	n := 0
	for i := range b.steps {
		stage := b.steps[i].Stage
		if stage == nil {
			continue
		}
		if len(stage.Routes) > 0 {
			return fmt.Errorf("stage %q routes rows to shards by their values, and a state machine's branches are fixed; take --via coordinator", b.steps[i].Name)
		}
		label := fmt.Sprintf("stage %d %s", n, clip(b.steps[i].Name))
		n++
		parallel := &State{Type: typeParallel, ResultPath: path("$.keys")}
		for p, s := range stage.Shards {
			wanted := stage.Wanted(p)
			if len(wanted) == 0 {
				continue
			}
			name := fmt.Sprintf("%s shard %d", label, s)
			branch := len(parallel.Branches)
			call := b.call(b.deployment.Shards[s], manifest.Alias(b.fingerprint), "", b.infer(i, s, branch, wanted))
			call.ResultPath, call.OutputPath = json.RawMessage("null"), callPath(branch)+"reply_key"
			parallel.Branches = append(parallel.Branches, &Machine{StartAt: name, States: map[string]*State{name: call}})
		}
		fold := label + " aggregate"
		aggregate := b.blockTask(map[string]any{"task": TaskAggregate, "step": b.steps[i].Name, "job.$": "$.job", "block.$": "$.block",
			"keys.$": "$.keys", "carry.$": "$.carry", "usage.$": "$.usage"})
		aggregate.OutputPath = "$.Payload"
		chain(before, label)
		parallel.Next = fold
		c.States[label], c.States[fold], before = parallel, aggregate, aggregate
	}
	if n == 0 {
		return errors.New("the wanted outputs need no shard; use predict")
	}
	return nil
}

// byCoordinator adds one call of the coordinator, and the writing of its answer.
func (b *builder) byCoordinator(c *Machine, before *State) {
	predict := b.call(b.deployment.Coordinator, manifest.Alias(b.fingerprint), stateWrite, map[string]any{
		"version": wire.Version, "kind": wire.KindPredict, "fingerprint": b.fingerprint, "attempt": Attempt, "mode": b.o.Mode, "outputs": b.o.Outputs,
		"reply": wire.ReplyRef, "request.$": "$.request", "rows.$": callPath(0) + "rows",
		"ref.$": callPath(0) + "ref", "ref_bytes.$": callPath(0) + "ref_bytes", "ref_sha256.$": callPath(0) + "ref_sha256", "reply_key.$": callPath(0) + "reply_key",
	})
	predict.ResultPath = json.RawMessage("null")
	write := b.blockTask(map[string]any{"task": TaskWrite, "job.$": "$.job", "block.$": "$.block", "key.$": callPath(0) + "reply_key", "usage.$": "$.usage"})
	write.OutputPath = "$.Payload"
	chain(before, statePredict)
	c.States[statePredict], c.States[stateWrite] = predict, write
}

// Attempt is the number that requests of a batch have: a state machine's repetitions write the same values to the same key,
// and whoever reads it takes any of them.
const Attempt = 1

// infer is the request to shard s in a step, for the branch of that number.
func (b *builder) infer(step, s, branch int, wanted []string) map[string]any {
	at := callPath(branch)
	return map[string]any{
		"version": wire.Version, "kind": wire.KindInfer, "fingerprint": b.fingerprint, "attempt": Attempt, "step": b.steps[step].Name, "shard": s,
		"outputs": wanted, "mode": b.o.Mode, "reply": wire.ReplyRef,
		"request.$": "$.request", "row.$": "$.block.first_row", "rows.$": at + "rows",
		"ref.$": at + "ref", "ref_bytes.$": at + "ref_bytes", "ref_sha256.$": at + "ref_sha256", "reply_key.$": at + "reply_key",
	}
}

// concurrency is how many blocks may be under way: no function of fewer reserved environments than calls, and the widest
// stage of all blocks within the account's concurrency.
func (b *builder) concurrency() int {
	n, widest := maxChildren, 1
	bound := func(f manifest.Function) {
		if f.ReservedConcurrency > 0 {
			n = min(n, f.ReservedConcurrency)
		}
	}
	bound(b.o.Tasks)
	if b.o.Via == ViaCoordinator {
		bound(b.deployment.Coordinator)
		widest++ // the coordinator waits for its shards
	}
	for _, s := range b.steps {
		if s.Stage == nil {
			continue
		}
		width := 0
		for p, i := range s.Stage.Shards {
			if len(s.Stage.Wanted(p)) > 0 {
				width++
				bound(b.deployment.Shards[i])
			}
		}
		if b.o.Via == ViaCoordinator {
			width++
		}
		widest = max(widest, width)
	}
	n = min(n, b.o.Account/widest)
	if b.o.Concurrency > 0 {
		n = min(n, b.o.Concurrency)
	}
	return max(n, 1)
}

// executionType settles what the children are.
func (b *builder) executionType(c *Machine) (string, error) {
	longest := longestPath(c)
	switch {
	case b.o.Children == ChildrenStandard, b.o.Children == ChildrenAuto && longest > expressSeconds:
		return standard, nil
	case b.o.Children == ChildrenExpress && longest > expressSeconds:
		return "", fmt.Errorf("a block's tasks may take %d s in all by their functions' timeouts, and an EXPRESS child %d s; lower the timeouts in deployment.json, or take standard children",
			longest, expressSeconds)
	}
	return express, nil
}

// callPath leads to a branch's call in the state of a block.
func callPath(branch int) string { return "$.calls." + BranchName(branch) + "." }

func path(p string) json.RawMessage { return json.RawMessage(`"` + p + `"`) }

// clip keeps state names below Step Functions' 80 characters.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
