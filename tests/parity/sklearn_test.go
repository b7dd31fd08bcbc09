package parity

import (
	"fmt"
	"testing"
)

// Fewer cases than these mean that the generator lost some.
const leastSklearn = 165

// TestSklearnEqualsTheRuntime splits every model that skl2onnx or onnxmltools converted at 1, 2 and 5 shards: scores lie
// within 1e-5 of the largest value of ONNX Runtime's own output, labels are the same.
func TestSklearnEqualsTheRuntime(t *testing.T) {
	for _, c := range readCases(t, "sklearn", leastSklearn) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			inputs, want := c.arrays(t, c.Inputs), c.arrays(t, c.Outputs)
			for _, n := range counts(t, c, maxShards(t, c), 1, 2, 5) {
				t.Run(fmt.Sprintf("shards=%d", n), func(t *testing.T) {
					dir, m := split(t, c, n)
					got := answer(t, inProcess(t, dir), inputs, want.Names(), m.Modes[0])
					for name := range want {
						check(t, name, got[name], want[name], reordered)
					}
				})
			}
		})
	}
}
