package coordinator

import (
	"context"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// Walk is the plan of one mode and set of outputs over one block of rows, for callers that carry the messages to and from the
// shards themselves, one step at a time. Its pieces are the ones that Run is made of, so that the numbers are the same. It
// is not safe for concurrent use, but for Inputs.
type Walk struct {
	Steps   []manifest.Step
	Outputs []manifest.Output
	Mode    string

	run     *run
	symbols symbols
}

// Walk resolves a numeric mode and outputs as a Request's. The error is an *shard.Error.
func (c *Coordinator) Walk(mode string, outputs []string) (*Walk, error) {
	r := &run{c: c, policy: c.policy, batched: c.manifest.Signature.Rows == "", recorder: newRecorder(c.policy.Now)}
	if err := r.resolve(&Request{Mode: mode, Outputs: outputs}); err != nil {
		return nil, err
	}
	return &Walk{Steps: r.steps, Outputs: r.outputs, Mode: r.mode, run: r}, nil
}

// Check holds a block's inputs against the signature as Run does and returns them in the declared dtypes, with their number
// of rows. Errors name rows counted from firstRow.
func (w *Walk) Check(in tensor.Named, firstRow int64) (tensor.Named, int, error) {
	out, bound, err := checkInputs(&w.run.c.manifest.Signature, in, firstRow)
	if err != nil {
		return nil, 0, err
	}
	w.symbols = bound
	return out, bound[manifest.Batch], nil
}

// Local runs the local steps from step first up to the next stage, or to the plan's end, and adds their values to values. It
// returns the index of the step where it stopped.
func (w *Walk) Local(ctx context.Context, values tensor.Named, first int) (int, error) {
	b := &block{values: values}
	for i := first; i < len(w.Steps); i++ {
		if w.Steps[i].Stage != nil {
			return i, nil
		}
		if err := w.run.runLocal(ctx, b, i); err != nil {
			return i, err
		}
	}
	return len(w.Steps), nil
}

// Shared reports whether all shards of a stage get the same inputs.
func (w *Walk) Shared(step int) bool { return replicated(w.Steps[step].Stage) }

// Inputs are what the shard at position p of a stage gets of values. Stages with routes are refused here and by Fold.
func (w *Walk) Inputs(step, p int, values tensor.Named) (tensor.Named, error) {
	if len(w.Steps[step].Stage.Routes) > 0 {
		return nil, errRoutes(w.Steps[step].Name)
	}
	s := &scatterer{manifest: w.run.c.manifest, stage: w.Steps[step].Stage, values: values}
	return s.inputs(p)
}

// Needed are the names of the values, computed before step first or inputs, that the steps from first on and the outputs
// read, ascending by the steps' order.
func (w *Walk) Needed(first int) []string {
	made, seen := map[string]bool{}, map[string]bool{}
	var names []string
	need := func(name string) {
		if !made[name] && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for i := first; i < len(w.Steps); i++ {
		switch s := &w.Steps[i]; {
		case s.Stage != nil:
			for _, in := range s.Stage.Inputs {
				need(in.Value)
			}
			for _, out := range s.Stage.Outputs {
				made[out.Value] = true
			}
		default:
			for _, name := range s.Local.Inputs {
				need(name)
			}
			for _, name := range s.Local.Outputs {
				made[name] = true
			}
		}
	}
	for _, o := range w.Outputs {
		need(o.Name)
	}
	return names
}

// errRoutes refuses stages whose shards are asked by the values of a request, for which Run alone keeps what was routed where.
func errRoutes(step string) error {
	return &shard.Error{Op: "stage " + step, Kind: shard.Unsupported, Message: "it routes rows to shards by their values, which only the coordinator itself does"}
}

// Fold gathers the partials of one stage.
type Fold struct{ g *gatherer }

// Fold starts to gather the partials of a stage for a block of so many rows.
func (w *Walk) Fold(step, rows int) (*Fold, error) {
	if len(w.Steps[step].Stage.Routes) > 0 {
		return nil, errRoutes(w.Steps[step].Name)
	}
	g, err := w.run.newGatherer(&w.Steps[step], w.asked(step, rows), nil)
	if err != nil {
		return nil, err
	}
	return &Fold{g}, nil
}

// asked is what Run asks the shards of a stage for.
func (w *Walk) asked(step, rows int) asked {
	stage := w.Steps[step].Stage
	a := asked{stage: stage, shards: len(stage.Shards), rows: rows, byRows: stage.ByRows()}
	if a.byRows {
		a.shards = manifest.RowShards(rows, len(stage.Shards))
	}
	return a
}

// Share is how many of a block's rows the shard at position p of a stage gets, and whether it is asked at all: in a stage by
// rows the last shards are not where there are fewer rows than shards.
func (w *Walk) Share(step, p, rows int) (share int, asked bool) {
	a := w.asked(step, rows)
	return a.share(p), p < a.shards
}

// Add folds what the shard at position p of the stage returned, after checking that it is what the manifest declares. Every
// position that is asked for something (see Share) comes once.
func (f *Fold) Add(p int, partials tensor.Named) error {
	if err := f.g.add(p, partials); err != nil {
		return typed(err)
	}
	return nil
}

// Results ends the fold and adds the stage's values to values.
func (f *Fold) Results(values tensor.Named) error { return f.g.results(values) }

// Results picks the wanted outputs from values and holds them against the signature, for a block of so many rows.
func (w *Walk) Results(values tensor.Named, rows int) (tensor.Named, error) {
	bound := w.symbols
	if bound == nil {
		bound = symbols{manifest.Batch: rows}
	}
	out, err := w.run.outputsOf(values)
	if err != nil {
		return nil, err
	}
	return w.run.join([]tensor.Named{out}, bound)
}

// refuser is the way to shards of a coordinator that only walks.
type refuser struct{}

// Unassigned refuses every invocation: the Invoker of a coordinator of which only Walk is used.
func Unassigned() Invoker { return refuser{} }

func (refuser) Invoke(_ context.Context, t Target, _ []byte) (Reply, error) {
	return Reply{}, &shard.Error{Op: "invoke", Kind: shard.Config, Message: "this process does not call " + t.String() + "; only a coordinator does"}
}
