package manifest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

// produced lists what each step yields.
func produced(steps []Step) map[string][]string {
	got := map[string][]string{}
	for _, s := range steps {
		if s.Stage == nil {
			got[s.Name] = s.Local.Outputs
			continue
		}
		for _, o := range s.Stage.Outputs {
			got[s.Name] = append(got[s.Name], o.Value+" by "+o.Merge.Kind)
		}
	}
	return got
}

func TestStepsForKeepsWhatTheWantedOutputsNeed(t *testing.T) {
	for name, c := range map[string]struct {
		mode    string
		outputs []string
		want    map[string][]string
		ask     []string
	}{
		"default outputs": {"exact", nil, map[string][]string{"trees": {"margin by ordered_sum"}, "objective": {"prediction"}}, []string{"leaf_values"}},
		"sum mode":        {"sum", nil, map[string][]string{"trees": {"margin by sum"}, "objective": {"prediction"}}, []string{"margin_sum"}},
		"no epilogue":     {"exact", []string{"margin"}, map[string][]string{"trees": {"margin by ordered_sum"}}, []string{"leaf_values"}},
		"another output":  {"sum", []string{"leaf"}, map[string][]string{"trees": {"leaf by concat"}}, []string{"leaf"}},
		"two, auto is best": {"auto", []string{"leaf", "prediction", "leaf"}, map[string][]string{
			"trees": {"margin by ordered_sum", "leaf by concat"}, "objective": {"prediction"}}, []string{"leaf", "leaf_values"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := treeManifest()
			steps, err := m.StepsFor(c.mode, c.outputs)
			if err != nil {
				t.Fatal(err)
			}
			if got := produced(steps); !reflect.DeepEqual(got, c.want) {
				t.Errorf("steps yield %v, want %v", got, c.want)
			}
			if got := steps[0].Stage.Wanted(0); !slices.Equal(got, c.ask) {
				t.Errorf("shards are asked for %q, want %q", got, c.ask)
			}
			if !reflect.DeepEqual(m, treeManifest()) {
				t.Error("StepsFor changed the manifest")
			}
		})
	}
}

func TestStepsForLeavesOutStepsOfOtherModesAndUnusedOnes(t *testing.T) {
	m := denseManifest()
	m.Modes = []string{"sum", "exact"}
	epilogue := m.Steps[1]
	other := epilogue
	epilogue.Modes, other.Modes, other.Name = []string{"sum"}, []string{"exact"}, "other"
	unused := Step{Name: "unused", Local: &LocalStep{Inputs: []string{"h"}, Outputs: []string{"nobody"}}}
	m.Steps = []Step{m.Steps[0], unused, epilogue, other}
	for mode, want := range map[string][]string{"sum": {"stage-0", "epilogue"}, "exact": {"stage-0", "other"}} {
		steps, err := m.StepsFor(mode, []string{"Y"})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range steps {
			names = append(names, s.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("mode %s runs %q, want %q", mode, names, want)
		}
	}
}

func TestUnknownModesAndOutputsAreTyped(t *testing.T) {
	m := treeManifest()
	var mode *ModeError
	if _, err := m.StepsFor("fast", nil); !errors.As(err, &mode) || mode.Mode != "fast" || !slices.Equal(mode.Known, m.Modes) {
		t.Errorf("error %v, want a *ModeError", err)
	}
	var output *OutputError
	if _, err := m.StepsFor("sum", []string{"leaf", "proba"}); !errors.As(err, &output) || output.Output != "proba" || len(output.Known) != 3 {
		t.Errorf("error %v, want an *OutputError", err)
	}
}

func TestAutoIsTheFirstMode(t *testing.T) {
	m := treeManifest()
	m.Modes = []string{"sum", "exact"}
	for _, ask := range []string{"", "auto"} {
		if got, err := m.ResolveMode(ask); err != nil || got != "sum" {
			t.Errorf("%q is %q (error %v), want sum", ask, got, err)
		}
	}
	if got, err := m.ResolveMode("exact"); err != nil || got != "exact" {
		t.Errorf("exact is %q (error %v)", got, err)
	}
}

func TestRolesOfEveryMerge(t *testing.T) {
	for _, kind := range mergeKinds() {
		if roles := Roles(kind); len(roles) == 0 {
			t.Errorf("merge %s has no roles", kind)
		}
	}
	if Roles("average") != nil {
		t.Error("an unknown merge has roles")
	}
}
