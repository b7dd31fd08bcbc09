package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/splitter/layout"
)

// order names the nodes that have no name and puts them into topological order, which keeps the file's where it is one, in
// the graph and in every body.
func order(g *graph.Graph) error {
	made := 0
	for b := range g.All() {
		if err := once(b); err != nil {
			return err
		}
		for _, n := range b.Nodes {
			if n.Name == "" {
				n.Name = fmt.Sprintf("%s_%d", n.Op, made)
			}
			made++
		}
		// What a body does not define itself comes from around it; there it is the node's that holds the body to wait for.
		known := func(string) bool { return false }
		if b != g {
			own := b.Defines()
			known = func(name string) bool { return !own[name] }
		}
		if err := sortNodes(b, known); err != nil {
			return err
		}
	}
	return nil
}

// once refuses values that are defined twice.
func once(g *graph.Graph) error {
	defined := make(map[string]bool, len(g.Nodes)+len(g.Weights)+len(g.Inputs))
	for name := range g.Weights {
		defined[name] = true
	}
	inputs := map[string]bool{}
	for _, v := range g.Inputs {
		if inputs[v.Name] || v.Name == "" {
			return &layout.RefusalError{Subject: fmt.Sprintf("input %q", v.Name), Reason: "the name is empty or stands twice", Remedy: remedyCheck}
		}
		inputs[v.Name], defined[v.Name] = true, true
	}
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			if o != "" && defined[o] {
				return &layout.RefusalError{Subject: subject(n), Reason: fmt.Sprintf("the value %q is defined twice", o), Remedy: remedyCheck}
			}
			defined[o] = true
		}
	}
	return nil
}

// sorter puts nodes behind those whose values they read, in one pass over all inputs.
type sorter struct {
	known   map[string]bool
	waiting map[string][]*graph.Node // by the value that they wait for
	missing map[*graph.Node]int      // values that a waiting node waits for
	sorted  []*graph.Node
}

// reads are the values that a node needs: its inputs and what its bodies capture.
func reads(n *graph.Node) []string {
	if !n.HasBodies() {
		return n.Inputs
	}
	return append(slices.Clone(n.Inputs), n.Captures()...)
}

func sortNodes(g *graph.Graph, outer func(string) bool) error {
	s := &sorter{known: map[string]bool{"": true}, waiting: map[string][]*graph.Node{}, missing: map[*graph.Node]int{}, sorted: make([]*graph.Node, 0, len(g.Nodes))}
	for name := range g.Weights {
		s.known[name] = true
	}
	for _, v := range g.Inputs {
		s.known[v.Name] = true
	}
	for _, n := range g.Nodes {
		for _, name := range reads(n) {
			if !s.known[name] && !outer(name) {
				if list := s.waiting[name]; len(list) > 0 && list[len(list)-1] == n { // it reads the value twice
					continue
				}
				s.waiting[name] = append(s.waiting[name], n)
				s.missing[n]++
			}
		}
		if s.missing[n] == 0 {
			s.take(n)
		}
	}
	if len(s.sorted) < len(g.Nodes) {
		return s.stuck(g)
	}
	g.Nodes = s.sorted
	return nil
}

// take adds a node, and those that waited for it alone.
func (s *sorter) take(first *graph.Node) {
	for ready := []*graph.Node{first}; len(ready) > 0; ready = ready[1:] {
		n := ready[0]
		s.sorted = append(s.sorted, n)
		delete(s.missing, n)
		for _, o := range n.Outputs {
			s.known[o] = true
			for _, w := range s.waiting[o] {
				if s.missing[w]--; s.missing[w] == 0 {
					ready = append(ready, w)
				}
			}
			delete(s.waiting, o)
		}
	}
}

// stuck says why the nodes that are left cannot be sorted: a name that nothing defines, or a cycle.
func (s *sorter) stuck(g *graph.Graph) error {
	producer := map[string]int64{}
	for i, n := range g.Nodes {
		for _, o := range n.Outputs {
			producer[o] = int64(i)
		}
	}
	edges := simple.NewDirectedGraph()
	for i, n := range g.Nodes {
		if s.missing[n] == 0 {
			continue
		}
		for _, name := range reads(n) {
			from, defined := producer[name]
			switch {
			case s.known[name] || len(s.waiting[name]) == 0:
			case !defined:
				what := "its input"
				if !slices.Contains(n.Inputs, name) {
					what = "what its body reads,"
				}
				return &layout.RefusalError{Subject: subject(n), Reason: fmt.Sprintf("%s %q is defined nowhere", what, name), Remedy: remedyCheck}
			case from == int64(i):
				return &layout.RefusalError{Subject: subject(n), Reason: fmt.Sprintf("its input %q is its own output: the graph has a cycle", name), Remedy: remedyCheck}
			default:
				edges.SetEdge(edges.NewEdge(simple.Node(from), simple.Node(i)))
			}
		}
	}
	_, err := topo.Sort(edges)
	var cycles topo.Unorderable
	if !errors.As(err, &cycles) || len(cycles) == 0 {
		return fmt.Errorf("graph %s: its nodes could not be sorted: %w", g.Name, err)
	}
	var ids []int64
	for _, n := range cycles[0] {
		ids = append(ids, n.ID())
	}
	slices.Sort(ids)
	var names []string
	for i, id := range ids {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("... %d in all", len(ids)))
			break
		}
		names = append(names, g.Nodes[id].Name)
	}
	return &layout.RefusalError{Subject: subject(g.Nodes[ids[0]]), Reason: "the graph has a cycle: each of these nodes waits for another: " + strings.Join(names, ", "), Remedy: remedyCheck}
}

// maxNamed is how many nodes of a cycle are named.
const maxNamed = 8
