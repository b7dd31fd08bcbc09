package optest

import (
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Wanted is a case and its first output, or with Want nil an error.
type Wanted struct {
	Case
	Want *tensor.Tensor
}

// Check runs the cases, each with its inputs known when the node is compiled and only when it runs. Values must be equal
// bit by bit, but any NaN is as good as another.
func Check(t *testing.T, table engine.Table, cases []Wanted) {
	t.Helper()
	for i, c := range cases {
		for _, c.Constants = range []bool{false, true} {
			out, err := Run(t, table, c.Case)
			switch {
			case c.Want == nil && err == nil:
				t.Errorf("case %d, %s: no error, output %v", i, c.Op, out[0])
			case c.Want == nil:
			case err != nil:
				t.Errorf("case %d, %s: %v", i, c.Op, err)
			default:
				if d, err := tensor.Diff(out[0], c.Want, tensor.Tolerance{Exact: true}); err != nil || d.Beyond > 0 {
					t.Errorf("case %d, %s: %v %v", i, c.Op, d, err)
				}
			}
		}
	}
}

// Same ends the test unless got is want within the tolerance, relative and absolute.
func Same(t testing.TB, what string, got, want *tensor.Tensor, tolerance float64) {
	t.Helper()
	d, err := tensor.Diff(got, want, tensor.Tolerance{Rel: tolerance, Abs: tolerance})
	if err != nil || d.Beyond > 0 {
		t.Fatalf("%s: %v %v", what, d, err)
	}
}
