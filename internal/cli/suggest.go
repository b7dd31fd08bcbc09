package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

// flagError names the flags that an unknown one may have meant, the command when that is what is unknown, and what a value had to be.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	var shorthand *pflag.NotExistError
	switch {
	case errors.As(err, &value):
		err = valueError(value)
	case errors.As(err, &shorthand) && !cmd.HasParent():
		// Flags come before the words to cobra; the word in front of an unknown flag is a command that is none.
		if args := cmd.Flags().Args(); len(args) > 0 {
			err = knownCommand(cmd, args)
		}
	}
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

// valueError says what a flag's value had to be, in the words of the command line and not of the parser.
func valueError(e *pflag.InvalidValueError) error {
	f, wanted := e.GetFlag(), ""
	var twice *twiceError
	switch kind := f.Value.Type(); {
	case errors.As(e, &twice):
		return fmt.Errorf("--%s %w", f.Name, twice)
	case errors.Is(e, strconv.ErrRange):
		wanted = "is out of range"
	case kind == "int":
		wanted = "is no whole number"
	case kind == "float64":
		wanted = "is no number"
	case kind == "bool":
		wanted = "is neither true nor false"
	case kind == "duration":
		wanted = "is no duration; one is 200ms or 1.5s"
	default:
		return e
	}
	return fmt.Errorf("--%s: %q %s", f.Name, e.GetValue(), wanted)
}

// once is a flag's text that may be given one time: the last of several would silently win.
type once struct {
	text  *string
	given bool
}

// String is the text that was given.
func (o *once) String() string {
	if o.text == nil { // the zero value, with which the library compares defaults
		return ""
	}
	return *o.text
}

// Type is what help calls such values.
func (o *once) Type() string { return "string" }

// Set takes the text, the first time.
func (o *once) Set(text string) error {
	if o.given {
		return &twiceError{*o.text, text}
	}
	*o.text, o.given = text, true
	return nil
}

// twiceError says that a flag for one value got two.
type twiceError struct{ first, second string }

func (e *twiceError) Error() string {
	return fmt.Sprintf("stands twice, with %q and %q; give one", e.first, e.second)
}

// listOf trims the names of a flag's list and refuses one that stands there twice.
func listOf(cmd *cobra.Command, flag string, names []string) error {
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
		if slices.Contains(names[:i], names[i]) {
			return usage(cmd, "--%s names %q twice; name it once", flag, names[i])
		}
	}
	return nil
}

// plainWord is text that a shell leaves as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// shellWord is text as one word of a shell's command line.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
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
