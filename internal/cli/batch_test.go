package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/cli/reference"
	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
)

func TestABatchWritesPredictsOwnFile(t *testing.T) {
	for _, c := range []struct {
		example, model, input, output string
		shards                        int
		flags                         []string
	}{
		{"diabetes-xgboost", "model.ubj", "input.csv", "answers.csv", 4, []string{"--block-rows", "100"}},
		{"diabetes-xgboost", "model.ubj", "input.csv", "answers.jsonl", 2, []string{"--block-rows", "150", "--children", "standard", "--outputs", "margin,prediction"}},
		{"digits-mlp", "model.onnx", "input.csv", "answers.csv", 3, []string{"--block-rows", "200"}},
		{"digits-xgboost", "model.json", "input.csv", "answers.npy", 4, []string{"--block-rows", "200", "--via", "coordinator"}},
	} {
		t.Run(c.example+" "+strings.Join(c.flags, " "), func(t *testing.T) {
			dir := splitExample(t, c.example, c.model, c.shards)
			batched, predicted := filepath.Join(t.TempDir(), c.output), filepath.Join(t.TempDir(), c.output)
			runCommand(t, append([]string{"batch", dir, "--local", "--input", examplePath(c.example, c.input), "--output", batched}, c.flags...)...).want(t, StatusOK)
			predict := []string{"predict", dir, "--input", examplePath(c.example, c.input), "--output", predicted}
			for i, f := range c.flags {
				if f == "--outputs" {
					predict = append(predict, f, c.flags[i+1])
				}
			}
			runCommand(t, predict...).want(t, StatusOK)
			same(t, batched, predicted)
			if s := summaryOf(t, batched); s.Summary.Predicted == 0 || s.Summary.Predicted != s.Summary.Rows || len(s.Summary.Failures) != 0 || s.Status != "SUCCEEDED" {
				t.Errorf("found %+v, %+v", s, s.Summary)
			}
		})
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, err1 := os.ReadFile(a)
	y, err2 := os.ReadFile(b)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x, y) {
		t.Errorf("the files differ: %d and %d bytes", len(x), len(y))
	}
}

func summaryOf(t *testing.T, output string) *batchFacts {
	t.Helper()
	data, err := os.ReadFile(output + summarySuffix)
	if err != nil {
		t.Fatal(err)
	}
	f := new(batchFacts)
	if err := json.Unmarshal(data, f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestABadRowCostsItsBlockOnly(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	lines := readLines(t, examplePath("diabetes-xgboost", "input.csv"))
	lines[130] = "1,2,3"
	input, output := writeFile(t, "rows.csv", strings.Join(lines, "\n")+"\n"), filepath.Join(t.TempDir(), "answers.csv")
	args := []string{"batch", dir, "--local", "--input", input, "--output", output, "--block-rows", "100"}
	r := runCommand(t, args...).want(t, StatusInput)
	for _, says := range []string{"States.ExceedToleratedFailureThreshold", "block 1", "line 131 has 3 fields, wanted 10"} {
		if !strings.Contains(r.stderr, says) {
			t.Errorf("wanted %q, found\n%s", says, r.stderr)
		}
	}
	if _, err := os.Stat(output); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed batch has left an output: %v", err)
	}
	runCommand(t, append(args, "--tolerate", "20%")...).want(t, StatusOK)
	s := summaryOf(t, output).Summary
	if len(s.Failures) != 1 || s.Failures[0].Block != 1 || s.Failures[0].Error != "Shard.BadInput" || s.Predicted != s.Rows-100 {
		t.Errorf("found %+v", s)
	}
	if got := len(readLines(t, output)); got != len(lines)-100 {
		t.Errorf("the output has %d lines", got)
	}
}

func TestABatchOfATableThatIsNotRightEndsAtOnce(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	for _, c := range []struct{ name, text, says string }{
		{"empty.csv", "", "empty"},
		{"foreign.csv", "a,b\n1,2\n", "column"},
	} {
		r := runCommand(t, "batch", dir, "--local", "--input", writeFile(t, c.name, c.text), "--output", filepath.Join(t.TempDir(), "x.csv")).want(t, StatusInput)
		if !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, c.name) < 2 || strings.Contains(r.stderr, "s3://") {
			t.Errorf("%s: found %s", c.name, r.stderr)
		}
	}
	for _, args := range [][]string{
		{"batch", dir}, {"batch", dir, "--input", "x.csv", "--output", "y.csv"},
		{"batch", dir, "--local", "--detach", "--input", "x.csv", "--output", "y.csv"},
		{"batch", dir, "--local", "--input", "x.csv", "--output", "y.csv", "--tolerate", "many"},
		{"batch", dir, "--local", "--input", "missing.csv", "--output", "y.csv"},
		{"batch", dir, "--local", "--input", "x.csv", "--output", "y.npz"},
	} {
		runCommand(t, args...).want(t, StatusInput)
	}
}

// BenchmarkBatchAgainstOneProcess compares a batch on this computer with a plain program: one process that reads the same
// file, predicts with the same engine and mode by the unsharded model, and writes the same file. SHARDWISE_BATCH_ROWS is the
// number of rows.
func BenchmarkBatchAgainstOneProcess(b *testing.B) {
	rows := 100_000
	if text := os.Getenv("SHARDWISE_BATCH_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir, output := filepath.Join(b.TempDir(), "parts"), filepath.Join(b.TempDir(), "answers.csv")
	app := &App{Stdout: io.Discard, Stderr: os.Stderr, Width: defaultWidth, Bootstrap: self, TempDir: b.TempDir()}
	if status := app.Run(b.Context(), []string{"split", examplePath("diabetes-xgboost", "model.ubj"), "-o", dir, "--shards", "4"}); status != 0 {
		b.Fatal("split failed")
	}
	input := repeated(b, examplePath("diabetes-xgboost", "input.csv"), rows)
	for b.Loop() {
		start := time.Now()
		plain(b, dir, input, output+".plain.csv")
		alone := time.Since(start)
		start = time.Now()
		if status := app.Run(b.Context(), []string{"batch", dir, "--local", "--input", input, "--output", output}); status != 0 {
			b.Fatalf("batch: status %d", status)
		}
		batched := time.Since(start)
		b.ReportMetric(float64(rows)/batched.Seconds(), "rows/s")
		b.ReportMetric(alone.Seconds()/batched.Seconds(), "of-one-process")
	}
}

// repeated writes a table of so many rows.
func repeated(b *testing.B, path string, rows int) string {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	var text strings.Builder
	text.WriteString(lines[0])
	for i := range rows {
		text.WriteString(lines[1+i%(len(lines)-2)])
	}
	name := filepath.Join(b.TempDir(), fmt.Sprintf("rows-%d.csv", rows))
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	return name
}

// plain is the plain program.
func plain(b *testing.B, dir, input, output string) {
	b.Helper()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	m, err := local.Load(dir)
	check(err)
	model, err := reference.Open(dir, m.Manifest)
	check(err)
	defer model.Close()
	outputs, err := m.Manifest.ResolveOutputs(nil)
	check(err)
	in, err := dataset.Open(input, dataset.Auto, m.Manifest.Signature, dataset.Options{})
	check(err)
	defer in.Close()
	out, err := dataset.Create(output, dataset.Auto, outputs)
	check(err)
	for {
		rows, err := in.Next(8192)
		if err == io.EOF {
			check(out.Close())
			return
		}
		check(err)
		answers, err := model.Predict(context.Background(), rows, namesOf(outputs))
		check(err)
		check(out.Write(answers))
	}
}
