package ensemble

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/program"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// merged is the graph of all members and of what combines them, in the making.
type merged struct {
	graph   *graph.Graph
	values  map[string]graph.Value
	inputs  []manifest.Input
	members []*member // and the second model, once it is added
	pieces  []program.Piece
}

// newMerged begins with the inputs. The graph's operator sets are the second model's, or of each domain the newest of the members': the nodes that combine
// are in both.
func newMerged(members []*member, final *member, inputs []manifest.Input) *merged {
	g := &merged{graph: &graph.Graph{Name: "ensemble", Opsets: map[string]int64{}, Weights: map[string]*graph.Weight{}}, values: map[string]graph.Value{}, inputs: inputs}
	for _, m := range members {
		for domain, v := range m.in.Graph.Opsets {
			g.graph.Opsets[domain] = max(g.graph.Opsets[domain], v)
		}
	}
	if final != nil {
		maps.Copy(g.graph.Opsets, final.in.Graph.Opsets)
	}
	for _, in := range inputs {
		first := members[0]
		v := first.typeOf(first.input(in.Name).Name)
		v.Name = in.Name
		g.graph.Inputs = append(g.graph.Inputs, v)
		g.values[v.Name] = v
	}
	return g
}

// add adds the part of a model's graph that its outputs need. Its inputs are read under the names that input gives; all other names get its prefix.
func (g *merged) add(m *member, input map[string]string, outputs ...string) (nodes []int, err error) {
	g.members = append(g.members, m)
	to := func(name string) string {
		switch other, ok := input[name]; {
		case name == "":
			return ""
		case ok:
			return other
		}
		return m.prefix + name
	}
	read := map[string]bool{}
	for _, i := range needed(m.in.Graph, outputs) {
		n := m.in.Graph.Nodes[i].Clone()
		if err := m.hides(n, input); err != nil {
			return nil, err
		}
		for _, in := range sharding.Reads(n) {
			read[in] = true
		}
		for o, name := range n.Outputs {
			if name != "" {
				n.Outputs[o] = to(name)
				g.value(m, name, to(name))
			}
		}
		n.Rename(to)
		n.Name = m.prefix + n.Name
		bodyWeights(n, m.prefix)
		nodes = append(nodes, len(g.graph.Nodes))
		g.graph.Nodes = append(g.graph.Nodes, n)
	}
	for name, w := range m.in.Graph.Weights {
		if read[name] {
			c := *w
			c.Name = m.prefix + w.Name
			g.graph.Weights[to(name)] = &c
			g.value(m, name, to(name))
		}
	}
	return nodes, nil
}

// value enters the type of a member's value under its new name.
func (g *merged) value(m *member, name, as string) {
	v := m.typeOf(name)
	v.Name = as
	g.values[as] = v
}

// needed are the nodes, ascending, that the outputs need.
func needed(g *graph.Graph, outputs []string) []int {
	want := map[string]bool{}
	for _, o := range outputs {
		want[o] = true
	}
	var out []int
	for i, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Outputs, func(o string) bool { return o != "" && want[o] }) {
			continue
		}
		out = append(out, i)
		for _, in := range sharding.Reads(n) {
			want[in] = true
		}
	}
	slices.Reverse(out)
	return out
}

// hides refuses a node in whose bodies an input of the ensemble would mean something else.
func (m *member) hides(n *graph.Node, input map[string]string) error {
	for b := range n.Bodies() {
		for g := range b.All() {
			own := g.Defines()
			for name, other := range input {
				if name != other && own[other] {
					return m.wrong("the body of node "+n.Name, "no value that is called as the ensemble's input", fmt.Sprintf("%q", other), "give the members' inputs one name")
				}
			}
		}
	}
	return nil
}

// bodyWeights gives weights that bodies hold the member's prefix in files. Their names inside the body stay.
func bodyWeights(n *graph.Node, prefix string) {
	for b := range n.Bodies() {
		for g := range b.All() {
			for _, w := range g.Weights {
				w.Name = prefix + w.Name
			}
		}
	}
}

// addMember adds a member as a piece of its own and returns its output's name in the graph.
func (g *merged) addMember(m *member, output graph.Value) (string, error) {
	input := map[string]string{}
	for _, in := range g.inputs {
		input[m.input(in.Name).Name] = in.Name
	}
	nodes, err := g.add(m, input, output.Name)
	if err != nil {
		return "", err
	}
	if len(nodes) == 0 {
		return "", m.wrong("output "+output.Name, "something computed", "an input or a constant", "")
	}
	p := program.Piece{Nodes: nodes, At: len(g.pieces)}
	for domain, v := range m.in.Graph.Opsets {
		if g.graph.Opsets[domain] != v {
			p.Opsets = m.in.Graph.Opsets
		}
	}
	g.pieces = append(g.pieces, p)
	return m.prefix + output.Name, nil
}

// read gives the bytes of a weight: those of a member's from its file.
func (g *merged) read(w *graph.Weight) (io.ReaderAt, error) {
	for _, m := range g.members {
		if name, ok := strings.CutPrefix(w.Name, m.prefix); ok {
			c := *w
			c.Name = name
			return m.in.Read(&c)
		}
	}
	return bytes.NewReader(w.Data), nil
}

// plan is one round over all members.
func (g *merged) plan() *partition.Plan {
	p := &partition.Plan{Graph: sharding.New(g.graph, g.values), Shards: len(g.pieces)}
	st := partition.Stage{Pieces: g.pieces}
	for s := range g.pieces {
		st.Shards = append(st.Shards, s)
	}
	p.Stages = []partition.Stage{st}
	return p
}

// dims translates dimensions of the graph.
func dims(list []graph.Dim) []manifest.Dim {
	out := make([]manifest.Dim, len(list))
	for i, d := range list {
		switch {
		case d.Size >= 0:
			out[i].Size = d.Size
		case d.Symbol == "":
			out[i].Name = fmt.Sprintf("unknown_%d", i)
		default:
			out[i].Name = d.Symbol
		}
	}
	return out
}
