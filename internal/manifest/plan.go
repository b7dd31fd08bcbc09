package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// AutoMode is what a request says for "the plan's best mode". It is the manifest's first mode, always: a choice by
// batch size would give the same row other bits in another batch.
const AutoMode = "auto"

// ModeError says that the model has no such numeric mode.
type ModeError struct {
	Mode  string
	Known []string
}

// Error names the mode and those that exist.
func (e *ModeError) Error() string {
	return fmt.Sprintf("numeric mode %.80q is unknown; the model offers %s", e.Mode, strings.Join(append([]string{AutoMode}, e.Known...), ", "))
}

// OutputError says that the model has no such output.
type OutputError struct {
	Output string
	Known  []string
}

// Error names the output and those that exist.
func (e *OutputError) Error() string {
	return fmt.Sprintf("output %.80q is unknown; the model has %s", e.Output, strings.Join(e.Known, ", "))
}

// ResolveMode turns a request's mode into one of Modes: "" and "auto" are the first. Unknown ones are a *ModeError.
func (m *Manifest) ResolveMode(mode string) (string, error) {
	if mode == "" || mode == AutoMode {
		return m.Modes[0], nil
	}
	if !slices.Contains(m.Modes, mode) {
		return "", &ModeError{Mode: mode, Known: m.Modes}
	}
	return mode, nil
}

// ResolveOutputs turns a request's outputs into signature outputs in the order asked for, without repetition. None
// named means the default ones. An unknown name is an *OutputError.
func (m *Manifest) ResolveOutputs(names []string) ([]Output, error) {
	var outputs []Output
	known := make([]string, len(m.Signature.Outputs))
	for i, o := range m.Signature.Outputs {
		known[i] = o.Name
		if len(names) == 0 && o.Default {
			outputs = append(outputs, o)
		}
	}
	for i, name := range names {
		at := slices.Index(known, name)
		if at < 0 {
			return nil, &OutputError{Output: name, Known: known}
		}
		if !slices.Contains(names[:i], name) {
			outputs = append(outputs, m.Signature.Outputs[at])
		}
	}
	return outputs, nil
}

// StepsFor slices the plan backwards: the steps that the wanted outputs need in the numeric mode, in their order. Mode
// and outputs are resolved as ResolveMode and ResolveOutputs do. In the returned copies Stage.Outputs and
// Local.Outputs hold only what is wanted, by the request or a later step, in this mode; the slices below them are the
// manifest's own. A step that yields nothing wanted is left out.
func (m *Manifest) StepsFor(mode string, outputs []string) ([]Step, error) {
	mode, err := m.ResolveMode(mode)
	if err != nil {
		return nil, err
	}
	resolved, err := m.ResolveOutputs(outputs)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, o := range resolved {
		wanted[o.Name] = true
	}
	var steps []Step
	for i := len(m.Steps) - 1; i >= 0; i-- {
		s := m.Steps[i]
		if !inMode(s.Modes, mode) || !s.keep(mode, wanted) {
			continue
		}
		for _, name := range s.needs() {
			wanted[name] = true
		}
		steps = append(steps, s)
	}
	slices.Reverse(steps)
	return steps, nil
}

// Wanted lists the names of the program outputs that the stage's outputs are merged from, ascending, each once: what
// the shard at the position is asked for. A shard of which nothing is wanted is not asked.
func (s *Stage) Wanted(position int) []string {
	var names []string
	for _, o := range s.Outputs {
		if _, ok := o.Contributor(position); !ok {
			continue
		}
		for _, c := range o.Components {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Contributor is the place of a position among those that contribute to the output; ok is false when it does not.
func (o *StageOutput) Contributor(position int) (place int, ok bool) {
	return placeOf(o.From, position)
}

// Contributors is how many of a stage's shards contribute to the output.
func (o *StageOutput) Contributors(s *Stage) int { return count(o.From, s) }

// Receiver is the place of a position among those that get the input; ok is false when it does not.
func (in *StageInput) Receiver(position int) (place int, ok bool) { return placeOf(in.To, position) }

// Receivers is how many of a stage's shards get the input.
func (in *StageInput) Receivers(s *Stage) int { return count(in.To, s) }

func placeOf(list []int, position int) (int, bool) {
	if len(list) == 0 {
		return position, true
	}
	return slices.BinarySearch(list, position)
}

func count(list []int, s *Stage) int {
	if len(list) == 0 {
		return len(s.Shards)
	}
	return len(list)
}

// keep replaces the step's outputs by those that are wanted in the mode and reports whether any is left.
func (s *Step) keep(mode string, wanted map[string]bool) bool {
	if s.Stage != nil {
		stage := *s.Stage
		stage.Outputs = nil
		for _, o := range s.Stage.Outputs {
			if wanted[o.Value] && inMode(o.Modes, mode) {
				stage.Outputs = append(stage.Outputs, o)
			}
		}
		s.Stage = &stage
		return len(stage.Outputs) > 0
	}
	local := *s.Local
	local.Outputs = nil
	for _, name := range s.Local.Outputs {
		if wanted[name] {
			local.Outputs = append(local.Outputs, name)
		}
	}
	s.Local = &local
	return len(local.Outputs) > 0
}

// needs lists the values that the step reads.
func (s *Step) needs() []string {
	if s.Stage == nil {
		return s.Local.Inputs
	}
	var names []string
	for _, in := range s.Stage.Inputs {
		names = append(names, in.Value)
	}
	for _, r := range s.Stage.Routes {
		names = append(names, r.Value)
		if r.Groups != "" {
			names = append(names, r.Groups)
		}
	}
	return names
}

// inMode reports whether something limited to modes exists in mode; an empty list limits nothing.
func inMode(modes []string, mode string) bool {
	return len(modes) == 0 || slices.Contains(modes, mode)
}
