//go:build onnxruntime

package onnxruntime

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
)

// Engine runs programs with ONNX Runtime. The library is loaded when the first program is compiled: a function whose
// programs are all native does not pay for it. It is immutable and safe for concurrent use.
type Engine struct{ library string }

// New makes the engine. Library is the path of the shared library, "" for the usual places: beside the program, in lib
// beside it, and /opt/lib. All engines of a process share the library that was loaded first.
func New(library string) *Engine { return &Engine{library: library} }

// Name implements engine.Engine: it is the constant Name in every binary that has the engine.
func (*Engine) Name() string { return Name }

// directory is where external weights lie; the Weights of a graph that has such weights must tell it.
type directory interface{ Dir() string }

// Compile implements engine.Engine. Weights in files are read once, which checks them, and then mapped by the library
// from w's Dir. The library uses as many threads as Go does (runtime.GOMAXPROCS). The error is an
// *engine.UnsupportedError for what the library does not cover, a *LibraryError when it is not there.
func (e *Engine) Compile(g *graph.Graph, w engine.Weights) (engine.Program, error) {
	for _, n := range g.Nodes {
		if err := Refuses(n); err != nil {
			return nil, err
		}
	}
	if err := load(e.library); err != nil {
		return nil, err
	}
	p := &program{graph: g, sessions: map[string]*session{}, mu: &sync.Mutex{}}
	for _, v := range g.Outputs {
		p.order = append(p.order, v.Name)
	}
	var err error
	if p.dir, err = check(g, w); err == nil {
		_, err = p.sessionFor(p.order)
	}
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", g.Name, err)
	}
	return p, nil
}

// check reads every weight that lies in a file and returns the directory of those files.
func check(g *graph.Graph, w engine.Weights) (dir string, err error) {
	for name, weight := range g.Weights {
		if weight.Location == "" {
			continue
		}
		d, ok := w.(directory)
		if !ok {
			return "", fmt.Errorf("constant %q lies in %q, and the weights that were given tell no directory", name, weight.Location)
		}
		dir = d.Dir()
		if _, err := w.Weight(name); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// The library's own words for what it does not cover. The first group is the operator, where it is told.
var (
	noOperator = regexp.MustCompile(`(?:No Op registered for|Could not find an implementation for) (?:[a-z.]+[.:])?([A-Za-z0-9]+)`)
	noFunction = regexp.MustCompile(`([A-Za-z0-9]+)\(-?\d+\) is not a registered function/op`)
	noType     = regexp.MustCompile(`Type '[^']*' of input parameter \([^)]*\) of operator \(([A-Za-z0-9]+)\)`)
	noOpset    = regexp.MustCompile(`is under development and support for this is limited`)
)

// explain makes a refusal of what the library says that it does not cover.
func explain(err error, g *graph.Graph) error {
	text := err.Error()
	for _, pattern := range []*regexp.Regexp{noOperator, noFunction, noType} {
		m := pattern.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		u := &engine.UnsupportedError{Op: m[1], Reason: strings.TrimSpace(text)}
		if i := slices.IndexFunc(g.Nodes, func(n *graph.Node) bool { return n.Op == m[1] }); i >= 0 {
			u.Node, u.Domain = g.Nodes[i].Name, g.Nodes[i].Domain
		}
		return u
	}
	if noOpset.MatchString(text) && len(g.Nodes) > 0 {
		n := g.Nodes[0]
		return &engine.UnsupportedError{Node: n.Name, Domain: n.Domain, Op: n.Op, Reason: strings.TrimSpace(text)}
	}
	return err
}
