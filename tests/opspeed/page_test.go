package opspeed

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// result is an entry's median times; other is 0 where ONNX Runtime refused.
type result struct {
	entry         entry
	native, other time.Duration
}

func (r result) ratio() float64 { return float64(r.native) / float64(r.other) }

const introduction = `# Operators' speed

The native engine's time over ONNX Runtime's for one node of middle size, measured in one run on one thread each, turn by
turn: the medians of the thread's processor time. ` + "`make bench-operators`" + ` measures and writes this page; it needs an otherwise
quiet machine. Outputs are compared before: integers must be equal, floats within 1e-5 of the largest one. An operator that takes
a few microseconds is mostly the cost of a call, which is less in the native engine.

The native engine uses vector instructions for products of float32 matrices only; all else is portable Go, where ONNX Runtime's
kernels use 8 numbers at a time. A ratio of 3 to 8 is what that costs where all is in the cache.
`

// page is docs/operators-speed.md, the slowest first.
func page(results []result) []byte {
	results = slices.SortedFunc(slices.Values(results), func(a, b result) int {
		if (a.other == 0) != (b.other == 0) {
			return cmp.Compare(b.other, a.other)
		}
		if a.other == 0 {
			return strings.Compare(a.entry.name(), b.entry.name())
		}
		return cmp.Compare(b.ratio(), a.ratio())
	})
	var b bytes.Buffer
	b.WriteString(introduction)
	above, compared := map[float64]int{}, 0
	for _, r := range results {
		if r.other == 0 {
			continue
		}
		compared++
		for _, limit := range []float64{30, 10, 3, 1} {
			if r.ratio() > limit {
				above[limit]++
			}
		}
	}
	fmt.Fprintf(&b, "\nOf %d nodes %d take more than 30 times as long, %d more than 10 times, %d more than 3 times and %d longer at all.\n",
		compared, above[30], above[10], above[3], above[1])
	b.WriteString("\n| node | inputs | native | ONNX Runtime | ratio |\n|---|---|---:|---:|---:|\n")
	for _, r := range results {
		if r.other == 0 {
			fmt.Fprintf(&b, "| %s | %s | %s | not covered | |\n", r.entry.name(), r.entry.shapes(), micros(r.native))
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.2g |\n", r.entry.name(), r.entry.shapes(), micros(r.native), micros(r.other), r.ratio())
	}
	b.WriteString("\n## Not measured\n\n")
	why := map[string][]string{}
	for op, reason := range unmeasured() {
		why[reason] = append(why[reason], op)
	}
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		slices.Sort(why[reason])
		fmt.Fprintf(&b, "- %s: %s.\n", strings.Join(why[reason], ", "), reason)
	}
	return b.Bytes()
}

func micros(d time.Duration) string { return fmt.Sprintf("%.3g µs", float64(d)/1e3) }

// shapes tells the inputs of more than one element.
func (e entry) shapes() string {
	var parts []string
	for _, in := range e.in {
		n := 1
		for _, size := range in.shape {
			n *= size
		}
		if in.fill != nil && n > 1 {
			parts = append(parts, strings.ReplaceAll(fmt.Sprint(in.dtype, in.shape), " ", "×"))
		}
	}
	return strings.Join(slices.Compact(parts), ", ")
}

// The page counts, sorts by ratio, and lists what ONNX Runtime refuses at the end.
func TestPageIsSortedByRatio(t *testing.T) {
	list := []result{{entry: entry{op: "B"}, native: 2000, other: 1000}, {entry: entry{op: "C"}, native: 1000}, {entry: entry{op: "A"}, native: 40000, other: 1000}}
	text := string(page(list))
	a, b, c := strings.Index(text, "| A |"), strings.Index(text, "| B |"), strings.Index(text, "| C |")
	if a < 0 || b < a || c < b || !strings.Contains(text, "Of 2 nodes 1 take more than 30 times as long, 1 more than 10 times, 1 more than 3 times and 2 longer at all.") {
		t.Error(text)
	}
}
