package ensemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/plan"
)

// Kind is the kind of an ensemble's only plan.
const Kind = "ensemble"

// importer is the name that manifests give the description.
const importer = "ensemble"

// ensemble implements layout.Model over a description and its opened members.
type ensemble struct {
	base    string
	d       *Description
	members []*member
	final   *member // nil without a second model
	in      *partition.Model
	plan    *partition.Plan
}

// maxBytes bounds a description's file.
const maxBytes = 4 << 20

// Open reads the description at path, opens its members, and puts them together. The caller closes the model, which closes its members. What is wrong
// with the description is a *layout.RefusalError, what is wrong with a member a *MemberError or the error of opening it.
func Open(path string, open Opener) (layout.Model, error) {
	base := filepath.Base(path)
	d, err := readDescription(path)
	if err != nil {
		return nil, err
	}
	e := &ensemble{base: base, d: d}
	if err := e.open(filepath.Dir(path), open); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func readDescription(path string) (*Description, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open description: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	if len(data) > maxBytes {
		return nil, &layout.RefusalError{Subject: filepath.Base(path), Reason: fmt.Sprintf("is a description of more than %d bytes", maxBytes), Remedy: "describe fewer members"}
	}
	d, err := Parse(data)
	if err != nil {
		return nil, &layout.RefusalError{Subject: filepath.Base(path), Reason: err.Error(), Remedy: "see docs/plans.md for the form of a description"}
	}
	return d, nil
}

// Members lists the paths of the files that the description at path names: the members and a stack's second model. They need not exist.
func Members(path string) ([]string, error) {
	d, err := readDescription(path)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, m := range d.Members {
		list = append(list, filepath.Join(filepath.Dir(path), filepath.FromSlash(m.Model)))
	}
	if d.Final != nil {
		list = append(list, filepath.Join(filepath.Dir(path), filepath.FromSlash(d.Final.Model)))
	}
	return list, nil
}

// open opens the members and builds the graph.
func (e *ensemble) open(dir string, open Opener) error {
	n := len(e.d.Members)
	for i, described := range e.d.Members {
		m := &member{Member: described, index: i, of: n, prefix: fmt.Sprintf("member-%d/", i)}
		e.members = append(e.members, m)
		if err := m.open(dir, open); err != nil {
			return err
		}
	}
	if e.d.Final != nil {
		e.final = &member{Member: Member{Model: e.d.Final.Model}, index: -1, of: n, prefix: "final/"}
		if err := e.final.open(dir, open); err != nil {
			return err
		}
	}
	return e.build()
}

// build puts the graph and its plan together.
func (e *ensemble) build() error {
	inputs, err := agreed(e.members)
	if err != nil {
		return err
	}
	if err := e.reserved(inputs); err != nil {
		return err
	}
	g := newMerged(e.members, e.final, inputs)
	answers := make([]string, len(e.members))
	for i, m := range e.members {
		output, err := m.output(e.d.Combine == Vote)
		if err != nil {
			return err
		}
		if answers[i], err = g.addMember(m, output); err != nil {
			return err
		}
	}
	for i, m := range e.members {
		if answers[i], err = g.answer(m, answers[i]); err != nil {
			return err
		}
	}
	outputs, err := e.combine(g, answers)
	if err != nil {
		return err
	}
	e.plan = g.plan()
	e.in = &partition.Model{Graph: g.graph, Values: g.values, Signature: manifest.Signature{Inputs: inputs, Outputs: outputs}, Sources: e.sources(),
		Engine: native.Name, Dims: dims, Read: g.read}
	return nil
}

// reserved refuses inputs whose names are taken: the output's, and those of the members' values.
func (e *ensemble) reserved(inputs []manifest.Input) error {
	prefixes := []string{own}
	for _, m := range e.all() {
		prefixes = append(prefixes, m.prefix)
	}
	for _, in := range inputs {
		taken := in.Name == prediction && e.d.Combine != Stack || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(in.Name, p) })
		if taken {
			return e.members[0].wrong("the name of its input", "one that is not "+prediction+" and begins with none of "+strings.Join(prefixes, ", "), in.Name, "give the input another name")
		}
	}
	return nil
}

// declare is the signature of an output of the graph.
func (e *ensemble) declare(g *merged, name string) manifest.Output {
	v := g.values[name]
	return manifest.Output{Name: name, DType: v.DType, Shape: dims(v.Dims), Default: true, Rules: map[string]manifest.Rule{partition.Mode: partition.Rule(v.DType)}}
}

// sources are the description and the files of all models, each once.
func (e *ensemble) sources() []manifest.Source {
	out := []manifest.Source{{File: e.base, Importer: importer, Library: Format}}
	for _, m := range e.all() {
		for _, s := range m.sources() {
			if !slices.ContainsFunc(out, func(o manifest.Source) bool { return o.File == s.File }) {
				out = append(out, s)
			}
		}
	}
	return out
}

// all are the members and the second model.
func (e *ensemble) all() []*member {
	if e.final == nil {
		return e.members
	}
	return append(slices.Clone(e.members), e.final)
}

// Close implements layout.Model.
func (e *ensemble) Close() error {
	var err error
	for _, m := range e.all() {
		if m.model != nil {
			err = errors.Join(err, m.model.Close())
		}
	}
	return err
}

// Layout implements layout.Model: every member is a shard.
func (e *ensemble) Layout(ctx context.Context, o layout.Options) (*layout.Layout, error) {
	n := len(e.members)
	switch {
	case o.Latency > 0 || o.MaxCost > 0 || o.Plan != "":
		return nil, &layout.RefusalError{Subject: e.base, Reason: "is an ensemble, which has one plan: every member a shard, in one round", Remedy: "give --shards or --memory alone"}
	case o.Shards > 0 && o.Shards != n:
		return nil, &layout.RefusalError{Subject: fmt.Sprintf("%d shards", o.Shards), Reason: "the ensemble has " + counted(n) + ", and each is a shard", Remedy: fmt.Sprintf("give --shards %d, or --memory", n)}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := partition.Lay(e.in, e.plan, o)
	if err != nil {
		return nil, err
	}
	if o.MemoryMB == 0 {
		return l, nil
	}
	for i, s := range l.Manifest.Shards {
		if need := partition.Need(s.Memory); need > int64(o.MemoryMB)<<20 {
			return nil, e.members[i].wrong("its memory", fmt.Sprintf("%d MB at most", o.MemoryMB), fmt.Sprintf("%d MB", (need+1<<20-1)>>20), "give more memory; a member is not cut")
		}
	}
	return l, nil
}

// Survey estimates the ensemble's plan at several sizes of functions and picks one by the wish. What cannot be met is a *layout.RefusalError.
func (e *ensemble) Survey(o plan.Options, w plan.Wish) (*plan.Survey, error) {
	return plan.Given(e.in, Kind, e.plan, o, w)
}

// counted is a number of members in words.
func counted(n int) string {
	if n == 1 {
		return "1 member"
	}
	return fmt.Sprintf("%d members", n)
}
