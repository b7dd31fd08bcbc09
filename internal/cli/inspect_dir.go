package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
)

// directoryFacts is the document of inspect DIR --json: the split's facts and both contracts as they are.
type directoryFacts struct {
	splitFacts
	Manifest   *manifest.Manifest   `json:"manifest"`
	Deployment *manifest.Deployment `json:"deployment"`
}

func directoryFactsOf(m *local.Model) (*directoryFacts, error) {
	s, err := factsOf(m.Manifest)
	if err != nil {
		return nil, err
	}
	for i := range s.Shards {
		s.Shards[i].MemoryMB = m.Deployment.Shards[i].MemoryMB
	}
	s.Directory = m.Dir
	return &directoryFacts{*s, m.Manifest, m.Deployment}, nil
}

// lines tells the facts to people.
func (f *directoryFacts) lines() []string {
	lines := f.splitFacts.lines()
	for _, s := range f.Manifest.Sources {
		lines = append(lines, fmt.Sprintf("cut from %s (%s, sha-256 %.12s...)", s.File, s.Library, s.SHA256))
	}
	lines = append(lines, signatureLines(f.Manifest.Signature)...)
	lines = append(lines, "numeric modes, best first: "+strings.Join(f.Modes, ", "))
	lines = append(lines, columns(f.rules(), "  ")...)
	lines = append(lines, "plan")
	lines = append(lines, columns(f.plan(), "  ")...)
	lines = append(lines, "functions")
	return append(lines, columns(f.functions(), "  ")...)
}

// rules shows the numeric promise of each output in each mode.
func (f *directoryFacts) rules() [][]string {
	var rows [][]string
	for _, o := range f.Manifest.Signature.Outputs {
		row := []string{o.Name}
		for _, mode := range f.Modes {
			if r, ok := o.Rules[mode]; ok {
				row = append(row, mode+": "+compare.RuleText(r))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// plan shows the steps in order.
func (f *directoryFacts) plan() [][]string {
	var rows [][]string
	for _, s := range f.Manifest.Steps {
		name := s.Name
		if len(s.Modes) > 0 {
			name += " (" + strings.Join(s.Modes, ", ") + ")"
		}
		if s.Local != nil {
			rows = append(rows, []string{name, "coordinator", strings.Join(s.Local.Inputs, ", ") + " -> " + strings.Join(s.Local.Outputs, ", ")})
			continue
		}
		var in, out []string
		for _, i := range s.Stage.Inputs {
			in = append(in, i.Value+" ("+i.Scatter.Kind+")")
		}
		for _, o := range s.Stage.Outputs {
			if text := o.Value + " (" + o.Merge.Kind + modeNote(o.Modes) + ")"; !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
		rows = append(rows, []string{name, count(int64(len(s.Stage.Shards)), "shard"), strings.Join(in, ", ") + " -> " + strings.Join(out, ", ")})
	}
	return rows
}

func modeNote(modes []string) string {
	if len(modes) == 0 {
		return ""
	}
	return " in mode " + strings.Join(modes, ", ")
}

// functions shows the deployment.
func (f *directoryFacts) functions() [][]string {
	var rows [][]string
	add := func(fn manifest.Function) {
		rows = append(rows, []string{fn.Name, fmt.Sprintf("%d MB", fn.MemoryMB), fmt.Sprintf("%d s", fn.TimeoutSeconds)})
	}
	add(f.Deployment.Coordinator)
	for i, fn := range f.Deployment.Shards {
		if i == maxShardLines {
			rows = append(rows, []string{fmt.Sprintf("... and %d more", len(f.Deployment.Shards)-i)})
			break
		}
		add(fn)
	}
	return rows
}
