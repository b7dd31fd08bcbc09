package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
)

// call is a NodeProto without attributes.
func call(domain, op string, inputs, outputs []string) proto {
	p := proto{}
	for _, in := range inputs {
		p = p.text(nodeInput, in)
	}
	for _, o := range outputs {
		p = p.text(nodeOutput, o)
	}
	return p.text(nodeOp, op).text(nodeDomain, domain)
}

// functionProto is a FunctionProto of the domain f.
func functionProto(name string, inputs, outputs []string, nodes ...proto) proto {
	p := proto{}.text(functionName, name).text(functionDomain, "f")
	for _, in := range inputs {
		p = p.text(functionInput, in)
	}
	for _, o := range outputs {
		p = p.text(functionOutput, o)
	}
	for _, n := range nodes {
		p = p.msg(functionNode, n)
	}
	return p
}

func list(names ...string) []string { return names }

// lines tells a graph's nodes, and those of bodies, one a line.
func lines(g *graph.Graph) []string {
	var out []string
	for _, n := range g.Nodes {
		out = append(out, fmt.Sprintf("%s %v %v", n.Op, n.Inputs, n.Outputs))
		for b := range n.Bodies() {
			for _, l := range lines(b) {
				out = append(out, "  "+l)
			}
			for _, o := range b.Outputs {
				out = append(out, "  -> "+o.Name)
			}
		}
	}
	return out
}

func TestFunctionsAreReplacedByTheirNodes(t *testing.T) {
	body := proto{}.msg(graphNode, call("", "Add", list("a", "t"), list("o"))).msg(graphOutput, proto{}.text(valueName, "o"))
	branch := call("", "If", list("a"), list("b")).msg(nodeAttribute, proto{}.text(attrName, "then_branch").msg(attrGraph, body))
	for name, c := range map[string]struct {
		nodes     []proto
		functions []proto
		want      []string
	}{
		"names of the caller are kept apart": {
			[]proto{call("", "Neg", list("x"), list("t")), call("f", "F", list("t"), list("y")).text(nodeName, "n")},
			[]proto{functionProto("F", list("a"), list("b"), call("", "Abs", list("a"), list("t")), call("", "Exp", list("t"), list("b")))},
			[]string{"Neg [x] [t]", "Abs [t] [n/t]", "Exp [n/t] [y]"}},
		"a function that is called twice": {
			[]proto{call("f", "F", list("x"), list("t")), call("f", "F", list("t"), list("y"))},
			[]proto{functionProto("F", list("a"), list("b"), call("", "Abs", list("a"), list("t")), call("", "Exp", list("t"), list("b")))},
			[]string{"Abs [x] [F/t]", "Exp [F/t] [t]", "Abs [t] [F/t_1]", "Exp [F/t_1] [y]"}},
		"absent inputs and outputs": {
			[]proto{call("f", "F", list("x"), list("", "y"))},
			[]proto{functionProto("F", list("a", "b"), list("c", "d"), call("", "Clip", list("a", "b"), list("c")), call("", "Exp", list("c"), list("d")))},
			[]string{"Clip [x ] [F/c]", "Exp [F/c] [y]"}},
		"an input that is handed on": {
			[]proto{call("f", "F", list("x"), list("y"))}, []proto{functionProto("F", list("a"), list("a"))},
			[]string{"Identity [x] [y]"}},
		"a body in a function": {
			[]proto{call("f", "F", list("x"), list("y"))},
			[]proto{functionProto("F", list("a"), list("b"), call("", "Abs", list("a"), list("t")), branch)},
			[]string{"Abs [x] [F/t]", "If [x] [y]", "  Add [x F/t] [F/o]", "  -> F/o"}},
		"a call in a function": {
			[]proto{call("f", "G", list("x"), list("y"))},
			[]proto{functionProto("F", list("a"), list("b"), call("", "Exp", list("a"), list("b"))),
				functionProto("G", list("a"), list("b"), call("f", "F", list("a"), list("t")), call("f", "F", list("t"), list("b")))},
			[]string{"Exp [x] [G/t]", "Exp [G/t] [y]"}},
	} {
		g := proto{}
		for _, n := range c.nodes {
			g = g.msg(graphNode, n)
		}
		file := model(g.msg(graphInput, proto{}.text(valueName, "x")).msg(graphOutput, proto{}.text(valueName, "y")))
		for _, f := range c.functions {
			file = file.msg(modelFunction, f)
		}
		m, err := Scan(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := lines(m.Graph); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwanted\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		if f := m.Functions[0]; f.Calls == 0 || f.Kept != "" || f.String() != "f.F" {
			t.Errorf("%s: the function %+v", name, f)
		}
	}
}

func TestAttributesOfFunctionsTakeTheCallsValue(t *testing.T) {
	reference := call("", "LeakyRelu", list("a"), list("b")).msg(nodeAttribute, proto{}.text(attrName, "alpha").text(attrRef, "slope").varint(attrType, attrTypeFloat))
	value := func(bits uint32) proto {
		return proto{}.text(attrName, "slope").fixed32(attrFloat, bits).varint(attrType, attrTypeFloat)
	}
	for name, c := range map[string]struct {
		call, function proto
		want           float32 // 0: absent
	}{
		"given":   {proto{}.msg(nodeAttribute, value(0x3f000000)), proto{}.msg(functionAttrProto, value(0x3f800000)), 0.5},
		"default": {nil, proto{}.msg(functionAttrProto, value(0x3f800000)), 1},
		"absent":  {nil, proto{}.text(functionAttr, "slope"), 0},
	} {
		file := model(proto{}.msg(graphNode, append(call("f", "F", list("x"), list("y")), c.call...))).
			msg(modelFunction, append(functionProto("F", list("a"), list("b"), reference), c.function...))
		g, err := Decode(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, ok := g.Nodes[0].Attrs["alpha"]
		if ok != (c.want != 0) || a.Float != c.want || ok && a.Kind != graph.AttrFloat {
			t.Errorf("%s: attribute %+v, wanted %v", name, a, c.want)
		}
	}
}

func TestFunctionsOfOtherVersions(t *testing.T) {
	function := func(op string, version uint64) proto {
		return functionProto("F", list("a"), list("b"), call("", op, list("a"), list("b"))).msg(functionOpset, proto{}.varint(opsetVersion, version))
	}
	for _, c := range []struct {
		op      string
		version uint64
		kept    bool
	}{{"Relu", 13, false}, {"Relu", 14, true}, {"Tanh", 27, false}, {"Softmax", 12, true}, {"Unheard", 12, true}, {"Unheard", 13, false}} {
		file := model(proto{}.msg(graphNode, call("f", "F", list("x"), list("y")))).msg(modelFunction, function(c.op, c.version))
		m, err := Scan(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		if f := m.Functions[0]; (f.Kept != "") != c.kept || (m.Graph.Nodes[0].Op == "F") != c.kept {
			t.Errorf("%s of version %d in a model of 13: %+v, wanted kept %v", c.op, c.version, f, c.kept)
		}
	}
}

func TestHostileFunctionsAreRefused(t *testing.T) {
	chain := model(proto{}.msg(graphNode, call("f", "F0", list("x"), list("y"))))
	for i := range 40 {
		next := fmt.Sprint("F", i+1)
		chain = chain.msg(modelFunction, functionProto(fmt.Sprint("F", i), list("a"), list("b"), call("f", next, list("a"), list("b"))))
	}
	doubling := model(proto{}.msg(graphNode, call("f", "F0", list("x"), list("y"))))
	for i := range 30 {
		next := fmt.Sprint("F", i+1)
		doubling = doubling.msg(modelFunction, functionProto(fmt.Sprint("F", i), list("a"), list("b"), call("f", next, list("a"), list("t")), call("f", next, list("t"), list("b"))))
	}
	one := func(f proto) proto {
		return model(proto{}.msg(graphNode, call("f", "F", list("x"), list("y")))).msg(modelFunction, f)
	}
	self := functionProto("F", list("a"), list("b"), call("f", "G", list("a"), list("b")))
	for name, c := range map[string]struct {
		file proto
		want string
	}{
		"a cycle":      {one(self).msg(modelFunction, functionProto("G", list("a"), list("b"), call("f", "F", list("a"), list("b")))), "f.F -> f.G -> f.F"},
		"twice":        {one(functionProto("F", nil, nil)).msg(modelFunction, functionProto("F", nil, nil)), "stands twice"},
		"dangling":     {one(functionProto("F", list("a"), list("b"), call("", "Add", list("a", "x"), list("b")))), `reads "x"`},
		"many inputs":  {one(functionProto("F", nil, list("b"))), "1 inputs and 1 outputs, it has 0 and 1"},
		"too deep":     {chain, "deep"},
		"powers of 2":  {doubling, "more than"},
		"a dead cycle": {model(proto{}).msg(modelFunction, functionProto("F", nil, nil, call("f", "F", nil, nil))), "calls itself"},
	} {
		_, err := Decode(c.file)
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted %q", name, err, c.want)
		}
	}
}

// Bodies may use names that mean something else outside, or in another body. Behind the scanner every name is one value.
func TestNamesInBodiesAreTheirOwn(t *testing.T) {
	body := func(op string) proto {
		return proto{}.msg(graphNode, call("", op, list("x"), list("t"))).msg(graphNode, call("", "Neg", list("t"), list("o"))).msg(graphOutput, proto{}.text(valueName, "o"))
	}
	node := call("", "If", list("x"), list("y")).msg(nodeAttribute, proto{}.text(attrName, "else_branch").msg(attrGraph, body("Abs"))).
		msg(nodeAttribute, proto{}.text(attrName, "then_branch").msg(attrGraph, body("Exp")))
	g, err := Decode(model(proto{}.msg(graphNode, node).msg(graphNode, call("", "Sin", list("y"), list("t")))))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"If [x] [y]", "  Abs [x] [t_1]", "  Neg [t_1] [o]", "  -> o", "  Exp [x] [t_2]", "  Neg [t_2] [o_1]", "  -> o_1", "Sin [y] [t]"}
	if got := lines(g); !slices.Equal(got, want) {
		t.Errorf("\n%s\nwanted\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
