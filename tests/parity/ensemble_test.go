package parity

import "testing"

// Fewer cases than these mean that the generator lost some.
const leastEnsembles = 13

// TestEnsemblesEqualScikitLearn splits every ensemble into one shard for each member: probabilities and values lie within 1e-5 of the largest value of
// scikit-learn's own, labels are the same.
func TestEnsemblesEqualScikitLearn(t *testing.T) {
	for _, c := range readCases(t, "ensemble", leastEnsembles) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			inputs, want := c.arrays(t, c.Inputs), c.arrays(t, c.Outputs)
			dir, m := split(t, c, c.Members)
			got := answer(t, inProcess(t, dir), inputs, want.Names(), m.Modes[0])
			for name := range want {
				check(t, name, got[name], want[name], reordered)
			}
		})
	}
}
