package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/workdir"
	"github.com/shardwise/shardwise/splitter/layout"
)

// defaultMemoryMB is the function size into which predict cuts a model when the user does not say: the memory at which Lambda
// gives one whole virtual processor.
const defaultMemoryMB = 1769

// target is a model directory to run, with how it came about. close removes what was made for it.
type target struct {
	model *local.Model
	facts *splitFacts
	close func() error
}

// directory loads a directory that split wrote.
func directory(dir string) (*target, error) {
	m, err := local.Load(dir)
	if err != nil {
		return nil, asInput(err)
	}
	if err := local.CheckFiles(dir, m.Manifest); err != nil {
		return nil, asInput(err)
	}
	facts, err := factsOf(m.Manifest)
	if err != nil {
		return nil, err
	}
	facts.Directory = dir
	return &target{model: m, facts: facts, close: func() error { return nil }}, nil
}

// isDirectory tells a model directory from a model file.
func isDirectory(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, asInput(fmt.Errorf("open model: %w", err))
	}
	return info.IsDir(), nil
}

// resolve makes a target of a model directory, or of a model file that it splits into a temporary folder first.
func (a *App) resolve(cmd *cobra.Command, path string, cut *cutFlags) (*target, error) {
	isDir, err := isDirectory(path)
	if err != nil {
		return nil, err
	}
	if isDir {
		if flag := cut.given(cmd); flag != "" {
			return nil, usage(cmd, "--%s says how to cut a model file; %s has been cut already, leave it out", flag, path)
		}
		return directory(path)
	}
	o, err := cut.options(cmd, defaultMemoryMB)
	if err != nil {
		return nil, err
	}
	return a.temporary(cmd.Context(), path, o)
}

// temporary splits a model file into a temporary folder.
func (a *App) temporary(ctx context.Context, path string, o layout.Options) (_ *target, err error) {
	parent := a.TempDir
	if parent == "" {
		parent = os.TempDir()
	}
	// What a run that was killed has left is cleared away; what cannot be is told and changes nothing.
	if _, err := workdir.Sweep(parent); err != nil {
		a.say("%s", err)
	}
	dir, err := workdir.New(parent, "model")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	kept := false
	defer func() { // after a panic as well
		if !kept {
			err = firstError(err, dir.Close)
		}
	}()
	parts := filepath.Join(dir.Path(), "parts")
	facts, err := a.cut(ctx, path, parts, o)
	if err != nil {
		return nil, err
	}
	m, err := local.Load(parts)
	if err != nil {
		return nil, err
	}
	kept = true
	return &target{model: m, facts: facts, close: dir.Close}, nil
}

// outputsOf checks names of outputs and gives them in full; none named means the default ones.
func outputsOf(cmd *cobra.Command, m *manifest.Manifest, names []string) ([]manifest.Output, error) {
	outputs, err := m.ResolveOutputs(names)
	if err != nil {
		return nil, usage(cmd, "--outputs: %w", err)
	}
	return outputs, nil
}

func namesOf(outputs []manifest.Output) []string {
	names := make([]string, len(outputs))
	for i, o := range outputs {
		names[i] = o.Name
	}
	return names
}
