package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// likeness is how many letters may differ between what was typed and what is suggested.
const likeness = 2

// knownCommand refuses words after the program's name that are no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unknown command %q%s", args[0], suggested(cmd.SuggestionsFor(args[0]), ""))
}

// flagError names the flags that an unknown one may have meant.
func flagError(cmd *cobra.Command, err error) error {
	if name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --"); unknown {
		// Flags are looked for as cobra looks for commands.
		names := &cobra.Command{SuggestionsMinimumDistance: likeness}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		})
		err = fmt.Errorf("%w%s", err, suggested(names.SuggestionsFor(name), "--"))
	}
	return &usageError{err, cmd.CommandPath()}
}

// suggested puts suggestions into words; of none it says nothing.
func suggested(names []string, prefix string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (is %s%s meant?)", prefix, strings.Join(names, " or "+prefix))
}

// help shows the help of a command, and refuses what is none.
func help() *cobra.Command {
	return &cobra.Command{
		Use:     "help [command]",
		Short:   "show the help of a command",
		Example: `  shardwise help predict`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = knownCommand(target, rest)
			}
			if err != nil {
				return &usageError{err, cmd.Root().CommandPath()}
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}
