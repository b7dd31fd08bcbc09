package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/planview"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/plan"
)

// maxRows and maxDim are the largest sizes of a request that are reckoned with: beyond them estimates overflow.
const maxRows, maxDim = 100_000_000, 1_000_000

// planFlags are the wishes of plan.
type planFlags struct {
	shards, memory []string
	latency        time.Duration
	maxCost        float64
	rows           int
	dims           map[string]int
	kind           string
	costModel      string
	svg, frontier  string
	json           bool
}

func (a *App) plan() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan MODEL [--latency-target D] [--max-cost USD] [--memory MB] [--shards N]",
		Short: "show how a model would be cut, what that costs, and the alternatives",
		Long: `Explore how a model can be cut, without reading its weights, and print the
plan that fits the wishes best, with the best alternatives. Latency and cost
are estimates from a model of AWS Lambda (docs/plans.md).

MODEL is an ONNX file, or a JSON description: of an ensemble of models, or of a
recommender that does not exist yet. With --latency-target the cheapest plan within it is chosen, with
--max-cost the fastest for that money, with neither the plan with the least
product of latency and cost.`,
		Example: `  shardwise plan model.onnx
  shardwise plan model.onnx --rows 32 --latency-target 80ms --svg plan.svg
  shardwise plan examples/dlrm-dcnv2.json --memory 10240 --frontier frontier.png`,
		Args: oneArgument("the model file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, w, err := f.wish(cmd)
			if err != nil {
				return err
			}
			if err := f.guard(cmd, args[0]); err != nil {
				return err
			}
			return a.showPlan(cmd.Context(), args[0], &f, o, w)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.latency, "latency-target", 0, "the longest estimated `DURATION` of a warm request, for example 80ms")
	flags.Float64Var(&f.maxCost, "max-cost", 0, "the most `USD` for a million requests")
	flags.StringSliceVar(&f.memory, "memory", nil, "memory `MB` of a shard's function: one size or several (default: 512 to 10240)")
	flags.StringSliceVar(&f.shards, "shards", nil, "how many shards: `N`, a range 2-8, or several")
	flags.IntVar(&f.rows, "rows", 1, "`N` rows in a request")
	flags.StringToIntVar(&f.dims, "dim", nil, "sizes of other symbolic dimensions, `NAME=SIZE`")
	flags.StringVar(&f.kind, "kind", "", "only plans of the `KIND`: "+strings.Join(plan.Kinds(), ", "))
	flags.StringVar(&f.costModel, "cost-model", "", "JSON `FILE` with other constants for the estimates")
	flags.StringVar(&f.svg, "svg", "", "draw the chosen plan into `FILE`, .svg")
	flags.StringVar(&f.frontier, "frontier", "", "draw cost against latency into `FILE`, .svg or .png")
	flags.BoolVar(&f.json, "json", false, "print one JSON document")
	return cmd
}

// wish turns the flags into what the planner asks for.
func (f *planFlags) wish(cmd *cobra.Command) (o plan.Options, w plan.Wish, err error) {
	if w.Shards, err = numbers(f.shards, 1, 10000); err != nil {
		return o, w, usage(cmd, "--shards: %w", err)
	}
	if w.MemoryMB, err = numbers(f.memory, 128, 10240); err != nil {
		return o, w, usage(cmd, "--memory: %w", err)
	}
	switch {
	case f.kind != "" && !slices.Contains(plan.Kinds(), f.kind):
		return o, w, usage(cmd, "--kind %q: one of %s is wanted", f.kind, strings.Join(plan.Kinds(), ", "))
	case f.rows < 1 || f.rows > maxRows:
		return o, w, usage(cmd, "--rows %d: 1 to %d is wanted", f.rows, maxRows)
	case cmd.Flags().Changed("latency-target") && f.latency <= 0:
		return o, w, usage(cmd, "--latency-target %v: a time above 0 is wanted, for example 80ms", f.latency)
	case cmd.Flags().Changed("max-cost") && !(f.maxCost > 0 && f.maxCost <= math.MaxFloat64):
		return o, w, usage(cmd, "--max-cost %v: an amount above 0, and not infinite, is wanted", f.maxCost)
	}
	w.Latency, w.MaxCost, o.Kind = f.latency, f.maxCost, f.kind
	o.Symbols = map[string]int{manifest.Batch: f.rows}
	for name, n := range f.dims {
		if n < 1 || n > maxDim {
			return o, w, usage(cmd, "--dim %s=%d: 1 to %d is wanted", name, n, maxDim)
		}
		o.Symbols[name] = n
	}
	if f.costModel != "" {
		data, err := os.ReadFile(f.costModel)
		if err != nil {
			return o, w, asInput(fmt.Errorf("read the cost model: %w", err))
		}
		if o.Model, err = plan.ParseCostModel(data); err != nil {
			return o, w, asInput(fmt.Errorf("%s: %w", f.costModel, err))
		}
	}
	if f.svg != "" && !strings.EqualFold(filepath.Ext(f.svg), ".svg") {
		return o, w, usage(cmd, "--svg %s: a name that ends with .svg is wanted", f.svg)
	}
	if f.frontier != "" && !planview.Plottable(f.frontier) {
		return o, w, usage(cmd, "--frontier %s: a name that ends with .svg or .png is wanted", f.frontier)
	}
	return o, w, nil
}

// guard refuses drawings that would replace what the command reads, or one another.
func (f *planFlags) guard(cmd *cobra.Command, model string) error {
	reads := []reading{{"the cost model", f.costModel}}
	if err := guardFile(cmd, "--svg", f.svg, model, reads); err != nil {
		return err
	}
	if err := guardFile(cmd, "--frontier", f.frontier, model, reads); err != nil {
		return err
	}
	return guardPair(cmd, "--frontier", f.frontier, "--svg", f.svg)
}

// batch is how many rows a request has: --dim names the batch dimension too, and counts before --rows.
func (f *planFlags) batch() int {
	if n, ok := f.dims[manifest.Batch]; ok {
		return n
	}
	return f.rows
}

// maxNumbers bounds what a range may hold: each number is a search of its own.
const maxNumbers = 1000

// numbers reads numbers and ranges, ascending and each once.
func numbers(list []string, least, most int) ([]int, error) {
	var out []int
	for _, s := range list {
		from, to, ranged := strings.Cut(strings.TrimSpace(s), "-")
		if !ranged {
			to = from
		}
		lo, err1 := strconv.Atoi(from)
		hi, err2 := strconv.Atoi(to)
		if errors.Join(err1, err2) != nil || lo < least || hi > most || lo > hi {
			return nil, fmt.Errorf("%q: a number from %d to %d, or a range of them, is wanted", s, least, most)
		}
		for n := lo; n <= hi && len(out) < maxNumbers; n++ {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// showPlan explores, prints and draws.
func (a *App) showPlan(ctx context.Context, path string, f *planFlags, o plan.Options, w plan.Wish) error {
	s, err := splitter.Plan(ctx, path, o, w)
	if err != nil {
		return splitError(ctx, path, err)
	}
	if f.svg != "" {
		if err := writeWhole(f.svg, func(w io.Writer) error { return planview.SVG(w, s.Chosen) }); err != nil {
			return err
		}
	}
	if f.frontier != "" {
		if err := writeWhole(f.frontier, func(w io.Writer) error { return planview.Plot(w, f.frontier, s) }); err != nil {
			return err
		}
	}
	facts := planFactsOf(path, f, s)
	if f.json {
		return a.printJSON(facts)
	}
	return a.printLines(facts.lines())
}
