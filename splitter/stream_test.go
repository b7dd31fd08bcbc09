package splitter_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// splitMemoryLimit is what a split may use beyond its largest tree or tensor.
const splitMemoryLimit = 64 << 20

// TestMain splits the model named by SPLIT_CHILD_MODEL when it is set, so that tests can measure a whole process.
func TestMain(m *testing.M) {
	model := os.Getenv("SPLIT_CHILD_MODEL")
	if model == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if _, err := splitter.Split(context.Background(), model, os.Getenv("SPLIT_CHILD_OUT"), layout.Options{Shards: 5}, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			fmt.Println(line)
		}
	}
}

// peakOfSplit splits the model in a process of its own and returns its peak resident memory in bytes.
func peakOfSplit(t *testing.T, model string) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SPLIT_CHILD_MODEL="+model, "SPLIT_CHILD_OUT="+filepath.Join(t.TempDir(), "out"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("split in a child process: %v", err)
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		t.Fatalf("the child printed %q, want its VmHWM line", out)
	}
	kb, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

func TestSplitOfALargeEnsembleStreams(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("peak memory is read from /proc, which only Linux has")
	}
	if testing.Short() {
		t.Skip("writes 150 MB")
	}
	if raceDetector {
		t.Skip("the race detector's shadow memory is counted too")
	}
	model := filepath.Join(t.TempDir(), "large.json")
	size := writeLargeEnsemble(t, model, 1200, 10)
	peak := peakOfSplit(t, model)
	t.Logf("model of %d MB split with a peak of %d MB resident", size>>20, peak>>20)
	if size < 120<<20 {
		t.Errorf("the model has only %d MB, too few to tell", size>>20)
	}
	if peak > splitMemoryLimit {
		t.Errorf("peak resident memory %d MB, want at most %d MB", peak>>20, splitMemoryLimit>>20)
	}
}

// writeLargeEnsemble writes an XGBoost model of full binary trees and returns its size.
func writeLargeEnsemble(t *testing.T, path string, trees, depth int) int64 {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	fmt.Fprintf(w, `{"learner":{"attributes":{},"feature_names":[],"feature_types":[],"gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"%d"},"tree_info":[%s],"trees":[`,
		trees, strings.TrimSuffix(strings.Repeat("0,", trees), ","))
	for i := range trees {
		if i > 0 {
			w.WriteByte(',')
		}
		writeTree(w, rng, i, depth)
	}
	fmt.Fprint(w, `]},"name":"gbtree"},"learner_model_param":{"base_score":"5E-1","boost_from_average":"1","num_class":"0","num_feature":"64","num_target":"1"},"objective":{"name":"reg:squarederror","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[2,0,3]}`)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func writeTree(w *bufio.Writer, rng *rand.Rand, id, depth int) {
	nodes, inner := 1<<(depth+1)-1, 1<<depth-1
	list := func(name string, value func(i int) string) {
		fmt.Fprintf(w, `,"%s":[`, name)
		for i := range nodes {
			if i > 0 {
				w.WriteByte(',')
			}
			w.WriteString(value(i))
		}
		w.WriteByte(']')
	}
	child := func(add int) func(int) string {
		return func(i int) string {
			if i >= inner {
				return "-1"
			}
			return strconv.Itoa(2*i + add)
		}
	}
	float := func(int) string { return strconv.FormatFloat(rng.NormFloat64(), 'E', 7, 32) }
	fmt.Fprint(w, `{"base_weights":[],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]`)
	list("default_left", func(i int) string { return strconv.Itoa(rng.IntN(2)) })
	fmt.Fprintf(w, `,"id":%d`, id)
	list("left_children", child(1))
	list("loss_changes", float)
	list("parents", func(i int) string {
		if i == 0 {
			return "2147483647"
		}
		return strconv.Itoa((i - 1) / 2)
	})
	list("right_children", child(2))
	list("split_conditions", float)
	list("split_indices", func(i int) string { return strconv.Itoa(rng.IntN(64)) })
	list("split_type", func(int) string { return "0" })
	list("sum_hessian", float)
	fmt.Fprintf(w, `,"tree_param":{"num_deleted":"0","num_feature":"64","num_nodes":"%d","size_leaf_vector":"1"}}`, nodes)
}
