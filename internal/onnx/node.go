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
		case nodeAttribute:
			err = p.attribute(f, n, depth)
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
	attr    graph.Attr
}

// attribute reads an AttributeProto into n. What graph.Attr cannot express (lists of tensors, types, references) becomes
// an attribute of kind AttrUndefined whose Str says what it is, so that whoever uses the node can refuse it by name.
func (p *parser) attribute(f field, n *graph.Node, depth int) error {
	if err := p.c.item(f, "graph.node.attribute"); err != nil {
		return err
	}
	var a attrParts
	err := p.c.each(f.body, "graph.node.attribute", func(f field) error { return p.attrField(f, &a, depth) })
	if err != nil {
		return err
	}
	if a.foreign == "" {
		a.attr.Kind = a.seen
		if a.typ != 0 {
			kind, ok := kindOf(a.typ)
			if !ok {
				a.foreign = fmt.Sprintf("attribute type %d", a.typ)
			} else if a.seen != graph.AttrUndefined && a.seen != kind {
				return &FormatError{Offset: f.off, Field: "graph.node.attribute", Reason: fmt.Sprintf("%q declares type %d and holds another", a.name, a.typ)}
			}
			a.attr.Kind = kind
		}
	}
	if a.foreign != "" || a.attr.Kind == graph.AttrTensor && a.attr.Tensor == nil || a.attr.Kind == graph.AttrGraph && a.attr.Graph == nil {
		if a.foreign == "" {
			a.foreign = "nothing"
		}
		a.attr = graph.Attr{Str: a.foreign}
	}
	if _, twice := n.Attrs[a.name]; twice || a.name == "" {
		return &FormatError{Offset: f.off, Field: "graph.node.attribute", Reason: fmt.Sprintf("the name %q is empty or stands twice", a.name)}
	}
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	n.Attrs[a.name] = a.attr
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
	case attrTensors, attrGraphs, attrTypeProto, attrTypeProtos, attrRef, attrSparse, attrSparseTensors:
		a.foreign = foreignAttr(f.num)
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

func foreignAttr(num protowire.Number) string {
	switch num {
	case attrTensors:
		return "a list of tensors"
	case attrGraphs:
		return "a list of graphs"
	case attrRef:
		return "a reference to a function's attribute"
	case attrSparse, attrSparseTensors:
		return "a sparse tensor"
	}
	return "a type"
}
