package ensemble

import (
	"fmt"
	"strings"

	"github.com/shardwise/shardwise/splitter/layout"
)

// Info implements layout.Model.
func (e *ensemble) Info() layout.Info {
	info := layout.Info{Format: fmt.Sprintf("ensemble of %d models", len(e.members)), Signature: e.in.Signature, MinShards: len(e.members), MaxShards: len(e.members), Operators: map[string]int{}, Dtypes: map[string]int64{}}
	add := func(name, format string, args ...any) {
		info.Facts = append(info.Facts, layout.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	add("combined by", "%s", strings.ReplaceAll(e.d.Combine, "_", " "))
	for _, m := range e.all() {
		own := m.model.Info()
		info.Parameters, info.Bytes = info.Parameters+own.Parameters, info.Bytes+own.Bytes
		for d, n := range own.Dtypes {
			info.Dtypes[d] += n
		}
		name := fmt.Sprintf("member %d", m.index)
		if m == e.final {
			name = "second model"
		}
		add(name, "%s: %s%s", m.Model, own.Format, m.fact(e.d.Combine))
		for _, note := range own.Notes {
			info.Notes = append(info.Notes, fmt.Sprintf("%s (%s): %s", name, m.Model, note))
		}
	}
	for _, n := range e.in.Graph.Nodes {
		op := n.Op
		if n.Domain != "" {
			op = n.Domain + "." + op
		}
		info.Operators[op]++
	}
	return info
}

// fact tells what counts of a member.
func (m *member) fact(combine string) string {
	if m.index < 0 {
		return ""
	}
	text := ""
	if m.Output != "" {
		text += ", output " + m.Output
	}
	if m.Columns != nil {
		text += fmt.Sprintf(", columns %v", m.Columns)
	}
	if combine == WeightedMean || combine == Vote {
		text += fmt.Sprintf(", weight %v", m.weight())
	}
	return text
}
