package manifest

import (
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

func stepSpoilers() []spoiler {
	stage := func(m *Manifest) *Stage { return m.Steps[0].Stage }
	scatter := func(s Scatter) func(m *Manifest) {
		return func(m *Manifest) { stage(m).Inputs[0].Scatter = s }
	}
	const in = "/steps/0/stage/inputs/0/scatter"
	return []spoiler{
		{"no steps", "/steps", func(m *Manifest) { m.Steps = nil }},
		{"step name", "/steps/0/name", func(m *Manifest) { m.Steps[0].Name = "a/b" }},
		{"step twice", "/steps/1/name", func(m *Manifest) { m.Steps[1].Name = "trees" }},
		{"step mode", "/steps/1/modes/0", func(m *Manifest) { m.Steps[1].Modes = []string{"fast"} }},
		{"neither stage nor local", "/steps/1", func(m *Manifest) { m.Steps[1].Local = nil }},
		{"stage and local", "/steps/0", func(m *Manifest) { m.Steps[0].Local = m.Steps[1].Local }},
		{"no shards in the stage", "/steps/0/stage/shards", func(m *Manifest) { stage(m).Shards = nil }},
		{"shard order", "/steps/0/stage/shards/1", func(m *Manifest) { stage(m).Shards = []int{1, 0} }},
		{"shard out of range", "/steps/0/stage/shards/1", func(m *Manifest) { stage(m).Shards = []int{0, 2} }},
		{"negative shard", "/steps/0/stage/shards/0", func(m *Manifest) { stage(m).Shards = []int{-1, 0} }},
		{"no stage inputs", "/steps/0/stage/inputs", func(m *Manifest) { stage(m).Inputs = nil }},
		{"stage input twice", "/steps/0/stage/inputs/1/name", func(m *Manifest) { stage(m).Inputs = append(stage(m).Inputs, stage(m).Inputs[0]) }},
		{"value out of nowhere", "/steps/0", func(m *Manifest) { stage(m).Inputs[0].Value = "x" }},
		{"value of a later step", "/steps/0", func(m *Manifest) { stage(m).Inputs[0].Value = "prediction" }},
		{"no stage outputs", "/steps/0/stage/outputs", func(m *Manifest) { stage(m).Outputs = nil }},
		{"value twice in a mode", "/steps/0", func(m *Manifest) { stage(m).Outputs[1].Modes = []string{"exact"} }},
		{"input produced again", "/steps/1", func(m *Manifest) { m.Steps[1].Local.Outputs = append(m.Steps[1].Local.Outputs, "features") }},
		{"output of no step", "/signature/outputs/0", func(m *Manifest) { m.Steps[1].Local.Outputs = []string{"probability"} }},
		{"output lacking in a mode", "/signature/outputs/2", func(m *Manifest) { stage(m).Outputs[2].Modes = []string{"sum"} }},
		{"local step of one mode only", "/signature/outputs/0", func(m *Manifest) { m.Steps[1].Modes = []string{"exact"} }},
		{"output mode the step lacks", "/steps/0/stage/outputs/0/modes", func(m *Manifest) { m.Steps[0].Modes = []string{"sum"} }},
		{"local input twice", "/steps/1/local/inputs/1", func(m *Manifest) { m.Steps[1].Local.Inputs = []string{"margin", "margin"} }},
		{"no local outputs", "/steps/1/local/outputs", func(m *Manifest) { m.Steps[1].Local.Outputs = nil }},
		{"unknown scatter", in + "/kind", scatter(Scatter{Kind: "teleport"})},
		{"bounds of a replica", in, scatter(Scatter{Kind: ScatterReplicate, Bounds: []int{0, 2, 4}})},
		{"columns of a replica", in + "/columns", scatter(Scatter{Kind: ScatterReplicate, Columns: [][]int{{0}, {1}}})},
		{"slice without bounds", in + "/bounds", scatter(Scatter{Kind: ScatterSlice, Dim: 1})},
		{"slice with an empty part", in + "/bounds/2", scatter(Scatter{Kind: ScatterSlice, Dim: 1, Bounds: []int{0, 4, 4}})},
		{"slice from 1", in + "/bounds/0", scatter(Scatter{Kind: ScatterSlice, Dim: 1, Bounds: []int{1, 2, 4}})},
		{"slice short of the end", in + "/bounds", scatter(Scatter{Kind: ScatterSlice, Dim: 1, Bounds: []int{0, 2, 3}})},
		{"slice of the batch", in + "/bounds", scatter(Scatter{Kind: ScatterSlice, Dim: 0, Bounds: []int{0, 2, 4}})},
		{"slice along no dimension", in + "/dim", scatter(Scatter{Kind: ScatterSlice, Dim: 2, Bounds: []int{0, 2, 4}})},
		{"columns of one shard", in + "/columns", scatter(Scatter{Kind: ScatterSelect, Columns: [][]int{{0}}})},
		{"column out of range", in + "/columns/1/1", scatter(Scatter{Kind: ScatterSelect, Columns: [][]int{{0}, {1, 4}}})},
		{"select without trees", in + "/columns", func(m *Manifest) { m.Shards[1].Trees = nil }},
		{"undeclared feature", "/requires", scatter(Scatter{Kind: ScatterRows})},
		{"component declared in two ways", "/steps/0/stage/outputs/1/components/0", func(m *Manifest) { stage(m).Outputs[1].Components[0].Name = "leaf_values" }},
		{"component name", "/steps/0/stage/outputs/0/components/0/name", func(m *Manifest) { stage(m).Outputs[0].Components[0].Name = "" }},
	}
}

func mergeSpoilers() []spoiler {
	output := func(i int, change func(o *StageOutput)) func(m *Manifest) {
		return func(m *Manifest) { change(&m.Steps[0].Stage.Outputs[i]) }
	}
	const exact, sum, leaf = "/steps/0/stage/outputs/0", "/steps/0/stage/outputs/1", "/steps/0/stage/outputs/2"
	return []spoiler{
		{"unknown merge", exact + "/merge/kind", output(0, func(o *StageOutput) { o.Merge.Kind = "average" })},
		{"sum of a shard placement", sum + "/placement", output(1, func(o *StageOutput) { o.Placement = Placement{Kind: PlaceShard} })},
		{"sum of another op", sum + "/placement", output(1, func(o *StageOutput) { o.Placement.Op = "max" })},
		{"concat of partials", leaf + "/placement", output(2, func(o *StageOutput) { o.Placement = Placement{Kind: PlacePartial, Op: "sum", Dim: 1} })},
		{"placement along another dimension", leaf + "/placement/dim", output(2, func(o *StageOutput) { o.Placement.Dim = 0 })},
		{"role", sum + "/components", output(1, func(o *StageOutput) { o.Components[0].Role = "sum" })},
		{"component missing", sum + "/components", output(1, func(o *StageOutput) { o.Components = nil })},
		{"component twice", sum + "/components", output(1, func(o *StageOutput) { o.Components = append(o.Components, o.Components[0]) })},
		{"dtype beside the signature", leaf + "/merge/dtype", output(2, func(o *StageOutput) { o.Merge.DType = tensor.I64 })},
		{"no acc", sum + "/merge/acc", output(1, func(o *StageOutput) { o.Merge.Acc = tensor.Invalid })},
		{"acc of a concat", leaf + "/merge/acc", output(2, func(o *StageOutput) { o.Merge.Acc = tensor.F32 })},
		{"acc narrower than its addends", sum + "/merge/acc", output(1, func(o *StageOutput) { o.Merge.Acc = tensor.F32 })},
		{"integers beyond the acc", sum + "/merge/acc", output(1, func(o *StageOutput) { o.Components[0].DType = tensor.I64 })},
		{"sum of strings", sum + "/merge/acc", output(1, func(o *StageOutput) { o.Components[0].DType = tensor.String })},
		{"init of other digits", sum + "/merge/init/0", output(1, func(o *StageOutput) { o.Merge.Init[0] = HexF32(1) })},
		{"init of a concat", leaf + "/merge/init", output(2, func(o *StageOutput) { o.Merge.Init = []string{HexF32(1)} })},
		{"ordered sum without init", exact + "/merge/init", output(0, func(o *StageOutput) { o.Merge.Init = nil })},
		{"ordered sum without table", exact + "/merge/table", output(0, func(o *StageOutput) { o.Merge.Table = "" })},
		{"table of a sum", sum + "/merge/table", output(1, func(o *StageOutput) { o.Merge.Table = "t" })},
		{"table in no file", exact + "/merge/table", func(m *Manifest) { m.Local.Files = m.Local.Files[1:] }},
		{"dimension of a sum", sum + "/merge/dim", output(1, func(o *StageOutput) { o.Merge.Dim, o.Placement.Dim = 1, 1 })},
		{"bounds of a sum", sum + "/merge/bounds", output(1, func(o *StageOutput) { o.Merge.Bounds = []int{0, 1, 2} })},
		{"bounds for three shards", leaf + "/merge/bounds", output(2, func(o *StageOutput) { o.Merge.Bounds = []int{0, 1, 3, 5} })},
		{"bounds beside the signature", leaf + "/merge/bounds", output(2, func(o *StageOutput) { o.Merge.Bounds = []int{0, 3, 6} })},
		{"k of a sum", sum + "/merge/k", output(1, func(o *StageOutput) { o.Merge.K = 3 })},
		{"result of a sum", sum + "/merge/result", output(1, func(o *StageOutput) { o.Merge.Result = "mean" })},
		{"string sum", sum + "/merge/dtype", output(1, func(o *StageOutput) { o.Merge.DType = tensor.String })},
	}
}

// everyMerge gives the dense manifest's hidden value by another merge, as it should be declared.
func everyMerge(kind string) *Manifest {
	m := denseManifest()
	r, _ := ruleOf(kind)
	o := &m.Steps[0].Stage.Outputs[0]
	o.Placement = Placement{Kind: r.place, Op: r.op}
	o.Merge = Merge{Kind: kind, DType: tensor.F32}
	if len(r.acc) > 0 {
		o.Merge.Acc = tensor.F32
	}
	if len(r.results) > 0 {
		o.Merge.Result = r.results[0]
	}
	switch kind {
	case MergeTopK:
		o.Merge.K, o.Merge.Bounds = 2, []int{0, 1, 2, 3}
	case MergeOrderedSum:
		o.Merge.Init = []string{HexF32(0)}
	}
	o.Components = nil
	for _, role := range r.roles {
		o.Components = append(o.Components, Component{Role: role, Name: "h_" + role, DType: tensor.F32, Shape: batchBy(2)})
	}
	m.Requires = m.Needs()
	return m
}

func TestEveryMergeHasAValidDeclaration(t *testing.T) {
	for _, kind := range mergeKinds() {
		m := everyMerge(kind)
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if basicMerge(kind) != (len(m.Requires) == 0) {
			t.Errorf("%s requires %q", kind, m.Requires)
		}
	}
	if f := Features(); !slices.IsSorted(f) || !slices.Contains(f, "merge.topk") || !slices.Contains(f, "scatter.route") {
		t.Errorf("features %q", f)
	}
}
