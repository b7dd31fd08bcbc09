package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestAFolderTakesThePartsOfOneBatchOnly(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	folder := filepath.Join(t.TempDir(), "answers") + "/"
	args := []string{"batch", dir, "--local", "--input", examplePath("diabetes-xgboost", "input.csv"), "--output", folder, "--block-rows"}
	runCommand(t, append(args, "200")...).want(t, StatusOK)
	r := runCommand(t, append(args, "300")...).want(t, StatusInput)
	if !strings.Contains(r.stderr, "0000000.csv of another batch") {
		t.Errorf("found %s", r.stderr)
	}
	if list, err := os.ReadDir(folder); err != nil || len(list) != 3 {
		t.Errorf("found %v, %v", list, err)
	}
}

// Nothing is predicted for an output that could not be written, and nothing is left behind.
func TestAnOutputThatCannotBeWrittenIsRefusedFirst(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	folder := t.TempDir()
	for _, c := range []struct {
		name, output, says string
		flags              []string
	}{
		{"two outputs as npy", filepath.Join(folder, "y.npy"), "--outputs", []string{"--outputs", "margin,prediction"}},
		{"no such folder", filepath.Join(folder, "none", "y.csv"), "none", nil},
		{"parts below a file", writeFile(t, "file", "") + "/", "not a directory", nil},
		{"parts deeper below a file", writeFile(t, "file", "") + "/a/b/", "not a directory", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runCommand(t, append([]string{"batch", dir, "--local", "--input", examplePath("diabetes-xgboost", "input.csv"), "--output", c.output}, c.flags...)...).want(t, StatusInput)
			if !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr, "predicting") {
				t.Errorf("wanted %q before anything starts, found %s", c.says, r.stderr)
			}
		})
	}
	if list, err := os.ReadDir(folder); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// A tolerance of all blocks does not make a success of none, in parts neither.
func TestABatchWithoutPredictionsFailsWhateverItTolerates(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	lines := readLines(t, examplePath("diabetes-xgboost", "input.csv"))
	input := writeFile(t, "rows.csv", lines[0]+"\n1,2,3\n")
	for _, output := range []string{"answers.csv", "answers/"} {
		path := t.TempDir() + "/" + output
		r := runCommand(t, "batch", dir, "--local", "--input", input, "--output", path, "--tolerate", "100%").want(t, StatusInput)
		if !strings.Contains(r.stderr, "no block has predictions") {
			t.Errorf("%s: found %s", output, r.stderr)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: there is an output: %v", output, err)
		}
	}
}

// Of batches that run at once into one folder one has it; the others are refused, and no part is of two.
func TestOfBatchesAtOnceOneHasTheFolder(t *testing.T) {
	dir := splitExample(t, "diabetes-xgboost", "model.ubj", 2)
	folder := filepath.Join(t.TempDir(), "answers") + "/"
	results := make([]result, 3)
	var running sync.WaitGroup
	for i := range results {
		running.Go(func() {
			results[i] = runCommand(t, "batch", dir, "--local", "--input", examplePath("diabetes-xgboost", "input.csv"), "--output", folder, "--block-rows", fmt.Sprint(60+40*i))
		})
	}
	running.Wait()
	won := -1
	for i, r := range results {
		switch {
		case r.status == StatusOK && won < 0:
			won = i
		case r.status != StatusInput || !strings.Contains(r.stderr, "another batch"):
			t.Errorf("status %d: %s", r.status, r.stderr)
		}
	}
	if won < 0 {
		t.Fatal("no batch has the folder")
	}
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	rows, size := 0, 60+40*won
	for _, e := range list {
		rows += len(readLines(t, filepath.Join(folder, e.Name()))) - 1
	}
	if rows != 442 || len(list) != (442+size-1)/size {
		t.Errorf("there are %d rows in %d parts of up to %d", rows, len(list), size)
	}
}
