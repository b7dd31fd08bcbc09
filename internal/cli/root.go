package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// root builds the tree of commands. Each command stands in a file of its own.
func (a *App) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shardwise",
		Short: "serve a model that is too large, or too slow, for one AWS Lambda function",
		Long: `Shardwise cuts a model into shards, one AWS Lambda function each, and answers
requests by asking all shards at once and putting their partial results
together.

Everything runs on this computer as it runs on Lambda: predict, verify and
simulate start the same processes behind AWS's own protocol. No account is
needed.

` + exitHelp,
		Example: `  shardwise inspect model.json
  shardwise plan model.onnx
  shardwise split model.json -o parts --shards 4
  shardwise verify parts --input rows.csv
  shardwise predict parts --input rows.csv --output answers.csv`,
		SuggestionsMinimumDistance: likeness,
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       knownCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetOut(a.Stdout)
	cmd.SetErr(a.Stderr)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpCommand(help())
	cmd.AddCommand(a.inspect(), a.plan(), a.split(), a.verify(), a.predict(), a.batch(), a.simulate(), a.version())
	for _, c := range append(cmd.Commands(), cmd) {
		c.Args = explained(c.Args)
		c.Flags().SortFlags = false
		c.DisableFlagsInUseLine = true
	}
	return cmd
}

// explained makes the errors of an argument check usage errors.
func explained(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return &usageError{err, cmd.CommandPath()}
		}
		return nil
	}
}

// oneArgument wants exactly one argument and says what it is.
func oneArgument(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return fmt.Errorf("%s is missing", what)
		}
		return fmt.Errorf("one argument is wanted, %s; found %d: %q", what, len(args), args)
	}
}

// usage makes an error of a command's flags.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
}

// printJSON writes the one document that --json promises.
func (a *App) printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	a.documented = true
	return a.print(append(data, '\n'))
}

// print writes to standard output.
func (a *App) print(data []byte) error {
	if _, err := a.Stdout.Write(data); err != nil {
		return stdoutError(fmt.Errorf("write to standard output: %w", err))
	}
	return nil
}

// firstError is the error that explains the others: err unless it is nil, then the later one.
func firstError(err error, later func() error) error {
	if e := later(); e != nil {
		return errors.Join(err, e)
	}
	return err
}
