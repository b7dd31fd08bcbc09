package aggregate

import (
	"errors"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// TestSumsTakeWhatTheManifestAllows: a manifest whose sum has these dtypes is valid if and only if a shard's partial of
// that dtype is taken.
func TestSumsTakeWhatTheManifestAllows(t *testing.T) {
	for _, acc := range []tensor.DType{tensor.F32, tensor.F64, tensor.I64} {
		for d := tensor.Bool; d <= tensor.String; d++ {
			result := tensor.F32
			if acc == tensor.I64 {
				result = tensor.I64
			}
			m := manifest.Merge{Kind: manifest.MergeSum, DType: result, Acc: acc}
			g, err := New(m, 1, 16, nil)
			if err != nil {
				t.Fatal(err)
			}
			in := made(t)(tensor.FromStrings(tensor.Shape{2}, []string{"", ""}))
			if d != tensor.String {
				in = tensor.New(d, 2)
			}
			taken := g.Add(0, value(in)) == nil
			if allowed := !faulty(m, d); allowed != taken {
				t.Errorf("%v added in %v: the manifest allows it: %v, the merge takes it: %v", d, acc, allowed, taken)
			}
		}
	}
}

// faulty reports whether a manifest with such a sum of components of dtype d has a fault at its accumulator.
func faulty(g manifest.Merge, d tensor.DType) bool {
	m := &manifest.Manifest{Steps: []manifest.Step{{Stage: &manifest.Stage{Outputs: []manifest.StageOutput{{
		Merge: g, Components: []manifest.Component{{Role: manifest.RoleValue, Name: "v", DType: d}}}}}}}}
	invalid, ok := errors.AsType[*manifest.InvalidError](m.Validate())
	for i := range invalid.Faults {
		if ok && invalid.Faults[i].Path == "/steps/0/stage/outputs/0/merge/acc" {
			return true
		}
	}
	return false
}
