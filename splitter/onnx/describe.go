package onnx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine/native"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/plan"
)

// maxLargest is how many of the largest tensors are named.
const maxLargest = 10

// describe gathers what inspect shows.
func (m *model) describe() layout.Info {
	info := layout.Info{Format: "onnx", Library: library(m.scanned), Dtypes: map[string]int64{}}
	info.Operators = count(m.net.graph)
	if m.net.done.Any() {
		info.Before = m.net.before
	}
	info.Optimised = m.net.changes()
	tally := m.weights(&info)
	tally.inAttributes = m.attributeValues(&info)
	info.Opaque = m.net.uncovered()
	info.Facts = m.facts(tally)
	info.Signature = m.net.shown()
	if in, err := m.input(m.net); err == nil && m.net.refusal(native.Name) == nil {
		info.MaxShards = layout.NotReckoned
		if m.net.planWork() <= maxPlanWork {
			info.MaxShards = plan.MaxShards(in)
		}
	}
	return info
}

// maxPlanWork bounds the search for plans that describe waits for. A chain of 700 products by vectors, each followed by an
// activation, is at the bound, and takes some seconds; so is a graph of 2,000 nodes of which 500 read a weight.
const maxPlanWork = 1 << 20

// planWork is what a search for plans grows with: from each node that reads a weight a cut may reach all others, and every
// node has a bit for each node before it.
func (n *net) planWork() int {
	weighted := 0
	for _, node := range n.graph.Nodes {
		if slices.ContainsFunc(node.Inputs, func(in string) bool { w := n.graph.Weights[in]; return w != nil && len(w.Shape) > 0 }) {
			weighted++
		}
	}
	return (weighted + len(n.graph.Nodes)/64) * len(n.graph.Nodes)
}

// operator is the operator's full name.
func operator(n *graph.Node) string {
	if n.Domain == "" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// tally counts weights.
type tally struct {
	weights, inBodies int
	inBodiesBytes     int64
	readers           map[string]int   // by weight of the graph: inputs that read it
	inAttributes      map[string]int64 // by operator: learned values in attributes
}

// weights enters the weights of the graph and of all bodies.
func (m *model) weights(info *layout.Info) tally {
	t := tally{readers: map[string]int{}}
	for g := range m.net.graph.All() {
		for name, w := range g.Weights {
			bytes, err := w.Bytes()
			if err != nil {
				continue // attach refused it already
			}
			t.weights++
			if g != m.net.graph {
				t.inBodies, t.inBodiesBytes = t.inBodies+1, t.inBodiesBytes+bytes
			}
			info.Bytes += bytes
			info.Dtypes[w.Type()] += bytes
			if n, err := w.Shape.Elements(); err == nil && (w.DType.Float() || w.Opaque != nil) {
				info.Parameters += int64(n)
			}
			info.Largest = append(info.Largest, layout.LargestTensor{Name: name, DType: w.DType, Opaque: opaqueType(w), Shape: w.Shape, Bytes: bytes})
		}
	}
	for _, n := range m.net.graph.Nodes {
		for _, name := range reads(n) {
			if m.net.graph.Weights[name] != nil {
				t.readers[name]++
			}
		}
	}
	slices.SortFunc(info.Largest, func(a, b layout.LargestTensor) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	info.Largest = slices.Clone(info.Largest[:min(len(info.Largest), maxLargest)])
	return t
}

func opaqueType(w *graph.Weight) string {
	if w.Opaque == nil {
		return ""
	}
	return w.Opaque.Type
}

// uncovered gathers the nodes that cannot be split by operator, in the order of their first nodes.
func (n *net) uncovered() []layout.Uncovered {
	var out []layout.Uncovered
	at := map[string]int{}
	counted := map[*graph.Node]bool{}
	for _, r := range n.refused {
		op := operator(r.node)
		i, ok := at[op]
		if !ok {
			i = len(out)
			at[op] = i
			out = append(out, layout.Uncovered{Operator: op, First: r.node.Name, Reason: r.why.Reason, Remedy: r.why.Remedy})
		}
		if !counted[r.node] {
			counted[r.node] = true
			out[i].Nodes++
		}
	}
	return out
}

// maxListed is how many functions, files and shared weights are listed by name.
const maxListed = 10

func (m *model) facts(t tally) []layout.Fact {
	facts := []layout.Fact{{Name: "IR version", Value: fmt.Sprint(m.scanned.IRVersion)}}
	add := func(name, format string, args ...any) {
		facts = append(facts, layout.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	for _, domain := range sorted(m.net.graph.Opsets) {
		name := domain
		if name == "" {
			name = "ai.onnx"
		}
		add("operator set "+name, "%d", m.net.graph.Opsets[domain])
	}
	m.functionFacts(add)
	if m.net.bodies > 0 {
		add("subgraphs", "%d inside nodes, with %d weights of %d bytes", m.net.bodies, t.inBodies, t.inBodiesBytes)
	}
	attributesFact(t.inAttributes, add)
	for _, r := range m.net.foreign {
		add("not a tensor", "%s: %s", r.Subject, r.Reason)
	}
	if len(m.net.refused)+len(m.net.foreign) == 0 {
		if m.net.mixes == "" {
			add("rows", "each stands for itself: batches may be cut")
		} else {
			add("rows", "a batch is never cut: %s", m.net.mixes)
		}
	}
	for _, c := range m.net.changes() {
		add("optimised", "%s", c.Text)
	}
	if m.net.zipMaps > 0 {
		add("ZipMap", "taken away: the output is the tensor of probabilities, columns in the order of the labels")
	}
	for _, op := range sorted(m.net.unfused) {
		add("fused operator", "%s, written as what it is made of (%d times)", op, m.net.unfused[op])
	}
	m.sharedFact(t, add)
	files := m.store.locations()
	for i, location := range files {
		if i == maxListed {
			add("external data", "... and %d more files", len(files)-i)
			break
		}
		add("external data", "%s", location)
	}
	return facts
}

func (m *model) functionFacts(add func(name, format string, args ...any)) {
	for i := range m.scanned.Functions {
		f := &m.scanned.Functions[i]
		switch {
		case i == maxListed:
			add("function", "... and %d more", len(m.scanned.Functions)-i)
			return
		case f.Kept != "":
			add("function", "%s, not replaced by its nodes: %s", f, f.Kept)
		default:
			add("function", "%s, replaced by its nodes where it was called (%d times)", f, f.Calls)
		}
	}
}

// sharedFact names weights that several nodes read or that the file has several names for.
func (m *model) sharedFact(t tally, add func(name, format string, args ...any)) {
	var names []string
	for _, name := range sorted(t.readers) {
		if w := m.net.graph.Weights[name]; t.readers[name] > 1 && w.Data == nil && w.Strings == nil {
			names = append(names, fmt.Sprintf("%s (read %d times)", name, t.readers[name]))
		}
	}
	if len(names) > maxListed {
		names = append(names[:maxListed], fmt.Sprintf("... %d in all", len(names)))
	}
	if len(names) > 0 {
		add("shared weights", "%s", strings.Join(names, ", "))
	}
	if m.net.shared > 0 {
		add("aliases", "%d more names for the bytes of other weights, counted and shipped once", m.net.shared)
	}
}
