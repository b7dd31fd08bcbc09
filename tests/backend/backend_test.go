package backend

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

func runSet(t *testing.T, name string) {
	s, e := setNamed(t, name), native.New()
	counts, refusals := map[state]int{}, map[string]int{}
	for _, c := range s.cases(t) {
		t.Run(c, func(t *testing.T) {
			r := runCase(e, filepath.Join(s.dir, c))
			counts[r.state]++
			switch r.state {
			case passed:
				if r.largest > 0 {
					t.Logf("the largest difference is %.3g", r.largest)
				}
			case refused:
				refusals[cmp.Or(r.op, "(types)")]++
				t.Skip("refused: " + r.reason)
			default:
				t.Errorf("%v: %s", r.state, r.reason)
			}
		})
	}
	t.Logf("%s: %d passed, %d refused, %d wrong, %d failed; refused by operator: %s", name,
		counts[passed], counts[refused], counts[wrong], counts[failed], ranking(refusals))
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
