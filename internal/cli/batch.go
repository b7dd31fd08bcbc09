package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/statemachine"
	"github.com/shardwise/shardwise/statemachine/blocks"
)

// batchFlags are the flags of batch.
type batchFlags struct {
	input, output string
	local         bool
	rows          int
	tolerate      string
	children, via string
	outputs       []string
	mode          string
	byPosition    bool
	role          string
	concurrency   int
	detach, json  bool
	conditions    conditionFlags

	count int
	share int
}

// batch is the command that predicts a large table by Step Functions.
func (a *App) batch() *cobra.Command {
	f := &batchFlags{}
	cmd := &cobra.Command{
		Use:   "batch DIR --input TABLE --output TABLE [flags]",
		Short: "predict all rows of a large table, in blocks, by AWS Step Functions",
		Long: `Predicts every row of a large table. An AWS Step Functions execution cuts the
table into blocks of rows, asks the shards of each block, and joins the
answers; the output is the file that predict would write. Tables are local
files, or objects named s3://bucket/key. Input: csv, jsonl, npy, parquet;
output: csv, jsonl, npy. An output that ends with a slash gets one part for
each block.

With --local everything runs on this computer, on the same protocols.
A summary is left beside the output, in OUTPUT.summary.json.`,
		Example: `  shardwise batch parts --local --input rows.csv --output answers.csv
  shardwise batch parts --input s3://data/rows.parquet --output s3://data/answers.csv --tolerate 1%
  shardwise batch status arn:aws:states:...`,
		Args: oneArgument("a model directory that split wrote"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			if err := f.guard(cmd, args[0]); err != nil {
				return err
			}
			return a.runBatch(cmd, args[0], f)
		},
	}
	fl := cmd.Flags()
	fl.VarP(&once{text: &f.input}, "input", "i", "`TABLE` of rows: a file, or s3://bucket/key")
	fl.StringVarP(&f.output, "output", "o", "", "`TABLE` for the answers: a file, s3://bucket/key, or s3://bucket/prefix/ for parts")
	fl.BoolVar(&f.local, "local", false, "run everything on this computer")
	fl.IntVar(&f.rows, "block-rows", 0, "`ROWS` of a block (default: as many as the functions have memory for, at most 16,384)")
	fl.StringVar(&f.tolerate, "tolerate", "", "failed blocks that do not fail the batch: a `COUNT`, or a whole share such as 1%")
	fl.StringVar(&f.children, "children", statemachine.ChildrenAuto, "`KIND` of a block's execution: standard, express or auto")
	fl.StringVar(&f.via, "via", statemachine.ViaStages, "how a block is predicted: by stages, or by the `coordinator`")
	fl.StringSliceVar(&f.outputs, "outputs", nil, "`NAMES` of outputs wanted, with commas (default: the model's default ones)")
	fl.StringVar(&f.mode, "mode", "auto", "numeric `MODE`: auto, exact or sum")
	fl.BoolVar(&f.byPosition, "by-position", false, "take columns in their order and ignore their names")
	fl.IntVar(&f.concurrency, "concurrency", 0, "`BLOCKS` under way at once (default: what functions and account allow; with --local or a loopback endpoint, the processors)")
	fl.StringVar(&f.role, "role", "", "`ARN` of the role that the state machine runs as")
	f.conditions.register(cmd, false)
	fl.BoolVar(&f.detach, "detach", false, "start the batch and do not wait for it")
	fl.BoolVar(&f.json, "json", false, "print one JSON document on standard output")
	for _, sub := range []*cobra.Command{a.batchStatus(), a.batchStop(), a.batchRedrive()} {
		sub.Args = explained(sub.Args)
		sub.DisableFlagsInUseLine = true
		cmd.AddCommand(sub)
	}
	return cmd
}

// check refuses flags that cannot go together, and reads the tolerance.
func (f *batchFlags) check(cmd *cobra.Command) error {
	if err := listOf(cmd, "outputs", f.outputs); err != nil {
		return err
	}
	switch {
	case f.input == "" || f.output == "":
		return usage(cmd, "say what to predict and where to: --input TABLE --output TABLE")
	case f.local && f.detach:
		return usage(cmd, "--local ends with the command and cannot be left alone: leave out --detach")
	case f.local && (remote(f.input) || remote(f.output)):
		return usage(cmd, "--local reads and writes local files")
	case !f.local && (f.conditions.network != "" || f.conditions.faults != "" || f.conditions.memoryLimit):
		return usage(cmd, "--network, --faults and --memory-limit are for functions on this computer: add --local, or leave them out")
	case f.local && f.role != "":
		return usage(cmd, "--local runs without a role: leave out --role")
	case !f.local && f.role == "":
		return usage(cmd, "name the role that the state machine runs as: --role ARN; or run on this computer: --local")
	case f.detach && !remote(f.output):
		return usage(cmd, "--detach leaves the answers in S3: give --output s3://bucket/key")
	case f.rows < 0 || f.concurrency < 0:
		return usage(cmd, "--block-rows and --concurrency are 1 or more")
	}
	if f.tolerate == "" {
		return nil
	}
	var err error
	if share, ok := strings.CutSuffix(f.tolerate, "%"); ok {
		f.share, err = strconv.Atoi(share)
	} else {
		f.count, err = strconv.Atoi(f.tolerate)
	}
	if err != nil || f.count < 0 || f.share < 0 || f.share > 100 {
		return usage(cmd, "--tolerate: wanted a count such as 3 or a share in whole percent such as 1%%, found %q", f.tolerate)
	}
	return nil
}

// guard refuses an --output that would replace what the command reads, or put parts among the files of a model directory. The summary
// beside it is guarded alike.
func (f *batchFlags) guard(cmd *cobra.Command, dir string) error {
	if remote(f.output) {
		return nil
	}
	reads := append(f.conditions.reads(), reading{"the input", f.input})
	if remote(f.input) {
		reads = f.conditions.reads()
	}
	if strings.HasSuffix(f.output, "/") {
		if _, err := os.Stat(f.output); err == nil {
			if err := guardFile(cmd, "--output", f.output+"0000000.csv", dir, nil); err != nil {
				return err
			}
		}
	} else if err := guardFile(cmd, "--output", f.output, dir, reads); err != nil {
		return err
	}
	summary := strings.TrimSuffix(f.output, "/") + summarySuffix
	if _, err := os.Stat(summary); err != nil {
		return nil // there is nothing to replace
	}
	return guardFile(cmd, "--output, whose summary is", summary, dir, reads)
}

const remotePrefix = "s3://"

func remote(table string) bool { return strings.HasPrefix(table, remotePrefix) }

// tableFormat tells a table's format by its extension.
func tableFormat(table string, known []dataset.Format) (dataset.Format, error) {
	format := dataset.Format("")
	if strings.EqualFold(filepath.Ext(table), ".parquet") {
		format = blocks.Parquet
	} else if f, err := dataset.FormatOf(table); err == nil {
		format = f
	}
	for _, k := range known {
		if k == format {
			return format, nil
		}
	}
	return "", fmt.Errorf("the extension of %s is none of those that a batch takes here: %v", table, known)
}

// tableAt is the table of an s3:// name.
func tableAt(name string, format dataset.Format) (statemachine.Table, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(name, remotePrefix), "/")
	if bucket == "" || key == "" {
		return statemachine.Table{}, fmt.Errorf("wanted s3://bucket/key, found %s", name)
	}
	return statemachine.Table{Bucket: bucket, Key: key, Format: string(format)}, nil
}
