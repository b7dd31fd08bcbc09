package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
)

func (p *parser) node(f field, depth int) (*graph.Node, error) {
	if err := p.c.item(f, "graph.node"); err != nil {
		return nil, err
	}
	n := &graph.Node{}
	err := p.c.each(f.body, "graph.node", func(f field) (err error) {
		switch f.num {
		case nodeInput:
			err = p.appendText(f, "graph.node.input", &n.Inputs)
		case nodeOutput:
			err = p.appendText(f, "graph.node.output", &n.Outputs)
		case nodeName:
			n.Name, err = p.c.text(f, "graph.node.name")
		case nodeOp:
			n.Op, err = p.c.text(f, "graph.node.op_type")
		case nodeDomain:
			n.Domain, err = p.c.text(f, "graph.node.domain")
			n.Domain = canonicalDomain(n.Domain)
		case nodeOverload:
			n.Overload, err = p.c.text(f, "graph.node.overload")
		case nodeAttribute:
			err = p.attribute(f, &n.Attrs, depth)
		}
		return err
	})
	if err == nil && n.Op == "" {
		err = &FormatError{Offset: f.off, Field: "graph.node.op_type", Reason: "missing"}
	}
	return n, err
}

func (p *parser) appendText(f field, name string, to *[]string) error {
	if p.c.items++; p.c.items > maxItems {
		return &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("more than %d items", maxItems)}
	}
	s, err := p.c.text(f, name)
	*to = append(*to, s)
	return err
}

// attrParts is an AttributeProto before its kind is known.
type attrParts struct {
	name    string
	typ     uint64
	seen    graph.AttrKind
	foreign string // what it holds that graph.Attr cannot
	ref     string // the attribute of the enclosing function that it takes its value from
	attr    graph.Attr
}

// attribute reads an AttributeProto into attrs. What graph.Attr cannot express (types) becomes an attribute of kind
// AttrUndefined whose Str says what it is, so that whoever uses the node can refuse it by name.
func (p *parser) attribute(f field, attrs *map[string]graph.Attr, depth int) error {
	if err := p.c.item(f, "graph.node.attribute"); err != nil {
		return err
	}
	var a attrParts
	err := p.c.each(f.body, "graph.node.attribute", func(f field) error { return p.attrField(f, &a, depth) })
	if err != nil {
		return err
	}
	if err := a.settle(f); err != nil {
		return err
	}
	if _, twice := (*attrs)[a.name]; twice || a.name == "" {
		return &FormatError{Offset: f.off, Field: "graph.node.attribute", Reason: fmt.Sprintf("the name %q is empty or stands twice", a.name)}
	}
	if *attrs == nil {
		*attrs = map[string]graph.Attr{}
	}
	(*attrs)[a.name] = a.attr
	return nil
}

// settle decides the attribute's kind.
func (a *attrParts) settle(f field) error {
	switch {
	case a.ref != "":
		a.attr = graph.Attr{Kind: graph.AttrRef, Str: a.ref}
		return nil
	case a.foreign != "":
		a.attr = graph.Attr{Str: a.foreign}
		return nil
	}
	a.attr.Kind = a.seen
	if a.typ != 0 {
		kind, ok := kindOf(a.typ)
		if !ok {
			a.attr = graph.Attr{Str: fmt.Sprintf("attribute type %d", a.typ)}
			return nil
		}
		if a.seen != graph.AttrUndefined && a.seen != kind {
			return &FormatError{Offset: f.off, Field: "graph.node.attribute", Reason: fmt.Sprintf("%q declares type %d and holds another", a.name, a.typ)}
		}
		a.attr.Kind = kind
	}
	switch a.attr.Kind {
	case graph.AttrTensor, graph.AttrSparseTensor:
		if a.attr.Tensor == nil {
			a.attr = graph.Attr{Str: "nothing"}
		}
	case graph.AttrGraph:
		if a.attr.Graph == nil {
			a.attr = graph.Attr{Str: "nothing"}
		}
	case graph.AttrUndefined:
		a.attr = graph.Attr{Str: "nothing"}
	}
	return nil
}

func kindOf(typ uint64) (graph.AttrKind, bool) {
	switch typ {
	case attrTypeFloat:
		return graph.AttrFloat, true
	case attrTypeInt:
		return graph.AttrInt, true
	case attrTypeString:
		return graph.AttrString, true
	case attrTypeTensor:
		return graph.AttrTensor, true
	case attrTypeGraph:
		return graph.AttrGraph, true
	case attrTypeFloats:
		return graph.AttrFloats, true
	case attrTypeInts:
		return graph.AttrInts, true
	case attrTypeStrings:
		return graph.AttrStrings, true
	case attrTypeTensors:
		return graph.AttrTensors, true
	case attrTypeGraphs:
		return graph.AttrGraphs, true
	case attrTypeSparse:
		return graph.AttrSparseTensor, true
	case attrTypeSparseTensors:
		return graph.AttrSparseTensors, true
	}
	return graph.AttrUndefined, false
}

func (p *parser) attrField(f field, a *attrParts, depth int) (err error) {
	const name = "graph.node.attribute"
	saw := func(k graph.AttrKind) {
		// Old exporters wrote defaults of other kinds beside the value; the declared type decides then.
		if kind, ok := kindOf(a.typ); a.seen == graph.AttrUndefined || ok && kind == k {
			a.seen = k
		}
	}
	switch f.num {
	case attrName:
		a.name, err = p.c.text(f, name+".name")
	case attrType:
		a.typ, err = f.number, f.want(protowire.VarintType, name+".type")
	case attrFloat:
		saw(graph.AttrFloat)
		a.attr.Float, err = math.Float32frombits(uint32(f.number)), f.want(protowire.Fixed32Type, name+".f")
	case attrInt:
		saw(graph.AttrInt)
		a.attr.Int, err = int64(f.number), f.want(protowire.VarintType, name+".i")
	case attrString:
		saw(graph.AttrString)
		a.attr.Str, err = p.rawText(f, name+".s")
	case attrTensor:
		saw(graph.AttrTensor)
		a.attr.Tensor, err = p.tensor(f, name+".t")
	case attrGraph:
		saw(graph.AttrGraph)
		a.attr.Graph, err = p.graph(f, depth+1)
	case attrFloats:
		saw(graph.AttrFloats)
		err = p.c.numbers(f, protowire.Fixed32Type, name+".floats", func(v uint64) error {
			a.attr.Floats = append(a.attr.Floats, math.Float32frombits(uint32(v)))
			return nil
		})
	case attrInts:
		saw(graph.AttrInts)
		err = p.c.numbers(f, protowire.VarintType, name+".ints", func(v uint64) error {
			a.attr.Ints = append(a.attr.Ints, int64(v))
			return nil
		})
	case attrStrings:
		saw(graph.AttrStrings)
		err = p.attrStrings(f, &a.attr)
	case attrRef:
		a.ref, err = p.c.text(f, name+".ref_attr_name")
	case attrTypeProto, attrTypeProtos:
		a.foreign = "a type"
	default:
		err = p.attrList(f, a, depth, saw)
	}
	return err
}

// attrList reads the kinds that no operator of today but Constant takes.
func (p *parser) attrList(f field, a *attrParts, depth int, saw func(graph.AttrKind)) (err error) {
	const name = "graph.node.attribute"
	var w *graph.Weight
	switch f.num {
	case attrTensors:
		saw(graph.AttrTensors)
		w, err = p.tensor(f, name+".tensors")
		a.attr.Tensors = append(a.attr.Tensors, w)
	case attrGraphs:
		saw(graph.AttrGraphs)
		var g *graph.Graph
		g, err = p.graph(f, depth+1)
		a.attr.Graphs = append(a.attr.Graphs, g)
	case attrSparse:
		saw(graph.AttrSparseTensor)
		a.attr.Tensor, err = p.sparse(f, name+".sparse_tensor")
	case attrSparseTensors:
		saw(graph.AttrSparseTensors)
		w, err = p.sparse(f, name+".sparse_tensors")
		a.attr.Tensors = append(a.attr.Tensors, w)
	}
	return err
}

func (p *parser) attrStrings(f field, a *graph.Attr) error {
	if p.c.items++; p.c.items > maxItems {
		return &FormatError{Offset: f.off, Field: "graph.node.attribute.strings", Reason: fmt.Sprintf("more than %d items", maxItems)}
	}
	s, err := p.rawText(f, "graph.node.attribute.strings")
	a.Strs = append(a.Strs, s)
	return err
}

// rawText reads a bytes field as a string of whatever bytes it has.
func (p *parser) rawText(f field, name string) (string, error) {
	b, err := p.c.bytes(f, name)
	return string(b), err
}
