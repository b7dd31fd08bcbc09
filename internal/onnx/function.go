package onnx

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/graph"
)

// Function is a function that the file itself defines.
type Function struct {
	Domain, Name, Overload string
	// Calls counts the nodes that called it, in graphs, bodies and functions, and were replaced by its nodes.
	Calls int
	// Kept says why its calls stay in the graph, as nodes of an operator that nothing defines; it is empty when they were
	// replaced.
	Kept string
}

// String is the function's full name.
func (f *Function) String() string {
	name := f.Name
	if f.Domain != "" {
		name = f.Domain + "." + f.Name
	}
	if f.Overload != "" {
		name += ":" + f.Overload
	}
	return name
}

// Called reports whether the node is a call of the function.
func (f *Function) Called(n *graph.Node) bool {
	return n.Op == f.Name && n.Domain == f.Domain && n.Overload == f.Overload
}

// function is a FunctionProto.
type function struct {
	Function
	off             int64
	inputs, outputs []string
	attrs           []string              // without a default
	defaults        map[string]graph.Attr // of the others
	opsets          map[string]int64
	nodes           []*graph.Node
}

func (p *parser) function(f field) error {
	if err := p.c.item(f, "model.functions"); err != nil {
		return err
	}
	fn := &function{off: f.off, opsets: map[string]int64{}}
	err := p.c.each(f.body, "model.functions", func(f field) (err error) {
		switch f.num {
		case functionName:
			fn.Name, err = p.c.text(f, "functions.name")
		case functionDomain:
			fn.Domain, err = p.c.text(f, "functions.domain")
			fn.Domain = canonicalDomain(fn.Domain)
		case functionOverload:
			fn.Overload, err = p.c.text(f, "functions.overload")
		case functionInput:
			err = p.appendText(f, "functions.input", &fn.inputs)
		case functionOutput:
			err = p.appendText(f, "functions.output", &fn.outputs)
		case functionAttr:
			err = p.appendText(f, "functions.attribute", &fn.attrs)
		case functionAttrProto:
			err = p.attribute(f, &fn.defaults, 0)
		case functionOpset:
			err = p.opset(f, "functions.opset_import", fn.opsets)
		case functionNode:
			var n *graph.Node
			n, err = p.node(f, 0)
			fn.nodes = append(fn.nodes, n)
		}
		return err
	})
	p.functions = append(p.functions, fn)
	return err
}

// fault is a FormatError about the function.
func (f *function) fault(format string, args ...any) error {
	return &FormatError{Offset: f.off, Field: "model.functions " + strconv.Quote(f.String()), Reason: fmt.Sprintf(format, args...)}
}

// functionKey is what a call names.
type functionKey struct{ domain, name, overload string }

// indexFunctions finds functions by what calls name, and refuses doubles and functions that call themselves.
func indexFunctions(list []*function) (map[functionKey]*function, error) {
	byKey := make(map[functionKey]*function, len(list))
	for _, f := range list {
		key := functionKey{f.Domain, f.Name, f.Overload}
		if byKey[key] != nil || f.Name == "" {
			return nil, f.fault("its name is empty or stands twice")
		}
		byKey[key] = f
	}
	s := &callSearch{byKey: byKey, done: map[*function]bool{}}
	for _, f := range list {
		if err := s.visit(f); err != nil {
			return nil, err
		}
	}
	return byKey, nil
}

// callSearch walks calls depth first.
type callSearch struct {
	byKey map[functionKey]*function
	done  map[*function]bool
	stack []*function
}

func (s *callSearch) visit(f *function) error {
	if s.done[f] {
		return nil
	}
	for i, g := range s.stack {
		if g == f {
			var names []string
			for _, g := range append(s.stack[i:], f) {
				names = append(names, g.String())
			}
			return f.fault("it calls itself: %s", strings.Join(names, " -> "))
		}
	}
	if len(s.stack) == maxDepth {
		return f.fault("functions call each other more than %d deep", maxDepth)
	}
	s.stack = append(s.stack, f)
	err := s.calls(f.nodes)
	s.stack = s.stack[:len(s.stack)-1]
	s.done[f] = true
	return err
}

func (s *callSearch) calls(nodes []*graph.Node) error {
	for _, n := range nodes {
		if f := s.byKey[functionKey{n.Domain, n.Op, n.Overload}]; f != nil {
			if err := s.visit(f); err != nil {
				return err
			}
		}
		for b := range n.Bodies() {
			if err := s.calls(b.Nodes); err != nil {
				return err
			}
		}
	}
	return nil
}
