package onnxruntime

import (
	"maps"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// port is how a graph's input or output crosses the border to the library.
type port struct {
	value graph.Value // as the graph declares it
	name  string      // under which its elements cross
	shape string      // under which its shape crosses beside them; "" when the elements have it themselves
	half  bool        // the elements cross as F32
}

func portOf(v graph.Value) port {
	p := port{value: v, name: v.Name, half: v.DType == tensor.F16 || v.DType == tensor.BF16}
	if !v.Ranked || len(v.Dims) == 0 {
		p.shape = "shardwise/" + v.Name + "/shape"
	}
	if p.shape != "" || p.half {
		p.name = "shardwise/" + v.Name + "/elements"
	}
	return p
}

// declared are the values that cross for the port.
func (p port) declared() []graph.Value {
	v := graph.Value{Name: p.name, DType: p.value.DType, Dims: p.value.Dims, Ranked: true}
	if p.half {
		v.DType = tensor.F32
	}
	if p.shape == "" {
		return []graph.Value{v}
	}
	v.Dims = []graph.Dim{{Size: -1}}
	return []graph.Value{v, {Name: p.shape, DType: tensor.I64, Dims: []graph.Dim{{Size: -1}}, Ranked: true}}
}

// filler is the input of programs that have none: the binding does not run without one.
const filler = "shardwise/filler"

// defaultOpset is the version of ai.onnx for the nodes that adapt adds to a graph that imports none.
const defaultOpset = 14

// adapt returns the graph that the library runs, and how the values of g cross to it and back. It does not change g.
func adapt(g *graph.Graph) (a *graph.Graph, in, out []port) {
	a = &graph.Graph{Name: g.Name, Opsets: maps.Clone(g.Opsets), Weights: maps.Clone(g.Weights)}
	if a.Weights == nil {
		a.Weights = map[string]*graph.Weight{}
	}
	if a.Opsets[""] == 0 {
		if a.Opsets == nil {
			a.Opsets = map[string]int64{}
		}
		a.Opsets[""] = defaultOpset
	}
	for _, v := range g.Inputs {
		p := portOf(v)
		in = append(in, p)
		a.Inputs = append(a.Inputs, p.declared()...)
		a.Nodes = append(a.Nodes, p.enter(a.Opsets[""])...)
	}
	if len(a.Inputs) == 0 {
		a.Inputs = []graph.Value{{Name: filler, DType: tensor.I64, Dims: []graph.Dim{{Size: 1}}, Ranked: true}}
	}
	a.Nodes = append(a.Nodes, g.Nodes...)
	for _, v := range g.Outputs {
		p := portOf(v)
		out = append(out, p)
		if p.name == v.Name {
			a.Outputs = append(a.Outputs, v)
			continue
		}
		a.Outputs = append(a.Outputs, p.declared()...)
		a.Nodes = append(a.Nodes, p.leave()...)
		if p.shape != "" {
			a.Weights[flatten(v.Name)] = &graph.Weight{Name: flatten(v.Name), DType: tensor.I64, Shape: tensor.Shape{1}, Data: []byte{255, 255, 255, 255, 255, 255, 255, 255}}
		}
	}
	return a, in, out
}

// flatten is the name of the constant [-1] with which an output is made flat.
func flatten(output string) string { return "shardwise/" + output + "/flat" }

// enter are the nodes that make the declared value of what crossed.
func (p port) enter(opset int64) []*graph.Node {
	var nodes []*graph.Node
	at := p.name
	if p.half {
		to := p.value.Name
		if p.shape != "" {
			to = p.name + "/half"
		}
		nodes = append(nodes, cast(at, to, p.value.DType))
		at = to
	}
	if p.shape != "" {
		n := &graph.Node{Name: p.name + "/reshape", Op: "Reshape", Inputs: []string{at, p.shape}, Outputs: []string{p.value.Name}}
		if opset >= 14 { // from here on a zero in the shape can mean zero
			n.Attrs = map[string]graph.Attr{"allowzero": {Kind: graph.AttrInt, Int: 1}}
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// leave are the nodes that make what crosses of the declared value.
func (p port) leave() []*graph.Node {
	var nodes []*graph.Node
	at := p.value.Name
	if p.half {
		to := p.name
		if p.shape != "" {
			to += "/single"
		}
		nodes = append(nodes, cast(at, to, tensor.F32))
		at = to
	}
	if p.shape != "" {
		nodes = append(nodes,
			&graph.Node{Name: p.shape, Op: "Shape", Inputs: []string{p.value.Name}, Outputs: []string{p.shape}},
			&graph.Node{Name: p.name, Op: "Reshape", Inputs: []string{at, flatten(p.value.Name)}, Outputs: []string{p.name}})
	}
	return nodes
}

func cast(from, to string, d tensor.DType) *graph.Node {
	return &graph.Node{Name: to + "/cast", Op: "Cast", Inputs: []string{from}, Outputs: []string{to},
		Attrs: map[string]graph.Attr{"to": {Kind: graph.AttrInt, Int: onnx.TypeNumber(d)}}}
}
