package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/cli/reference"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
)

func (a *App) verify() *cobra.Command {
	var f predictFlags
	cmd := &cobra.Command{
		Use:   "verify DIR --input FILE",
		Short: "compare the sharded model with the unsharded one",
		Long: `Check the SHA-256 of every file, predict the rows through real processes,
evaluate the unsharded model in this process on the same rows, and compare:
the largest difference of each output in absolute and relative terms and in
units in the last place (ULP), held against the manifest's numeric rule.
Beyond the rule the exit status is 1.

A tree model is evaluated without the coordinator, by adding the leaves of all
trees one after the other; an ONNX model by running its unsharded graph, whose
weights are put together from the shards. With --expect the sharded outputs
are compared with a file as well, for example the training library's own
predictions.`,
		Example: `  shardwise verify parts --input rows.csv
  shardwise verify parts --input rows.csv --expect known.csv --mode sum --outputs margin`,
		Args: oneArgument("the model directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.runVerify(cmd, args[0], &f)
		},
	}
	fl := cmd.Flags()
	fl.VarP(&once{text: &f.input}, "input", "i", "`FILE` of rows to predict")
	fl.StringVar(&f.expect, "expect", "", "`FILE` of expected values to compare with as well")
	f.registerShared(cmd)
	fl.Lookup("outputs").Usage = "`NAMES` of outputs to compare, with commas (default: all)"
	return cmd
}

func (a *App) runVerify(cmd *cobra.Command, dir string, f *predictFlags) (err error) {
	isDir, err := isDirectory(dir)
	if err != nil {
		return err
	}
	if !isDir {
		return usage(cmd, "%s is a file; verify wants a directory that split wrote: shardwise split %s -o DIR --shards N", dir, dir)
	}
	r := newRun(a, cmd, f, "verify")
	if err := f.present(); err != nil { // before all files are read
		return err
	}
	if err := f.guard(cmd, dir); err != nil {
		return err
	}
	t, err := directory(dir)
	if err != nil {
		return err
	}
	m := t.model.Manifest
	p := a.begin("checking the files of "+dir, local.TotalBytes(m), true)
	err = local.CheckHashes(cmd.Context(), dir, m, func(done int64) { p.set(done, -1) })
	p.end()
	if err != nil {
		return asInput(err)
	}
	ref, err := reference.Open(dir, m)
	if err != nil {
		return asInput(err)
	}
	defer func() { err = firstError(err, ref.Close) }()
	if err := r.verify(t, ref); err != nil {
		return err
	}
	return a.finish(r.facts, r.account, f.json)
}

// verify streams the input through the functions and the reference side by side.
func (r *run) verify(t *target, ref reference.Model) (err error) {
	m, f := t.model.Manifest, r.flags
	mode, err := m.ResolveMode(f.mode)
	if err != nil {
		return usage(r.cmd, "--mode: %w", err)
	}
	names := f.outputs
	if len(names) == 0 {
		names = namesOf(m.Signature.Outputs)
	}
	outputs, err := outputsOf(r.cmd, m, names)
	if err != nil {
		return err
	}
	in, err := openInput(f.input, m.Signature, f.byPosition)
	if err != nil {
		return asInput(err)
	}
	defer func() { err = closeAll(err, in.Close) }()
	asked := namesOf(outputs)
	r.facts.Model, r.facts.Outputs = t.facts, asked
	var expected *expectation
	if f.expect != "" {
		if expected, err = openExpectation(f.expect, m, outputs, mode); err != nil {
			return asInput(err)
		}
		defer func() { err = closeAll(err, expected.reader.Close) }()
		asked = union(asked, expected.outputs)
	}
	whole, err := newUnsharded(outputs, mode)
	if err != nil {
		return err
	}
	err = r.serve(t.model, func(ctx context.Context, d *local.Deployment) error {
		return r.stream(ctx, d, in, local.Request{Outputs: asked, Mode: mode}, func(k local.Chunk) error {
			if expected != nil {
				if err := expected.add(k.Outputs, k.Rows); err != nil {
					return err
				}
			}
			return whole.add(ctx, ref, k)
		})
	})
	if err != nil {
		return err
	}
	return r.verdicts(whole, ref, expected, mode)
}

// verdicts collects the comparisons of a verify.
func (r *run) verdicts(whole *unsharded, ref reference.Model, expected *expectation, mode string) error {
	if r.account.requests == 0 || r.account.rows == 0 && whole.values() == 0 {
		return errNoRows(r.flags.input)
	}
	list := []comparison{whole.result(ref, mode)}
	if expected != nil {
		c, err := expected.finish(mode)
		if err != nil {
			return err
		}
		list = append(list, c)
	}
	r.facts.judge(list)
	return nil
}

// unsharded compares answers with the reference model's.
type unsharded struct {
	outputs []manifest.Output
	compare []*compare.Output
}

func newUnsharded(outputs []manifest.Output, mode string) (*unsharded, error) {
	u := &unsharded{outputs: outputs}
	for _, o := range outputs {
		rule, err := ruleOf(o, mode)
		if err != nil {
			return nil, err
		}
		u.compare = append(u.compare, compare.New(o.Name, rule))
	}
	return u, nil
}

func (u *unsharded) add(ctx context.Context, ref reference.Model, k local.Chunk) error {
	want, err := ref.Predict(ctx, k.Inputs, namesOf(u.outputs))
	if err != nil {
		return fmt.Errorf("evaluate the unsharded model: %w", err)
	}
	for i, o := range u.outputs {
		if err := u.compare[i].Add(k.Outputs[o.Name], want[o.Name]); err != nil {
			return err
		}
	}
	return nil
}

func (u *unsharded) values() int64 {
	var n int64
	for _, c := range u.compare {
		n += c.Result().Values
	}
	return n
}

func (u *unsharded) result(ref reference.Model, mode string) comparison {
	c := comparison{With: "the unsharded model: " + ref.Method(), Mode: mode}
	for _, o := range u.compare {
		c.Results = append(c.Results, o.Result())
	}
	return c
}
