package backend

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/native"
)

// The cases of single operators: those of ONNX 1.12, and those of the newest ONNX in its newest operator set. A part is
// run with, for example, -run 'TestNode/test_conv'; -v also tells what was refused, and why.
func TestNode(t *testing.T)       { runSet(t, "node") }
func TestNodeNewest(t *testing.T) { runSet(t, "node-newest") }

// The cases that PyTorch's exporter wrote, of modules and of single functions.
func TestPyTorchConverted(t *testing.T) { runSet(t, "pytorch-converted") }
func TestPyTorchOperator(t *testing.T)  { runSet(t, "pytorch-operator") }

// The cases of several nodes: shapes, sequences, and the text of single models.
func TestSimple(t *testing.T) { runSet(t, "simple") }

// outcome is the result of one case on one engine.
type outcome struct {
	name   string // set/case
	header *header
	result
}

// run runs one case of a set.
func (s set) run(t *testing.T, e engine.Engine, name string) outcome {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := readHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	return outcome{s.name + "/" + name, h, runCase(e, h, filepath.Join(s.dir, name))}
}

// runSet runs a set's cases on the native engine, and below a subtest of the engine's name on the others.
func runSet(t *testing.T, name string) {
	s := setNamed(t, name)
	cases := s.cases(t)
	runOn(t, s, cases, native.New())
	for _, e := range optional(t) {
		t.Run(e.Name(), func(t *testing.T) { runOn(t, s, cases, e) })
	}
}

func runOn(t *testing.T, s set, cases []string, e engine.Engine) {
	g := readGolden(t, e.Name())
	counts, refusals := map[state]int{}, map[string]int{}
	for _, c := range cases {
		t.Run(c, func(t *testing.T) {
			o := s.run(t, e, c)
			counts[o.state]++
			if o.state == refused {
				refusals[cmp.Or(o.op, "(types)")]++
			}
			o.judge(t, g)
		})
	}
	t.Logf("%s: %d passed, %d refused, %d wrong, %d failed; refused by operator: %s", e.Name(),
		counts[passed], counts[refused], counts[wrong], counts[failed], ranking(refusals))
}

// judge fails the test when the case ended worse than it did before, or than it may.
func (o outcome) judge(t *testing.T, g golden) {
	t.Helper()
	why := g.exception(t, o.name)
	switch {
	case o.state == passed:
		if o.largest > 0 {
			t.Logf("the largest difference is %.3g", o.largest)
		}
	case g.passed[o.name] && !*update:
		t.Errorf("it passed before, and now it is %v: %s", o.state, o.reason)
	case why != "":
		t.Skipf("%v, as is known (%s): %s", o.state, why, o.reason)
	case o.state == refused:
		t.Skipf("refused: %s", o.reason)
	default:
		t.Errorf("%v: %s", o.state, o.reason)
	}
}

// ranking lists counted names, the most frequent first.
func ranking(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, counts[n])
	}
	return strings.Join(names, ", ")
}
