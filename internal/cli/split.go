package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/plan"
)

// cutFlags are the wishes that split and predict share.
type cutFlags struct {
	shards, memory int
	latency        time.Duration
	maxCost        float64
	rows           int
	name, version  string
	engine         string
	kind           string
}

func (c *cutFlags) register(cmd *cobra.Command) {
	cmd.Flags().IntVar(&c.shards, "shards", 0, "cut into `N` shards, one function each")
	cmd.Flags().IntVar(&c.memory, "memory", 0, "cut into as few shards as fit into functions of `MB` memory (128 to 10240)")
	cmd.Flags().DurationVar(&c.latency, "latency-target", 0, "graphs: the cheapest plan with an estimated warm latency within `DURATION` (see shardwise plan)")
	cmd.Flags().Float64Var(&c.maxCost, "max-cost", 0, "graphs: the fastest plan for at most `USD` per million requests")
	cmd.Flags().IntVar(&c.rows, "rows", 1, "`N` rows in a request, for those two")
	cmd.Flags().StringVar(&c.kind, "plan", "", "only plans of the `KIND` (see shardwise plan); rows also for trees")
	cmd.Flags().StringVar(&c.name, "name", "", "model `NAME`: part of the functions' names (default: the file's name)")
	cmd.Flags().StringVar(&c.engine, "engine", layout.EngineAuto, "`ENGINE` of the programs: auto (native where it can), native or onnxruntime")
	cmd.Flags().StringVar(&c.version, "model-version", "", "the model's own `VERSION` (default: 1)")
}

// given names the first of the flags that the user set, "" when there is none.
func (c *cutFlags) given(cmd *cobra.Command) string {
	for _, name := range []string{"shards", "memory", "latency-target", "max-cost", "rows", "plan", "name", "model-version", "engine"} {
		if cmd.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// options checks the flags. fallbackMB is the memory when neither shards nor memory is given; 0 makes that an error.
func (c *cutFlags) options(cmd *cobra.Command, fallbackMB int) (layout.Options, error) {
	o := layout.Options{Shards: c.shards, MemoryMB: c.memory, Latency: c.latency, MaxCost: c.maxCost, Rows: c.rows, Name: c.name, Version: c.version, Engine: c.engine, Plan: c.kind}
	f := cmd.Flags()
	wished := c.latency > 0 || c.maxCost > 0
	switch {
	case f.Changed("latency-target") && c.latency <= 0, f.Changed("max-cost") && !(c.maxCost > 0), c.rows < 1:
		return o, usage(cmd, "--latency-target, --max-cost and --rows want something above 0")
	case c.name != "" && manifest.CheckName(c.name) != nil:
		return o, usage(cmd, "--name: %w", manifest.CheckName(c.name))
	case c.version != "" && manifest.CheckVersion(c.version) != nil:
		return o, usage(cmd, "--model-version: %w", manifest.CheckVersion(c.version))
	case c.kind != "" && !slices.Contains(plan.Kinds(), c.kind):
		return o, usage(cmd, "--plan %q: one of %s is wanted", c.kind, strings.Join(plan.Kinds(), ", "))
	case c.rows > maxRows:
		return o, usage(cmd, "--rows %d: 1 to %d is wanted", c.rows, maxRows)
	case f.Changed("rows") && !wished:
		return o, usage(cmd, "--rows is for --latency-target and --max-cost")
	case f.Changed("shards") && f.Changed("memory") && !wished:
		return o, usage(cmd, "--shards and --memory exclude each other: give the number of shards, or the memory and let shardwise choose the number")
	case f.Changed("shards") && c.shards < 1:
		return o, usage(cmd, "--shards %d: at least 1 is wanted", c.shards)
	case f.Changed("memory") && (c.memory < 128 || c.memory > 10240):
		return o, usage(cmd, "--memory %d: a Lambda function has 128 to 10240 MB", c.memory)
	case c.shards == 0 && c.memory == 0 && !wished && fallbackMB == 0:
		return o, usage(cmd, "say how to cut: --shards N, or --memory MB for as few shards as fit")
	case c.shards == 0 && c.memory == 0 && !wished:
		o.MemoryMB = fallbackMB
	}
	return o, nil
}

// splitFacts is the document of split --json, and part of predict's.
type splitFacts struct {
	Model       string       `json:"model"`
	Version     string       `json:"version"`
	Directory   string       `json:"directory,omitempty"`
	Fingerprint string       `json:"fingerprint"`
	Shards      []shardFacts `json:"shards"`
	Stages      int          `json:"stages"`
	LocalBytes  int64        `json:"coordinator_bytes"`
	Modes       []string     `json:"modes"`
	Notes       []string     `json:"notes,omitempty"` // what was decided and may surprise
	Optimised   []change     `json:"optimised,omitempty"`
	Seconds     float64      `json:"seconds,omitempty"`
}

// shardFacts is one shard in it.
type shardFacts struct {
	Bytes     int64 `json:"bytes"`
	MemoryMB  int   `json:"memory_mb"`
	FirstTree *int  `json:"first_tree,omitempty"`
	Trees     *int  `json:"trees,omitempty"`
	Features  *int  `json:"features,omitempty"`
}

func (a *App) split() *cobra.Command {
	var cut cutFlags
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "split MODEL -o DIR (--shards N | --memory MB | --latency-target D | --max-cost USD)",
		Short: "cut a model file into shard files and a manifest",
		Long: `Cut a model into shards. DIR gets manifest.json (the contract),
deployment.json (function names, memory, timeouts; yours to edit) and the
files of each shard and of the coordinator. The same model and flags give the
same bytes. DIR must not exist, or be empty; when the command fails it is left
as it was.

MODEL is an XGBoost model saved as JSON or UBJSON, an ONNX file, or a JSON
description of an ensemble of such files (docs/plans.md). Models larger than
memory are read and written as streams.`,
		Example: `  shardwise split model.json -o parts --shards 4
  shardwise split model.onnx -o parts --memory 1769 --name ranker --model-version 7
  shardwise split model.onnx -o parts --shards 4 --plan rows
  shardwise split ensemble.json -o parts --memory 1769`,
		Args: oneArgument("the model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPaths(cmd, args[0], out); err != nil {
				return err
			}
			o, err := cut.options(cmd, 0)
			if err != nil {
				return err
			}
			facts, err := a.cut(cmd.Context(), args[0], out, o)
			if err != nil {
				return err
			}
			facts.Directory = out
			if asJSON {
				return a.printJSON(facts)
			}
			for _, line := range facts.lines() {
				a.say("%s", line)
			}
			a.say("wrote %s; next: shardwise verify %s --input FILE", out, shellWord(out))
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the `DIR` to write")
	cut.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// checkPaths looks at the model first, then at where the directory is to be.
func checkPaths(cmd *cobra.Command, model, out string) error {
	if _, err := os.Stat(model); err != nil {
		return asInput(fmt.Errorf("open model: %w", err))
	}
	if out == "" {
		return usage(cmd, "say where to: -o DIR")
	}
	if info, err := os.Stat(out); err == nil && !info.IsDir() {
		return usage(cmd, "-o %s is a file; name a directory that does not exist yet, or an empty one", out)
	}
	return nil
}

// cut splits a model file and tells how it went.
func (a *App) cut(ctx context.Context, model, out string, o layout.Options) (*splitFacts, error) {
	began := time.Now()
	p := a.begin("splitting "+filepath.Base(model), -1, true)
	var notes []string
	o.Note = func(sentence string) { notes = append(notes, sentence) }
	var changes []layout.Change
	o.Optimised = func(list []layout.Change) { changes = list }
	m, err := splitter.Split(ctx, model, out, o, func(done, total int64, _ string) { p.set(done, total) })
	p.end()
	if err != nil {
		return nil, splitError(ctx, model, err)
	}
	facts, err := factsOf(m)
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		a.sayWrapped("note: " + n)
	}
	if text := changesText(changes); text != "" {
		a.sayWrapped("optimised: " + text)
	}
	facts.Notes, facts.Optimised = notes, changesOf(changes)
	facts.Seconds = time.Since(began).Seconds()
	return facts, nil
}

// changesText says in one line what optimising the graph did.
func changesText(list []layout.Change) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, c.Text)
	}
	return strings.Join(parts, ", ")
}

// splitError names the model file. What is not a failure of the file system or an interruption is the model's fault, or the
// wish's.
func splitError(ctx context.Context, model string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	if ctx.Err() != nil || errors.As(err, &path) || errors.As(err, &link) {
		return err
	}
	return modelError(model, err)
}

// factsOf tells what a manifest holds.
func factsOf(m *manifest.Manifest) (*splitFacts, error) {
	fp, err := manifest.Fingerprint(m)
	if err != nil {
		return nil, err
	}
	d := manifest.DefaultDeployment(m)
	f := &splitFacts{Model: m.Name, Version: m.Version, Fingerprint: fp, Modes: m.Modes}
	for _, s := range m.Steps {
		if s.Stage != nil {
			f.Stages++
		}
	}
	for i := range m.Shards {
		s := &m.Shards[i]
		facts := shardFacts{Bytes: bytesOf(s.Files), MemoryMB: d.Shards[i].MemoryMB}
		if s.Trees != nil {
			features := len(s.Trees.Features)
			facts.FirstTree, facts.Trees, facts.Features = &s.Trees.First, &s.Trees.Count, &features
		}
		f.Shards = append(f.Shards, facts)
	}
	if m.Local != nil {
		f.LocalBytes = bytesOf(m.Local.Files)
	}
	return f, nil
}

func bytesOf(files []manifest.File) int64 {
	var n int64
	for _, f := range files {
		n += f.Bytes
	}
	return n
}

// maxShardLines is how many shards are listed one by one.
const maxShardLines = 16

// headline tells the facts in one line.
func (f *splitFacts) headline() string {
	least, most := f.Shards[0].Bytes, f.Shards[0].Bytes
	for _, s := range f.Shards {
		least, most = min(least, s.Bytes), max(most, s.Bytes)
	}
	sizes := size(most)
	if size(least) != sizes {
		sizes = size(least) + " to " + sizes
	}
	return fmt.Sprintf("%s version %s: %s of %s in %s, fingerprint %.12s", f.Model, f.Version,
		count(int64(len(f.Shards)), "shard"), sizes, count(int64(f.Stages), "stage"), f.Fingerprint)
}

// lines tells the facts to people.
func (f *splitFacts) lines() []string {
	var rows [][]string
	for i, s := range f.Shards {
		if i == maxShardLines {
			break
		}
		row := []string{fmt.Sprintf("shard %d/%d", i, len(f.Shards)), size(s.Bytes), fmt.Sprintf("function of %d MB", s.MemoryMB)}
		if s.Trees != nil {
			row = append(row, fmt.Sprintf("trees %d to %d", *s.FirstTree, *s.FirstTree+*s.Trees-1), count(int64(*s.Features), "feature"))
		}
		rows = append(rows, row)
	}
	lines := append([]string{f.headline()}, columns(rows, "  ")...)
	if n := len(f.Shards) - maxShardLines; n > 0 {
		lines = append(lines, fmt.Sprintf("  ... and %d more", n))
	}
	if f.LocalBytes > 0 {
		lines = append(lines, fmt.Sprintf("  coordinator holds %s of its own", size(f.LocalBytes)))
	}
	return lines
}
