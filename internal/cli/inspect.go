package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

func (a *App) inspect() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect MODEL|DIR",
		Short: "show what a model file holds, or how a directory is cut",
		Long: `Show a model file's format, signature, size and what decides how it can be
cut; or, for a directory that split wrote, its shards, its plan step by step
and its functions. Nothing is executed.`,
		Example: `  shardwise inspect model.onnx
  shardwise inspect parts --json`,
		Args: oneArgument("the model file or directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			isDir, err := isDirectory(args[0])
			if err != nil {
				return err
			}
			if isDir {
				return a.inspectDirectory(args[0], asJSON)
			}
			return a.inspectModel(args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// inspectGC is how much garbage, in percent of what is in use, inspect lets stand.
const inspectGC = 30

// inspectModel shows a model file before it is split.
func (a *App) inspectModel(path string, asJSON bool) (err error) {
	// What a large graph leaves behind while it is read is as much as the graph itself: it is cleared away sooner.
	defer debug.SetGCPercent(debug.SetGCPercent(inspectGC))
	m, err := splitter.Open(path)
	if err != nil {
		return modelError(path, err)
	}
	defer func() { err = firstError(err, m.Close) }()
	f := modelFactsOf(m.Info())
	if asJSON {
		return a.printJSON(f)
	}
	return a.printLines(f.lines())
}

// modelError marks an error as the model file's and names the file, unless a refusal begins with its name already.
func modelError(path string, err error) error {
	var refusal *layout.RefusalError
	if errors.As(err, &refusal) && (refusal.Subject == path || refusal.Subject == filepath.Base(path)) {
		return asInput(err)
	}
	return asInput(fmt.Errorf("%s: %w", path, err))
}

// inspectDirectory shows a directory that split wrote.
func (a *App) inspectDirectory(dir string, asJSON bool) error {
	m, err := local.Load(dir)
	if err != nil {
		return asInput(err)
	}
	f, err := directoryFactsOf(m)
	if err != nil {
		return err
	}
	if err := local.CheckFiles(dir, m.Manifest); err != nil {
		return asInput(err)
	}
	if asJSON {
		return a.printJSON(f)
	}
	return a.printLines(f.lines())
}

func (a *App) printLines(lines []string) error {
	var text []byte
	for _, l := range lines {
		folded := []string{l}
		if a.StdoutTerminal { // programs read whole lines
			folded = fold(l, a.Width)
		}
		for _, part := range folded {
			text = append(append(text, part...), '\n')
		}
	}
	return a.print(text)
}
