package coordinator

import (
	"github.com/shardwise/shardwise/internal/manifest"
)

// routedInput is the most that a shard gets of a routed input: everything, when every group is its own, but only its columns of a gate.
func (x *extents) routedInput(e extent, stage *manifest.Stage, in *manifest.StageInput, p int) extent {
	r := stage.Route(in.Scatter.Route)
	if r == nil || r.Kind != manifest.RouteGate || in.Scatter.Part != manifest.PartKeys {
		return e
	}
	place, _ := r.Receiver(p)
	return e.with(len(e.dims)-1, r.Bounds[place+1]-r.Bounds[place])
}

// routedGroups is e with the dimensions of all groups of the output's route in place of the first.
func (x *extents) routedGroups(e extent, stage *manifest.Stage, out *manifest.StageOutput) extent {
	r := stage.Route(out.Merge.Route)
	if r == nil || !e.known || len(e.dims) == 0 {
		return extent{}
	}
	by := x.values[r.Value]
	lead := by.dims
	switch r.Kind {
	case manifest.RouteRow:
		lead = lead[:min(1, len(lead))]
	case manifest.RouteGate:
		lead = lead[:max(len(lead)-1, 0)]
	case manifest.RouteBag:
		by = x.values[r.Groups]
		if lead = by.dims; len(lead) == 1 && lead[0].Name == "" {
			lead = []manifest.Dim{{Size: max(lead[0].Size-1, 0)}}
		}
	}
	if !by.known {
		return extent{}
	}
	e.dims = append(append([]manifest.Dim(nil), lead...), e.dims[1:]...)
	return e
}
