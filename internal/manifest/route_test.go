package manifest

import (
	"errors"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// routedManifest looks up rows of a table on two shards, once by index and once by bags with factors.
func routedManifest() *Manifest {
	m := denseManifest()
	st := m.Steps[0].Stage
	value := func(name string, d ...Dim) []Component {
		return []Component{{Role: RoleValue, Name: name, DType: tensor.F32, Shape: append([]Dim{{Name: RoutedDim}}, d...)}}
	}
	input := func(name, value, route, part string) StageInput {
		return StageInput{Name: name, Value: value, Scatter: Scatter{Kind: ScatterRoute, Route: route, Part: part}}
	}
	m.Signature.Inputs = append(m.Signature.Inputs,
		Input{Name: "ids", DType: tensor.I64, Shape: batchBy(4)}, Input{Name: "starts", DType: tensor.I64, Shape: batchBy(1)}, Input{Name: "factors", DType: tensor.F32, Shape: batchBy(4)})
	bounds := func() []int {
		out := []int{0}
		for range st.Shards {
			out = append(out, out[len(out)-1]+5)
		}
		return out
	}
	st.Routes = []Route{{Name: "rows", Kind: RouteIndex, Value: "ids", Bounds: bounds()}, {Name: "bags", Kind: RouteBag, Value: "ids", Groups: "starts", Bounds: bounds()}}
	st.Inputs = append(st.Inputs, input("r", "ids", "rows", PartKeys), input("k", "ids", "bags", PartKeys), input("s", "starts", "bags", PartGroups), input("f", "factors", "bags", PartItems))
	st.Outputs = append(st.Outputs,
		StageOutput{Value: "found", Placement: Placement{Kind: PlaceShard}, Merge: Merge{Kind: MergeScatterBack, DType: tensor.F32, Route: "rows"}, Components: value("found", Dim{Size: 8})},
		StageOutput{Value: "pooled", Placement: Placement{Kind: PlacePartial, Op: "max"}, Merge: Merge{Kind: MergeMax, DType: tensor.F32, Route: "bags"}, Components: value("pooled", Dim{Size: 8})})
	m.Requires = m.Needs()
	return m
}

func TestRoutesAreValidatedAndConformToTheSchema(t *testing.T) {
	m := routedManifest()
	data, err := Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(data); err != nil {
		t.Fatal(err)
	}
	if err := conforms(t, compile(t, manifestSchema), data); err != nil {
		t.Error(err)
	}
	if names := strings.Join(m.Requires, " "); !strings.Contains(names, "stage.routes") || !strings.Contains(names, "scatter.route") {
		t.Errorf("requires %q", names)
	}
	if steps, err := m.StepsFor("", nil); err != nil || len(steps) == 0 {
		t.Errorf("steps %v, error %v", steps, err)
	}
}

func TestRoutesThatDoNotFitAreNamed(t *testing.T) {
	const stage = "/steps/0/stage"
	first, found, pooled := len(denseManifest().Steps[0].Stage.Inputs), len(denseManifest().Steps[0].Stage.Outputs), len(denseManifest().Steps[0].Stage.Outputs)+1
	input, output := at(stage).key("inputs"), at(stage).key("outputs")
	for _, c := range []struct {
		name  string
		place string
		spoil func(st *Stage)
	}{
		{"kind", stage + "/routes/0/kind", func(st *Stage) { st.Routes[0].Kind = "hash" }},
		{"name twice", stage + "/routes/1/name", func(st *Stage) { st.Routes[1].Name = "rows" }},
		{"no value", stage + "/routes/0/value", func(st *Stage) { st.Routes[0].Value = "" }},
		{"groups of an index", stage + "/routes/0/groups", func(st *Stage) { st.Routes[0].Groups = "starts" }},
		{"bag without groups", stage + "/routes/1/groups", func(st *Stage) { st.Routes[1].Groups = "" }},
		{"bounds", stage + "/routes/0/bounds", func(st *Stage) { st.Routes[0].Bounds = []int{0, 1} }},
		{"an empty part", stage + "/routes/0/bounds/1", func(st *Stage) { st.Routes[0].Bounds[1] = 0 }},
		{"unknown value", "/steps/0", func(st *Stage) { st.Routes[0].Value = "nowhere" }},
		{"no output", stage + "/routes/0/name", func(st *Stage) { st.Outputs[found].Merge.Route = "bags" }},
		{"no such route", string(input.index(first).key("scatter").key("route")), func(st *Stage) { st.Inputs[first].Scatter.Route = "x" }},
		{"part", string(input.index(first).key("scatter").key("part")), func(st *Stage) { st.Inputs[first].Scatter.Part = PartGroups }},
		{"value of keys", string(input.index(first + 1).key("scatter").key("part")), func(st *Stage) { st.Inputs[first+1].Value = "starts" }},
		{"value of groups", string(input.index(first + 2).key("scatter").key("part")), func(st *Stage) { st.Inputs[first+2].Value = "ids" }},
		{"other receivers", string(input.index(first).key("scatter")), func(st *Stage) { st.Inputs[first].To = []int{0} }},
		{"route of a slice", string(input.index(0).key("scatter")), func(st *Stage) { st.Inputs[0].Scatter.Route = "rows" }},
		{"merge without such a route", string(output.index(found).key("merge").key("route")), func(st *Stage) { st.Outputs[found].Merge.Route = "x" }},
		{"merge of an index", string(output.index(found).key("merge").key("kind")), func(st *Stage) { st.Outputs[found].Merge.Route, st.Outputs[pooled].Merge.Route = "bags", "rows" }},
		{"other contributors", string(output.index(pooled).key("from")), func(st *Stage) { st.Outputs[pooled].From = []int{0} }},
		{"squeeze", string(output.index(pooled).key("merge")), func(st *Stage) { st.Outputs[pooled].Merge.Squeeze = true }},
		{"batch in front", string(output.index(pooled).key("components").index(0).key("shape")), func(st *Stage) { st.Outputs[pooled].Components[0].Shape[0] = Dim{Name: Batch} }},
		{"a symbol behind", string(output.index(pooled).key("components").index(0).key("shape")), func(st *Stage) { st.Outputs[pooled].Components[0].Shape[1] = Dim{Name: "width"} }},
		{"a role too many", string(output.index(found).key("components")), func(st *Stage) {
			st.Outputs[found].Components = append(st.Outputs[found].Components, Component{Role: RoleIndex, Name: "at", DType: tensor.I64, Shape: []Dim{{Name: RoutedDim}}})
		}},
	} {
		m := routedManifest()
		c.spoil(m.Steps[0].Stage)
		var invalid *InvalidError
		if err := m.Validate(); !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.place) {
			t.Errorf("%s: error %v, wanted a fault at %s", c.name, err, c.place)
		}
	}
}
