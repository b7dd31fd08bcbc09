package onnx_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// rows stands for the symbolic number of rows among sizes.
const rows = -1

// odd makes random graphs of layers in awkward orders: weights that nodes share, dimensions that no number of shards divides, values with several readers,
// outputs of all kinds.
type odd struct {
	rng    *rand.Rand
	g      *graph.Graph
	shapes map[string][]int // of the values so far
	values []string
	count  int // of rows, when it runs
}

func newOdd(rng *rand.Rand) *odd {
	o := &odd{rng: rng, g: &graph.Graph{Name: "odd", Opsets: map[string]int64{"": []int64{13, 17, 18}[rng.IntN(3)]}, Weights: map[string]*graph.Weight{}}, shapes: map[string][]int{}, count: rng.IntN(6)}
	return o
}

// size is a size that is mostly no multiple of anything.
func (o *odd) size() int { return []int{1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 24, 29}[o.rng.IntN(12)] }

func (o *odd) input(shape ...int) string {
	name := fmt.Sprintf("in%d", len(o.g.Inputs))
	v := graph.Value{Name: name, DType: tensor.F32, Ranked: true}
	for _, d := range shape {
		if d == rows {
			v.Dims = append(v.Dims, graph.Dim{Size: -1, Symbol: "batch"})
		} else {
			v.Dims = append(v.Dims, graph.Dim{Size: d})
		}
	}
	o.g.Inputs = append(o.g.Inputs, v)
	return o.made(name, shape...)
}

func (o *odd) made(name string, shape ...int) string {
	o.shapes[name] = shape
	o.values = append(o.values, name)
	return name
}

// weight is a random weight; one of the shape that there is already may do.
func (o *odd) weight(shape ...int) string {
	fan := 1
	for _, d := range shape[:max(len(shape)-1, 0)] {
		fan = max(fan, d)
	}
	var shared []string
	for _, name := range slices.Sorted(maps.Keys(o.g.Weights)) {
		if w := o.g.Weights[name]; w.DType == tensor.F32 && slices.Equal(w.Shape, shape) && len(shape) > 1 && o.rng.IntN(2) == 0 {
			shared = append(shared, name)
		}
	}
	if len(shared) > 0 {
		return slices.Min(shared)
	}
	t := normal(o.rng, shape...)
	for i := range tensor.Of[float32](t) {
		tensor.Of[float32](t)[i] /= float32(math.Sqrt(float64(fan)))
	}
	name := fmt.Sprintf("w%d", len(o.g.Weights))
	o.g.Weights[name] = weightOf(name, t)
	return name
}

func (o *odd) positive(n int) string {
	name := o.weight(n)
	w := tensor.New(tensor.F32, n)
	for i := range n {
		tensor.Of[float32](w)[i] = 0.5 + o.rng.Float32()
	}
	o.g.Weights[name].Data = w.Bytes()
	return name
}

func (o *odd) ints(values ...int) string {
	t := tensor.New(tensor.I64, len(values))
	for i, v := range values {
		tensor.Of[int64](t)[i] = int64(v)
	}
	name := fmt.Sprintf("w%d", len(o.g.Weights))
	o.g.Weights[name] = weightOf(name, t)
	return name
}

func (o *odd) number(v float32) string {
	t := tensor.New(tensor.F32)
	tensor.Of[float32](t)[0] = v
	name := fmt.Sprintf("w%d", len(o.g.Weights))
	o.g.Weights[name] = weightOf(name, t)
	return name
}

// node adds a node of one output of the shape.
func (o *odd) node(op string, attrs map[string]graph.Attr, shape []int, in ...string) string {
	return o.nodes(op, attrs, [][]int{shape}, in...)[0]
}

func (o *odd) nodes(op string, attrs map[string]graph.Attr, shapes [][]int, in ...string) []string {
	n := &graph.Node{Name: fmt.Sprintf("n%d", len(o.g.Nodes)), Op: op, Inputs: in, Attrs: attrs}
	for i, s := range shapes {
		n.Outputs = append(n.Outputs, o.made(fmt.Sprintf("v%d_%d", len(o.g.Nodes), i), s...))
	}
	o.g.Nodes = append(o.g.Nodes, n)
	return n.Outputs
}

// attrsOf makes attributes of names and ints or lists in turn.
func attrsOf(pairs ...any) map[string]graph.Attr {
	out := map[string]graph.Attr{}
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case int:
			out[pairs[i].(string)] = graph.Attr{Kind: graph.AttrInt, Int: int64(v)}
		case float64:
			out[pairs[i].(string)] = graph.Attr{Kind: graph.AttrFloat, Float: float32(v)}
		case []int:
			list := make([]int64, len(v))
			for k := range v {
				list[k] = int64(v[k])
			}
			out[pairs[i].(string)] = graph.Attr{Kind: graph.AttrInts, Ints: list}
		}
	}
	return out
}

// of are the values of the rank that have rows in front.
func (o *odd) of(rank int) []string {
	return slices.DeleteFunc(slices.Clone(o.values), func(name string) bool { s := o.shapes[name]; return len(s) != rank || s[0] != rows })
}

// any is one of them, "" when there is none; later ones are likelier.
func (o *odd) any(rank int) string {
	list := o.of(rank)
	if len(list) == 0 {
		return ""
	}
	return list[max(o.rng.IntN(len(list)), o.rng.IntN(len(list)))]
}

// same is another value of the shape of the first, or the value itself.
func (o *odd) same(x string) string {
	var list []string
	for _, name := range o.values {
		if slices.Equal(o.shapes[name], o.shapes[x]) {
			list = append(list, name)
		}
	}
	return list[o.rng.IntN(len(list))]
}

// factors are two sizes whose product is n.
func (o *odd) factors(n int) (a, b int) {
	var list []int
	for a := 1; a <= n; a++ {
		if n%a == 0 {
			list = append(list, a)
		}
	}
	a = list[o.rng.IntN(len(list))]
	return a, n / a
}

// feed is random inputs for the graph.
func (o *odd) feed() tensor.Named {
	in := tensor.Named{}
	for _, v := range o.g.Inputs {
		shape := make([]int, len(v.Dims))
		for i, d := range v.Dims {
			if shape[i] = d.Size; d.Size < 0 {
				shape[i] = o.count
			}
		}
		if in[v.Name] = normal(o.rng, shape...); v.DType == tensor.I64 {
			t := tensor.New(tensor.I64, shape...)
			for i := range tensor.Of[int64](t) {
				tensor.Of[int64](t)[i] = int64(o.rng.IntN(tableRows))
			}
			in[v.Name] = t
		}
	}
	return in
}

// outputs declares one to four outputs: the last value, any, an input, a constant.
func (o *odd) outputs() {
	names := []string{o.values[len(o.values)-1]}
	for range o.rng.IntN(4) {
		names = append(names, o.values[o.rng.IntN(len(o.values))])
	}
	if o.rng.IntN(4) == 0 {
		names = append(names, o.g.Inputs[0].Name)
	}
	if o.rng.IntN(4) == 0 {
		names = append(names, o.weight(o.size(), 3))
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		d := tensor.F32
		for _, v := range o.g.Inputs {
			if v.Name == name {
				d = v.DType
			}
		}
		o.g.Outputs = append(o.g.Outputs, graph.Value{Name: name, DType: d})
	}
}
