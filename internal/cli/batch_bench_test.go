package cli

import (
	"context"
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

// BenchmarkBatchAgainstOneProcess compares a batch on this computer with a plain program: one process that reads the same
// file, predicts with the same engine and mode by the unsharded model on all processors, and writes the same file. The ratio is
// that of the times' sums over all runs. SHARDWISE_BATCH_ROWS is the number of rows.
func BenchmarkBatchAgainstOneProcess(b *testing.B) {
	rows := 100_000
	if text := os.Getenv("SHARDWISE_BATCH_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct{ example, model string }{
		{"diabetes-xgboost", "model.ubj"}, {"digits-mlp", "model.onnx"},
	} {
		b.Run(fmt.Sprintf("%s/rows=%d", c.example, rows), func(b *testing.B) {
			dir, output := filepath.Join(b.TempDir(), "parts"), filepath.Join(b.TempDir(), "answers.csv")
			self, err := os.Executable()
			if err != nil {
				b.Fatal(err)
			}
			app := &App{Stdout: io.Discard, Stderr: io.Discard, Width: defaultWidth, Bootstrap: self, TempDir: b.TempDir()}
			if status := app.Run(b.Context(), []string{"split", examplePath(c.example, c.model), "-o", dir, "--shards", "4"}); status != StatusOK {
				b.Fatalf("split: status %d", status)
			}
			input := repeated(b, examplePath(c.example, "input.csv"), rows)
			var alone, batched time.Duration
			for b.Loop() {
				start := time.Now()
				plain(b, dir, input, output+".plain.csv")
				alone += time.Since(start)
				start = time.Now()
				if status := app.Run(b.Context(), []string{"batch", dir, "--local", "--input", input, "--output", output}); status != StatusOK {
					b.Fatalf("batch: status %d", status)
				}
				batched += time.Since(start)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/batched.Seconds(), "rows/s")
			b.ReportMetric(alone.Seconds()/batched.Seconds(), "of-one-process")
		})
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
