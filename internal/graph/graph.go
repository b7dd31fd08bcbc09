// Package graph is the model graph: every importer's output, the partitioner's input, and what an engine compiles.
// It follows ONNX: nodes of (domain, operator) over named values, with constant weights beside them.
//
// Weights are not loaded: a Weight says where its bytes lie. The package reads no files and knows no operator's meaning.
package graph

import "github.com/shardwise/shardwise/internal/tensor"

// ShardwiseDomain is the domain of Shardwise's own operators, for example shardwise.TreeEnsemble.
const ShardwiseDomain = "shardwise"

// Graph is a directed acyclic graph in single-assignment form. Nodes stand in topological order.
type Graph struct {
	Name    string
	Opsets  map[string]int64 // domain -> version; "" is ai.onnx
	Inputs  []Value
	Outputs []Value
	Nodes   []*Node
	Weights map[string]*Weight // by value name
}

// Value is a typed name. Dims hold a size, or -1 with a symbol.
type Value struct {
	Name  string
	DType tensor.DType
	Dims  []Dim
	// Ranked is false when nothing is known about the shape.
	Ranked bool
	// Foreign says what the value is when it is no tensor of a dtype that Shardwise has, for example "a sequence" or
	// "a tensor of COMPLEX64". DType is Invalid then.
	Foreign string
}

// Dim is one dimension: Size >= 0, or Size -1 and a Symbol, which may be empty when unknown.
type Dim struct {
	Size   int
	Symbol string
}

// Node applies an operator. An empty input or output name is an absent optional one. The bodies that it holds in
// attributes may read values of the graphs around it without listing them as inputs: see Captures.
type Node struct {
	Name     string
	Domain   string
	Op       string
	Overload string // tells functions of one name apart; empty for operators
	Inputs   []string
	Outputs  []string
	Attrs    map[string]Attr
}

// Attr is one attribute; exactly one field is meaningful, by Kind. An AttrUndefined says in Str what it holds that has no
// form here; AttrRef, which stands in the nodes of a function only, names the function's attribute in Str.
type Attr struct {
	Kind    AttrKind
	Int     int64
	Float   float32
	Str     string
	Ints    []int64
	Floats  []float32
	Strs    []string
	Tensor  *Weight // AttrTensor and AttrSparseTensor
	Graph   *Graph
	Tensors []*Weight // AttrTensors and AttrSparseTensors
	Graphs  []*Graph
}

// AttrKind says which field of an Attr is set.
type AttrKind uint8

// The attribute kinds, named as in ONNX's AttributeProto.
const (
	AttrUndefined AttrKind = iota
	AttrInt
	AttrFloat
	AttrString
	AttrInts
	AttrFloats
	AttrStrings
	AttrTensor
	AttrGraph
	AttrTensors
	AttrGraphs
	AttrSparseTensor
	AttrSparseTensors
	AttrRef
)

// Int returns the integer attribute, or def when it is absent.
func (n *Node) Int(name string, def int64) int64 {
	if a, ok := n.Attrs[name]; ok && a.Kind == AttrInt {
		return a.Int
	}
	return def
}

// Float returns the float attribute, or def when it is absent.
func (n *Node) Float(name string, def float32) float32 {
	if a, ok := n.Attrs[name]; ok && a.Kind == AttrFloat {
		return a.Float
	}
	return def
}

// Text returns the string attribute, or def when it is absent.
func (n *Node) Text(name, def string) string {
	if a, ok := n.Attrs[name]; ok && a.Kind == AttrString {
		return a.Str
	}
	return def
}
