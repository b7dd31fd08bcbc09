package trees_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/trees"
	"github.com/shardwise/shardwise/splitter/xgboost"
)

func writerOf(f layout.File, i int) func(io.Writer) error {
	return func(w io.Writer) error { return f.Weights.Write(context.Background(), i, w) }
}

// table reads a CSV file of numbers; an empty field is NaN.
func table(t testing.TB, path string) ([]string, [][]float32) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]float32, 0, len(records)-1)
	for _, record := range records[1:] {
		row := make([]float32, len(record))
		for i, s := range record {
			row[i] = float32(math.NaN())
			if s == "" {
				continue
			}
			v, err := strconv.ParseFloat(s, 32)
			if err != nil {
				t.Fatal(err)
			}
			row[i] = float32(v)
		}
		rows = append(rows, row)
	}
	return records[0], rows
}

// columns picks the columns whose header is name or begins with name and an underscore.
func columns(header []string, rows [][]float32, name string) []float32 {
	var out []float32
	for _, row := range rows {
		for i, h := range header {
			if h == name || strings.HasPrefix(h, name+"_") {
				out = append(out, row[i])
			}
		}
	}
	return out
}

func open(t testing.TB, path string) layout.Model {
	t.Helper()
	src, err := xgboost.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	m := trees.NewModel(src)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestExamplesEqualTheLibraryAtEveryShardCount(t *testing.T) {
	models, err := filepath.Glob("../../examples/*-xgboost/model.*")
	if err != nil || len(models) < 4 {
		t.Fatalf("found %d examples, error %v; wanted at least 4", len(models), err)
	}
	for _, path := range models {
		dir := filepath.Dir(path)
		_, input := table(t, filepath.Join(dir, "input.csv"))
		header, expected := table(t, filepath.Join(dir, "expected.csv"))
		var flat []float32
		for _, row := range input {
			flat = append(flat, row...)
		}
		x, err := tensor.FromSlice(tensor.F32, flat, len(input), len(input[0]))
		if err != nil {
			t.Fatal(err)
		}
		margins, predictions := columns(header, expected, "margin"), columns(header, expected, "prediction")
		var leaves []int32
		for _, shards := range []int{1, 2, 3, 8, 64} {
			t.Run(fmt.Sprintf("%s/shards=%d", filepath.Base(dir), shards), func(t *testing.T) {
				l, err := open(t, path).Layout(context.Background(), layout.Options{Shards: shards, Name: "m", Version: "1"})
				if err != nil {
					t.Fatal(err)
				}
				prediction, exact, sum, leaf := build(t, l).predict(t, x)
				if i := sameBits(exact, margins); i >= 0 {
					t.Fatalf("margin %d of %d differs from the library's", i, len(margins))
				}
				within(t, "prediction", prediction, predictions, l.Manifest.Signature.Outputs[0].Rules["exact"].Rel, l.Manifest.Signature.Outputs[0].Rules["exact"].Abs)
				within(t, "summed margin", sum, margins, 0, l.Manifest.Signature.Outputs[1].Rules["sum"].Abs)
				if leaves == nil {
					leaves = leaf
				}
				for i := range leaves {
					if leaf[i] != leaves[i] {
						t.Fatalf("leaf %d is %d, with one shard it is %d", i, leaf[i], leaves[i])
					}
				}
			})
		}
	}
}

// within fails unless every value lies within abs + rel*|want| of want.
func within(t testing.TB, what string, got, want []float32, rel, abs float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst := 0.0
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		worst = max(worst, d)
		if !(d <= abs+rel*math.Abs(float64(want[i]))) {
			t.Fatalf("%s %d is %v, want %v within %g + %g relative", what, i, got[i], want[i], abs, rel)
		}
	}
	t.Logf("%s: largest difference %g, rule %g + %g relative", what, worst, abs, rel)
}
