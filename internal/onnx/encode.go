package onnx

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// irVersion is the container version that Encode writes: the oldest that everything written needs, so that old readers
// open the file too.
const irVersion = 8

// Encode writes g as an ONNX file. The same graph gives the same bytes: opset imports, attributes and weights are sorted
// by name. A weight with a Location becomes external data there (also when it has Data or is Sparse), in bodies as in the
// graph itself; one without must have Data, Strings or Sparse. It fails with an *UnsupportedError on a graph that has no such form.
func Encode(g *graph.Graph) ([]byte, error) {
	body, err := appendGraph(nil, g, 0)
	if err != nil {
		return nil, err
	}
	var out []byte
	out = appendVarint(out, modelIRVersion, irVersion)
	out = appendText(out, modelProducer, "shardwise")
	out = appendMessage(out, modelGraph, body)
	for _, domain := range slices.Sorted(maps.Keys(g.Opsets)) {
		var o []byte
		o = appendText(o, opsetDomain, domain)
		o = appendVarint(o, opsetVersion, uint64(g.Opsets[domain]))
		out = appendMessage(out, modelOpset, o)
	}
	if len(out) > math.MaxInt32 {
		return nil, &UnsupportedError{Subject: "graph " + g.Name, Reason: "larger than the 2 GiB that protobuf readers accept: put the weights into a file beside it"}
	}
	return out, nil
}

func appendGraph(out []byte, g *graph.Graph, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, &UnsupportedError{Subject: "graph " + g.Name, Reason: fmt.Sprintf("nested more than %d deep", maxDepth)}
	}
	for _, n := range g.Nodes {
		b, err := encodeNode(n, depth)
		if err != nil {
			return nil, err
		}
		out = appendMessage(out, graphNode, b)
	}
	out = appendText(out, graphName, g.Name)
	for _, name := range slices.Sorted(maps.Keys(g.Weights)) {
		field, encode := graphInitializer, encodeTensor
		if w := g.Weights[name]; w.Sparse != nil && w.Location == "" {
			field, encode = graphSparse, encodeSparse
		}
		b, err := encode(g.Weights[name], name)
		if err != nil {
			return nil, err
		}
		out = appendMessage(out, field, b)
	}
	for _, list := range []struct {
		field  protowire.Number
		values []graph.Value
	}{{graphInput, g.Inputs}, {graphOutput, g.Outputs}} {
		for _, v := range list.values {
			if v.Foreign != "" {
				return nil, &UnsupportedError{Subject: "value " + strconv.Quote(v.Name), Reason: "it is " + v.Foreign + ", which cannot be written"}
			}
			out = appendMessage(out, list.field, encodeValue(v))
		}
	}
	return out, nil
}

// encodeSparse writes a SparseTensorProto, whose name is that of its values.
func encodeSparse(w *graph.Weight, name string) ([]byte, error) {
	if w.Sparse == nil {
		return nil, &UnsupportedError{Subject: "tensor " + strconv.Quote(name), Reason: "it is dense where a sparse one is wanted"}
	}
	values, err := encodeTensor(w.Sparse.Values, name)
	if err != nil {
		return nil, err
	}
	indices, err := encodeTensor(w.Sparse.Indices, w.Sparse.Indices.Name)
	if err != nil {
		return nil, err
	}
	out := appendMessage(appendMessage(nil, sparseValues, values), sparseIndices, indices)
	for _, d := range w.Shape {
		out = appendVarint(out, sparseDims, uint64(d))
	}
	return out, nil
}

func encodeNode(n *graph.Node, depth int) ([]byte, error) {
	var out []byte
	for _, in := range n.Inputs {
		out = appendText(out, nodeInput, in)
	}
	for _, o := range n.Outputs {
		out = appendText(out, nodeOutput, o)
	}
	if n.Name != "" {
		out = appendText(out, nodeName, n.Name)
	}
	out = appendText(out, nodeOp, n.Op)
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		b, err := encodeAttr(name, n.Attrs[name], depth)
		if err != nil {
			return nil, &UnsupportedError{Subject: fmt.Sprintf("node %q (%s)", n.Name, n.Op), Reason: err.Error()}
		}
		out = appendMessage(out, nodeAttribute, b)
	}
	if n.Domain != "" {
		out = appendText(out, nodeDomain, n.Domain)
	}
	if n.Overload != "" {
		out = appendText(out, nodeOverload, n.Overload)
	}
	return out, nil
}

func encodeAttr(name string, a graph.Attr, depth int) ([]byte, error) {
	out := appendText(nil, attrName, name)
	typ := uint64(0)
	switch a.Kind {
	case graph.AttrFloat:
		typ = attrTypeFloat
		out = protowire.AppendTag(out, attrFloat, protowire.Fixed32Type)
		out = protowire.AppendFixed32(out, math.Float32bits(a.Float))
	case graph.AttrInt:
		typ, out = attrTypeInt, appendVarint(out, attrInt, uint64(a.Int))
	case graph.AttrString:
		typ, out = attrTypeString, appendText(out, attrString, a.Str)
	case graph.AttrTensor:
		typ = attrTypeTensor
		b, err := encodeTensor(a.Tensor, a.Tensor.Name)
		if err != nil {
			return nil, err
		}
		out = appendMessage(out, attrTensor, b)
	case graph.AttrGraph:
		typ = attrTypeGraph
		b, err := appendGraph(nil, a.Graph, depth+1)
		if err != nil {
			return nil, err
		}
		out = appendMessage(out, attrGraph, b)
	case graph.AttrFloats:
		typ = attrTypeFloats
		for _, v := range a.Floats {
			out = protowire.AppendTag(out, attrFloats, protowire.Fixed32Type)
			out = protowire.AppendFixed32(out, math.Float32bits(v))
		}
	case graph.AttrInts:
		typ = attrTypeInts
		for _, v := range a.Ints {
			out = appendVarint(out, attrInts, uint64(v))
		}
	case graph.AttrStrings:
		typ = attrTypeStrings
		for _, s := range a.Strs {
			out = appendText(out, attrStrings, s)
		}
	case graph.AttrRef:
		return appendText(out, attrRef, a.Str), nil
	default:
		var err error
		if typ, out, err = encodeAttrList(out, name, a, depth); err != nil {
			return nil, err
		}
	}
	return appendVarint(out, attrType, typ), nil
}

// encodeAttrList writes the kinds that no operator of today but Constant takes, and gives their type.
func encodeAttrList(out []byte, name string, a graph.Attr, depth int) (uint64, []byte, error) {
	switch a.Kind {
	case graph.AttrTensors:
		for _, w := range a.Tensors {
			b, err := encodeTensor(w, w.Name)
			if err != nil {
				return 0, nil, err
			}
			out = appendMessage(out, attrTensors, b)
		}
		return attrTypeTensors, out, nil
	case graph.AttrGraphs:
		for _, g := range a.Graphs {
			b, err := appendGraph(nil, g, depth+1)
			if err != nil {
				return 0, nil, err
			}
			out = appendMessage(out, attrGraphs, b)
		}
		return attrTypeGraphs, out, nil
	case graph.AttrSparseTensor:
		b, err := encodeSparse(a.Tensor, a.Tensor.Name)
		return attrTypeSparse, appendMessage(out, attrSparse, b), err
	case graph.AttrSparseTensors:
		for _, w := range a.Tensors {
			b, err := encodeSparse(w, w.Name)
			if err != nil {
				return 0, nil, err
			}
			out = appendMessage(out, attrSparseTensors, b)
		}
		return attrTypeSparseTensors, out, nil
	}
	return 0, nil, fmt.Errorf("attribute %q holds %s, which cannot be written", name, a.Str)
}

// encodeValue leaves the type out when it is not known, as inside the bodies of nodes.
func encodeValue(v graph.Value) []byte {
	out := appendText(nil, valueName, v.Name)
	if v.DType == tensor.Invalid {
		return out
	}
	t := appendVarint(nil, typeTensorElem, uint64(TypeNumber(v.DType)))
	if v.Ranked {
		var shape []byte
		for _, d := range v.Dims {
			var dim []byte
			if d.Size >= 0 {
				dim = appendVarint(dim, dimValue, uint64(d.Size))
			} else if d.Symbol != "" {
				dim = appendText(dim, dimParam, d.Symbol)
			}
			shape = appendMessage(shape, shapeDim, dim)
		}
		t = appendMessage(t, typeShape, shape)
	}
	return appendMessage(out, valueType, appendMessage(nil, typeTensor, t))
}

func encodeTensor(w *graph.Weight, name string) ([]byte, error) {
	bad := func(reason string) ([]byte, error) {
		return nil, &UnsupportedError{Subject: "tensor " + strconv.Quote(name), Reason: reason}
	}
	number := TypeNumber(w.DType)
	n, err := w.Shape.Elements()
	if number == 0 || err != nil {
		return bad(fmt.Sprintf("dtype %s or shape %v cannot be written", w.DType, w.Shape))
	}
	var out []byte
	if len(w.Shape) > 0 {
		var dims []byte
		for _, d := range w.Shape {
			dims = protowire.AppendVarint(dims, uint64(d))
		}
		out = appendMessage(out, tensorDims, dims)
	}
	out = appendVarint(out, tensorType, uint64(number))
	switch {
	case w.DType == tensor.String:
		if len(w.Strings) != n {
			return bad(fmt.Sprintf("%d strings for shape %v", len(w.Strings), w.Shape))
		}
		for _, s := range w.Strings {
			out = appendText(out, tensorStringData, s)
		}
		return appendText(out, tensorName, name), nil
	case w.Location == "" && len(w.Data) != n*w.DType.Size():
		return bad(fmt.Sprintf("%d bytes of data for %s%v, and no file that holds them", len(w.Data), w.DType, w.Shape))
	case w.Location == "":
		out = appendText(out, tensorName, name)
		return appendMessage(out, tensorRaw, w.Data), nil
	}
	out = appendText(out, tensorName, name)
	for _, e := range [][2]string{
		{"location", w.Location},
		{"offset", strconv.FormatInt(w.Offset, 10)},
		{"length", strconv.FormatInt(w.Length, 10)},
	} {
		out = appendMessage(out, tensorExternal, appendText(appendText(nil, entryKey, e[0]), entryValue, e[1]))
	}
	return appendVarint(out, tensorLocation, 1), nil
}

func appendVarint(out []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(out, num, protowire.VarintType), v)
}

func appendText(out []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(out, num, protowire.BytesType), s)
}

func appendMessage(out []byte, num protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(out, num, protowire.BytesType), b)
}
