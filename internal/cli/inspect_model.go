package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// modelFacts is the document of inspect MODEL --json.
type modelFacts struct {
	Format     string             `json:"format"`
	Library    string             `json:"library,omitempty"`
	Signature  manifest.Signature `json:"signature"`
	Parameters int64              `json:"parameters"`
	Bytes      int64              `json:"bytes"`
	MinShards  int                `json:"min_shards,omitempty"` // when it is not 1
	MaxShards  *int               `json:"max_shards,omitempty"` // absent when it is not reckoned
	Weightless string             `json:"weightless,omitempty"` // what the file is when it cannot be split because it has no weights
	Facts      []factPair         `json:"facts,omitempty"`
	Operators  map[string]int     `json:"operators,omitempty"`
	Before     map[string]int     `json:"operators_before,omitempty"` // the graph was optimised
	Optimised  []change           `json:"optimised,omitempty"`
	Largest    []largest          `json:"largest,omitempty"`
	DTypes     map[string]int64   `json:"dtypes,omitempty"`
	NotCovered []uncovered        `json:"not_covered,omitempty"`
}

type uncovered struct {
	Operator  string `json:"operator"`
	Nodes     int    `json:"nodes"`
	FirstNode string `json:"first_node"`
	Reason    string `json:"reason"`
	Remedy    string `json:"remedy"`
}

// change is one kind of rewriting and how many nodes it concerned.
type change struct {
	Kind  string `json:"kind"`
	Nodes int    `json:"nodes"`
}

func changesOf(list []layout.Change) []change {
	var out []change
	for _, c := range list {
		out = append(out, change{c.Kind, c.Nodes})
	}
	return out
}

type factPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type largest struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
}

func modelFactsOf(i layout.Info) *modelFacts {
	f := &modelFacts{Format: i.Format, Library: i.Library, Signature: i.Signature, Parameters: i.Parameters, Bytes: i.Bytes,
		Operators: i.Operators, Before: i.Before, DTypes: i.Dtypes, MinShards: i.MinShards, Weightless: i.Weightless}
	f.Optimised = changesOf(i.Optimised)
	for _, u := range i.Opaque {
		f.NotCovered = append(f.NotCovered, uncovered{u.Operator, u.Nodes, u.First, u.Reason, u.Remedy})
	}
	if i.MaxShards != layout.NotReckoned {
		f.MaxShards = &i.MaxShards
	}
	for _, x := range i.Facts {
		f.Facts = append(f.Facts, factPair(x))
	}
	if f.Signature.Inputs == nil { // a model that is not understood: [] in JSON, not null
		f.Signature.Inputs = []manifest.Input{}
	}
	if f.Signature.Outputs == nil {
		f.Signature.Outputs = []manifest.Output{}
	}
	for _, t := range i.Largest {
		f.Largest = append(f.Largest, largest{t.Name, cmp.Or(t.Opaque, t.DType.String()), append([]int{}, t.Shape...)})
	}
	return f
}

// lines tells the facts to people.
func (f *modelFacts) lines() []string {
	rows := [][]string{{"format", f.Format}}
	if f.Library != "" {
		rows = append(rows, []string{"written by", f.Library})
	}
	rows = append(rows,
		[]string{"size", fmt.Sprintf("%s, %s in memory", count(f.Parameters, "learned value"), size(f.Bytes))},
		[]string{"can be cut into", f.cuts()})
	for _, x := range f.Facts {
		rows = append(rows, []string{x.Name, cut(x.Value, maxFact)})
	}
	if len(f.Before) > 0 {
		rows = append(rows, []string{"operators before", tally(f.Before)})
	}
	if len(f.Operators) > 0 {
		rows = append(rows, []string{"operators", tally(f.Operators)})
	}
	for _, u := range f.NotCovered { // reasons are read to the end
		rows = append(rows, []string{notCovered, fmt.Sprintf("%s, %s, the first %s: %s; %s", u.Operator, count(int64(u.Nodes), "node"), u.FirstNode, u.Reason, u.Remedy)})
	}
	if len(f.DTypes) > 1 {
		rows = append(rows, []string{"bytes by dtype", f.bytesByDType()})
	}
	lines := columns(rows, "")
	lines = append(lines, signatureLines(f.Signature)...)
	if len(f.Largest) > 0 {
		lines = append(lines, "largest tensors")
		var table [][]string
		for _, t := range f.Largest {
			table = append(table, []string{t.Name, t.DType, fmt.Sprint(t.Shape)})
		}
		lines = append(lines, columns(table, "  ")...)
	}
	return lines
}

// bytesByDType lists the weights' bytes, the most first.
func (f *modelFacts) bytesByDType() string {
	names := slices.SortedFunc(maps.Keys(f.DTypes), func(a, b string) int {
		return cmp.Or(cmp.Compare(f.DTypes[b], f.DTypes[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", size(f.DTypes[name]), name)
	}
	return strings.Join(names, ", ")
}

// notCovered is the fact that says why a model cannot be split.
const notCovered = "not covered"

// cuts says into how many shards the model can be cut.
func (f *modelFacts) cuts() string {
	switch {
	case f.Weightless != "":
		return fmt.Sprintf("nothing, it is %s: plan explores it, split wants the model itself", f.Weightless)
	case f.MaxShards == nil:
		return "not reckoned, the graph is large: split finds a plan or says how many shards are the most"
	case *f.MaxShards == 0:
		return "no shards by the native engine; split takes ONNX Runtime where that has the operators"
	case *f.MaxShards == 1:
		return "1 shard only"
	case *f.MaxShards == f.MinShards:
		return count(int64(f.MinShards), "shard") + ", no other number"
	}
	return "1 to " + count(int64(*f.MaxShards), "shard")
}

// maxFact is how much of a fact people see; --json has it all.
const maxFact = 90

// cut shortens a text to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-3]) + "..."
}

func tally(n map[string]int) string {
	var names []string
	for k := range n {
		names = append(names, k)
	}
	slices.Sort(names)
	for i, k := range names {
		names[i] = fmt.Sprintf("%d %s", n[k], k)
	}
	return strings.Join(names, ", ")
}

// maxFeatures is how many feature names are listed.
const maxFeatures = 6

// signatureLines shows inputs and outputs.
func signatureLines(s manifest.Signature) []string {
	var lines []string
	if len(s.Inputs) > 0 {
		lines = append(lines, "inputs")
	}
	var rows [][]string
	for _, in := range s.Inputs {
		row := []string{in.Name, in.DType.String() + shapeText(in.Shape)}
		var notes []string
		if in.Missing {
			notes = append(notes, "missing values allowed")
		}
		for _, d := range in.Accepts {
			notes = append(notes, "accepts "+d.String())
		}
		if len(in.Features) > 0 {
			notes = append(notes, "features "+featureText(in.Features))
		}
		rows = append(rows, append(row, strings.Join(notes, "; ")))
	}
	lines = append(lines, columns(rows, "  ")...)
	if len(s.Outputs) > 0 {
		lines = append(lines, "outputs")
	}
	rows = nil
	for _, o := range s.Outputs {
		note := "on request"
		if o.Default {
			note = "by default"
		}
		rows = append(rows, []string{o.Name, o.DType.String() + shapeText(o.Shape), note})
	}
	return append(lines, columns(rows, "  ")...)
}

func shapeText(shape []manifest.Dim) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = d.Name
		if d.Name == "" {
			parts[i] = fmt.Sprint(d.Size)
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func featureText(list []manifest.Feature) string {
	var names []string
	for i, f := range list {
		if i == maxFeatures {
			names = append(names, fmt.Sprintf("... %d in all", len(list)))
			break
		}
		if f.Kind == "categorical" {
			names = append(names, f.Name+" (categorical)")
		} else {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, ", ")
}
