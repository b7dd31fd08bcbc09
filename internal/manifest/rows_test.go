package manifest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSharesOfRowsFollowEachOtherEvenly(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		rows, n := rng.IntN(50), 1+rng.IntN(12)
		if rng.IntN(10) == 0 {
			rows = rng.Int()
		}
		at, asked := 0, 0
		for i := range n {
			lo, hi := RowShare(rows, i, n)
			if lo != at || hi-lo != rows/n && hi-lo != rows/n+1 || i > 0 && hi-lo > at {
				t.Fatalf("%d rows over %d shards: shard %d has %d to %d after %d", rows, n, i, lo, hi, at)
			}
			if hi > lo {
				asked++
			}
			at = hi
		}
		if at != rows || RowShards(rows, n) != max(asked, 1) {
			t.Fatalf("%d rows over %d shards: %d are shared out, %d shards have some, RowShards says %d", rows, n, at, asked, RowShards(rows, n))
		}
	}
}

// rowsManifest is the dense manifest with a stage by rows.
func rowsManifest() *Manifest {
	m := denseManifest()
	st := m.Steps[0].Stage
	st.Inputs[0].Scatter = Scatter{Kind: ScatterRows}
	o := &st.Outputs[0]
	o.Placement, o.Merge = Placement{Kind: PlaceShard}, Merge{Kind: MergeConcat, DType: o.Merge.DType}
	m.Requires = m.Needs()
	return m
}

func TestAStageByRowsSharesOutEverything(t *testing.T) {
	if err := rowsManifest().Validate(); err != nil {
		t.Fatal(err)
	}
	if m := rowsManifest(); !m.Steps[0].Stage.ByRows() || denseManifest().Steps[0].Stage.ByRows() || !slices.Contains(m.Requires, "scatter.rows") {
		t.Fatalf("by rows: %v, the features are %v", m.Steps[0].Stage.ByRows(), m.Requires)
	}
	const in, out = "/steps/0/stage/inputs/0", "/steps/0/stage/outputs/0"
	for _, c := range []struct {
		name, path string
		spoil      func(m *Manifest, st *Stage)
	}{
		{"rows that are not independent", "/steps/0/stage", func(m *Manifest, _ *Stage) { m.Signature.Rows = RowsNone }},
		{"routes", "/steps/0/stage/routes", func(_ *Manifest, st *Stage) { st.Routes = make([]Route, 1) }},
		{"some shards only", in + "/to", func(_ *Manifest, st *Stage) { st.Inputs[0].To = []int{0} }},
		{"a replica of rows", "/steps/0/stage/inputs/1/scatter/kind", func(m *Manifest, st *Stage) {
			st.Inputs = append(st.Inputs, StageInput{Name: "again", Value: st.Inputs[0].Value, Scatter: Scatter{Kind: ScatterReplicate}})
		}},
		{"a slice beside rows", "/steps/0/stage/inputs/1/scatter/kind", func(m *Manifest, st *Stage) {
			st.Inputs = append(st.Inputs, StageInput{Name: "again", Value: st.Inputs[0].Value, Scatter: Scatter{Kind: ScatterSlice, Dim: 1, Bounds: []int{0, 1, 2, 4}}})
		}},
		{"a value without rows", in + "/scatter/kind", func(m *Manifest, _ *Stage) { m.Signature.Inputs[0].Shape[0] = Dim{Size: 5} }},
		{"a sum", out + "/merge", func(_ *Manifest, st *Stage) { st.Outputs[0] = denseManifest().Steps[0].Stage.Outputs[0] }},
		{"columns side by side", out + "/merge", func(_ *Manifest, st *Stage) { st.Outputs[0].Merge.Dim, st.Outputs[0].Placement.Dim = 1, 1 }},
		{"bounds", out + "/merge", func(_ *Manifest, st *Stage) { st.Outputs[0].Merge.Bounds = []int{0, 1, 2, 3} }},
		{"one contributor", out + "/from", func(_ *Manifest, st *Stage) { st.Outputs[0].From = []int{0} }},
		{"an answer without rows", out + "/components/0/shape", func(_ *Manifest, st *Stage) { st.Outputs[0].Components[0].Shape[0] = Dim{Size: 2} }},
	} {
		m := rowsManifest()
		c.spoil(m, m.Steps[0].Stage)
		m.Requires = m.Needs()
		err, ok := errors.AsType[*InvalidError](m.Validate())
		if !ok || !slices.ContainsFunc(err.Faults, func(f Fault) bool { return f.Path == c.path }) {
			t.Errorf("%s: %v, wanted a fault at %s", c.name, m.Validate(), c.path)
		}
	}
}
