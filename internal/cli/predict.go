package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/dataset"
)

// predictFlags are the flags of predict; verify and the readers share some.
type predictFlags struct {
	cut                   cutFlags
	input, output, expect string
	trace                 string
	outputs               []string
	mode                  string
	byPosition, json      bool
	logs                  bool
	conditions            conditionFlags
}

func (a *App) predict() *cobra.Command {
	var f predictFlags
	cmd := &cobra.Command{
		Use:   "predict MODEL|DIR --input FILE",
		Short: "predict through real processes, and compare with expected values",
		Long: `Start the coordinator and the shards as processes behind AWS's own protocol,
send them the rows of a file, write the answers, and stop. A model file is
split into a temporary folder first: with --shards N, with --memory MB, or,
when neither is given, into functions of 1769 MB, which is one virtual
processor on Lambda.

Files are CSV, JSON, JSON Lines, npy, npz or safetensors, by their extension.
CSV columns are matched to the model's feature names; an empty field is a
missing value where the model knows missing values. Any number of rows is
streamed.

Answers go to --output FILE, or as CSV to standard output: all rows with
--output - or when standard output is not a terminal, otherwise the first five.
What happened is told on standard error; --json tells it on standard output
instead.

With --expect FILE the outputs that the file has columns of are compared by
the model's numeric rule, whether they were asked for or not. Beyond the rule
the exit status is 1.`,
		Example: `  shardwise predict model.json --shards 4 --input rows.csv --expect known.csv
  shardwise predict parts --input rows.npy --output answers.npz --outputs prediction,margin
  shardwise predict parts --input rows.csv --output - > answers.csv
  shardwise predict parts --input rows.csv --trace trace.html`,
		Args: oneArgument("the model file or directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.runPredict(cmd, args[0], &f)
		},
	}
	fl := cmd.Flags()
	fl.VarP(&once{text: &f.input}, "input", "i", "`FILE` of rows to predict")
	fl.StringVarP(&f.output, "output", "o", "", "`FILE` where answers go; - is standard output, as CSV")
	fl.StringVar(&f.expect, "expect", "", "`FILE` of expected values to compare with")
	f.cut.register(cmd)
	f.registerShared(cmd)
	return cmd
}

// registerShared adds the flags that predict and verify have in common.
func (f *predictFlags) registerShared(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.outputs, "outputs", nil, "`NAMES` of outputs wanted, with commas (default: the model's default ones)")
	fl.StringVar(&f.mode, "mode", "auto", "numeric `MODE`: auto, exact or sum")
	fl.BoolVar(&f.byPosition, "by-position", false, "take columns in their order and ignore their names")
	f.conditions.register(cmd, false)
	fl.StringVar(&f.trace, "trace", "", "write who did what when to `FILE`: .html is a page, .json opens in Perfetto and chrome://tracing")
	fl.BoolVar(&f.logs, "logs", false, "show the functions' log lines on standard error")
	fl.BoolVar(&f.json, "json", false, "print one JSON document on standard output; its rows, columns and shards count from 0")
}

// check refuses flags that cannot go together.
func (f *predictFlags) check(cmd *cobra.Command) error {
	if err := listOf(cmd, "outputs", f.outputs); err != nil {
		return err
	}
	switch {
	case f.input == "":
		return usage(cmd, "say what to predict: --input FILE")
	case cmd.Flags().Changed("outputs") && len(f.outputs) == 0:
		return usage(cmd, "--outputs names no output; leave it out for the model's default ones, or name some with commas")
	case f.json && f.output == "-":
		return usage(cmd, "--json and --output - both want standard output; give --output FILE")
	case cmd.Flags().Changed("trace"):
		return traceFlag(cmd, f.trace)
	}
	return nil
}

// present checks that the files to read are there and of a known format.
func (f *predictFlags) present() error {
	for _, path := range []string{f.input, f.expect} {
		switch path {
		case "":
			continue
		case "-":
			return asInput(errors.New("standard input is not read: name a file, whose extension tells its format"))
		}
		if _, err := os.Stat(path); err != nil {
			return asInput(err)
		}
		if _, err := dataset.FormatOf(path); err != nil {
			return asInput(fmt.Errorf("%w%s", err, formatHint(path)))
		}
	}
	return nil
}

// formatHint says what to do with a table in a format that is not read here; "" of formats that nobody has.
func formatHint(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".parquet":
		return "; shardwise batch reads parquet: split the model with shardwise split, then shardwise batch DIR --local --input " + shellWord(path) + " --output FILE"
	case ".tsv":
		return "; save it with commas between the fields, as .csv"
	case ".gz", ".bz2", ".zst", ".xz", ".zip":
		return "; unpack it first"
	case ".xls", ".xlsx", ".ods":
		return "; save the sheet as .csv"
	}
	return ""
}

// runPredict resolves the model, runs, and cleans up.
func (a *App) runPredict(cmd *cobra.Command, path string, f *predictFlags) (err error) {
	r := newRun(a, cmd, f, "predict")
	if err := f.present(); err != nil { // before a long split
		return err
	}
	if err := f.guard(cmd, path); err != nil {
		return err
	}
	t, err := a.resolve(cmd, path, &f.cut)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, t.close) }()
	if err := r.predict(t); err != nil {
		return err
	}
	return a.finish(r.facts, r.account, f.json)
}

// finish tells the facts and turns a verdict into the command's error.
func (a *App) finish(f *runFacts, c *account, asJSON bool) error {
	if asJSON {
		if err := a.printJSON(f); err != nil {
			return err
		}
	} else {
		a.summarize(f, c)
	}
	if f.Within != nil && !*f.Within {
		return errVerdict
	}
	return nil
}

// errNoRows says that there was nothing to do.
func errNoRows(path string) error {
	return asInput(fmt.Errorf("%s has no rows, so there is nothing to compute; give a file with at least one row", path))
}

// closeAll closes in the given order and joins the errors to err.
func closeAll(err error, closers ...func() error) error {
	for _, c := range closers {
		if c != nil {
			err = errors.Join(err, c())
		}
	}
	return err
}
