package ensemble

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// agreed are the inputs that all members take: as the first has them, with what the others add or restrict. A member that takes others is a *MemberError.
func agreed(members []*member) ([]manifest.Input, error) {
	inputs := slices.Clone(members[0].in.Signature.Inputs)
	for i := range inputs {
		inputs[i].Accepts = slices.Clone(inputs[i].Accepts)
	}
	for _, m := range members[1:] {
		own := m.in.Signature.Inputs
		if len(own) != len(inputs) {
			return nil, m.wrong("its inputs", names(inputs), names(own), "")
		}
		for i := range inputs {
			other := m.input(inputs[i].Name)
			if other == nil {
				return nil, m.wrong("its inputs", names(inputs), names(own), "only models of a single input may give it another name")
			}
			if err := m.agree(&inputs[i], other); err != nil {
				return nil, err
			}
		}
	}
	return inputs, nil
}

// input is the member's input for the ensemble's of that name. A single one may have any name.
func (m *member) input(name string) *manifest.Input {
	own := m.in.Signature.Inputs
	if len(own) == 1 {
		return &own[0]
	}
	if i := slices.IndexFunc(own, func(in manifest.Input) bool { return in.Name == name }); i >= 0 {
		return &own[i]
	}
	return nil
}

// agree compares the member's input with the ensemble's. Values that are missing are legal where every member takes them.
func (m *member) agree(in, other *manifest.Input) error {
	what := func(of string) string { return fmt.Sprintf("the %s of input %s", of, other.Name) }
	if in.DType != other.DType {
		return m.wrong(what("dtype"), in.DType.String(), other.DType.String(), "convert the members with one type of input")
	}
	if !slices.EqualFunc(in.Shape, other.Shape, alike) {
		return m.wrong(what("shape"), dimsText(in.Shape), dimsText(other.Shape), "")
	}
	in.Accepts = slices.DeleteFunc(in.Accepts, func(d tensor.DType) bool { return !slices.Contains(other.Accepts, d) })
	in.Missing = in.Missing && other.Missing
	switch {
	case numbered(other.Features):
	case numbered(in.Features):
		in.Features = other.Features
	default:
		for i, f := range in.Features {
			if o := other.Features[i]; f.Name != o.Name || (f.Kind == "categorical") != (o.Kind == "categorical") {
				return m.wrong(fmt.Sprintf("feature %d of input %s", i, other.Name), featureText(f), featureText(o), "train all members on the same columns, in one order")
			}
		}
	}
	return nil
}

// alike reports whether two dimensions are: of symbols only the rows have to be.
func alike(a, b manifest.Dim) bool {
	return a == b || a.Name != "" && b.Name != "" && a.Name != manifest.Batch && b.Name != manifest.Batch
}

// numbered reports whether the features have no names of their own: none, or f0, f1 and so on, which stand in for them. Categories are more than a number.
func numbered(list []manifest.Feature) bool {
	for i, f := range list {
		if f.Name != fmt.Sprintf("f%d", i) || f.Kind == "categorical" {
			return false
		}
	}
	return true
}

func featureText(f manifest.Feature) string {
	if f.Kind == "categorical" {
		return fmt.Sprintf("%q, categorical", f.Name)
	}
	return fmt.Sprintf("%q", f.Name)
}

func names(inputs []manifest.Input) string {
	var list []string
	for _, in := range inputs {
		list = append(list, in.Name)
	}
	return strings.Join(list, ", ")
}

func dimsText(dims []manifest.Dim) string {
	var parts []string
	for _, d := range dims {
		parts = append(parts, d.String())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
