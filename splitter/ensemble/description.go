package ensemble

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/jsondoc"
)

// Format is the format string of descriptions, which stands first in them.
const Format = "shardwise-ensemble/1"

// The ways to combine.
const (
	Mean         = "mean"          // of the members' outputs
	WeightedMean = "weighted_mean" // the same, each times its weight
	Vote         = "vote"          // the class that most members, or the most weight, are for
	Stack        = "stack"         // a second model over the members' outputs side by side
)

// What a member's output says of the classes, for a vote.
const (
	GivesLabel       = "label"       // the class itself
	GivesProbability = "probability" // of each class; or, one number a row, of the second of two
)

// Description is an ensemble as its file has it.
type Description struct {
	Format  string   `json:"format"`
	Combine string   `json:"combine"`
	Members []Member `json:"members"`
	// Labels are the classes of a vote, in the order of the members' probabilities; by default 0, 1, 2 and so on.
	Labels []int64 `json:"labels"`
	// Final is the second model of a stack, and Passthrough adds the inputs behind the members' outputs.
	Final       *Final `json:"final"`
	Passthrough bool   `json:"passthrough"`
}

// Member is one of the models.
type Member struct {
	Model   string   `json:"model"`   // path, relative to the description, with forward slashes
	Output  string   `json:"output"`  // the output that counts; by default the only one that will do
	Columns []int    `json:"columns"` // of that output; by default all
	Weight  *float64 `json:"weight"`  // of a weighted mean or a vote, from minWeight to maxWeight, default 1
	Gives   string   `json:"gives"`   // for a vote; by default integers are labels and floats probabilities
}

// Final is the second model of a stack.
type Final struct {
	Model string `json:"model"`
}

// maxMembers bounds the members: each is a function that every request asks.
const maxMembers = 1000

// minWeight and maxWeight bound weights, so that neither their sum nor a weighted float32 overflows or loses digits.
const minWeight, maxWeight = 1e-100, 1e100

// Parse reads a description and checks it. Unknown members are errors; all faults are reported at once.
func Parse(data []byte) (*Description, error) {
	out := &Description{}
	if err := jsondoc.Decode(data, out); err != nil {
		return nil, err
	}
	return out, out.validate()
}

// faults gathers what is wrong.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (d *Description) validate() error {
	var f faults
	if d.Format != Format {
		f.add("format is %.80q, wanted %q", d.Format, Format)
	}
	known := []string{Mean, WeightedMean, Vote, Stack}
	if !slices.Contains(known, d.Combine) {
		f.add("combine is %.80q, wanted one of %s", d.Combine, strings.Join(known, ", "))
	}
	if n := len(d.Members); n < 1 || n > maxMembers {
		f.add("there are %d members, wanted 1 to %d", n, maxMembers)
	}
	for i := range d.Members {
		d.member(&f, i)
	}
	if d.Combine == Stack && d.Final == nil {
		f.add("final is absent; a stack has a second model")
	}
	if d.Combine != Stack && (d.Final != nil || d.Passthrough) {
		f.add("final or passthrough stands with %q; only a stack has them", d.Combine)
	}
	if d.Final != nil {
		local(&f, "final.model", d.Final.Model)
	}
	if d.Labels != nil && (d.Combine != Vote || len(d.Labels) < 2) {
		f.add("labels has %d classes with %q; a vote has labels, of at least 2 classes", len(d.Labels), d.Combine)
	}
	sorted := slices.Sorted(slices.Values(d.Labels))
	if len(slices.Compact(sorted)) != len(d.Labels) {
		f.add("labels has a class twice")
	}
	return errors.Join(f...)
}

func (d *Description) member(f *faults, i int) {
	m := &d.Members[i]
	local(f, fmt.Sprintf("members[%d].model", i), m.Model)
	if m.Weight != nil && (d.Combine != WeightedMean && d.Combine != Vote || *m.Weight < minWeight || *m.Weight > maxWeight) {
		f.add("members[%d].weight is %v with %q; a weighted mean and a vote have weights, from %v to %v", i, *m.Weight, d.Combine, minWeight, maxWeight)
	}
	if m.Gives != "" && (d.Combine != Vote || m.Gives != GivesLabel && m.Gives != GivesProbability) {
		f.add("members[%d].gives is %.80q with %q; a vote has it, with %q or %q", i, m.Gives, d.Combine, GivesLabel, GivesProbability)
	}
	if m.Columns != nil && len(m.Columns) == 0 {
		f.add("members[%d].columns is empty; leave it away for all", i)
	}
	for _, c := range m.Columns {
		if c < 0 {
			f.add("members[%d].columns has %d, wanted 0 or more", i, c)
		}
	}
}

// local wants a path of a file below the description's folder: the model stays one piece when it is moved.
func local(f *faults, what, name string) {
	if name == "" || !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name || name == "." {
		f.add("%s is %.200q, wanted a path below the description's folder, with forward slashes and without . or ..", what, name)
	}
}

// weight is the member's, 1 by default.
func (m *Member) weight() float64 {
	if m.Weight == nil {
		return 1
	}
	return *m.Weight
}
