package program

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/parts"
	"github.com/shardwise/shardwise/splitter/sharding"
)

// momentNames are what a shard computes of its part of x.
type momentNames struct{ wide, mean, deviation, squares, count string }

func (s *Stage) momentNames(x string) momentNames {
	return momentNames{s.unused(x + "/wide"), s.unused(x + "/part_mean"), s.unused(x + "/deviation"), s.unused(x + "/part_squares"), s.unused(x + "/count")}
}

// momentOutputs enters the moments of a normalisation's input: its mean and variance, which parts of them merge into by Chan's formulas, or the sum of
// its squares. Parts are float64, and so are the merges; the results are rounded once.
func (s *Stage) momentOutputs(n *sharding.Norm, positions []int) {
	x, names := s.Graph.Values[n.X], s.momentNames(n.X)
	part := func(role, name string) Component {
		return Component{Role: role, Name: name, Type: n.Moment(x, name, tensor.F64)}
	}
	base := Output{Positions: positions, Once: -1, Completes: -1}
	if n.RMS {
		o := base
		o.Name, o.Of, o.Type = n.Spread, n.Spread, n.Moment(x, n.Spread, tensor.F32)
		o.Placement = sharding.Placement{Kind: sharding.Partial, Op: "sum"}
		o.Components = []Component{part(manifest.RoleValue, names.squares)}
		s.outputs = append(s.outputs, o)
		return
	}
	count := Component{Role: manifest.RoleCount, Name: names.count, Type: graph.Value{Name: names.count, DType: tensor.F64, Ranked: true}}
	base.Merge, base.Placement = manifest.MergeMoments, sharding.Placement{Kind: sharding.Partial, Op: "moments"}
	base.Components = []Component{part(manifest.RoleMean, names.mean), part(manifest.RoleM2, names.squares), count}
	for _, result := range []struct{ name, result string }{{n.Mean, "mean"}, {n.Spread, "variance"}} {
		o := base
		o.Name, o.Of, o.Result, o.Type = result.name, result.name, result.result, n.Moment(x, result.name, tensor.F32)
		s.outputs = append(s.outputs, o)
	}
}

// normInputs enters what a normalisation's result is made of: the parts of its input, and the moments.
func (s *Stage) normInputs(n *sharding.Norm, p sharding.Placement, elements, positions []int) {
	x := s.Graph.Values[n.X]
	s.input(x, n.X, p, elements, positions)
	for _, name := range n.Moments() {
		s.input(n.Moment(x, name, tensor.F32), name, sharding.Placement{}, nil, positions)
	}
}

// moments writes the moments of the shard's part of x, in float64: a mean that is rounded shifts the squares around it.
func (w *regionWriter) moments(n *sharding.Norm, p sharding.Placement) {
	names := w.s.momentNames(n.X)
	axes := make([]int64, len(w.s.Graph.Values[n.X].Dims)-n.Axis)
	for i := range axes {
		axes[i] = int64(n.Axis + i)
	}
	w.g.Nodes = append(w.g.Nodes, &graph.Node{Name: names.wide, Op: "Cast", Inputs: []string{n.X}, Outputs: []string{names.wide},
		Attrs: map[string]graph.Attr{"to": {Kind: graph.AttrInt, Int: onnx.TypeNumber(tensor.F64)}}})
	if n.RMS {
		w.reduceOver("ReduceSumSquare", names.wide, names.squares, axes, true)
		return
	}
	w.reduceOver("ReduceMean", names.wide, names.mean, axes, true)
	w.node("Sub", names.deviation, names.wide, names.mean)
	w.reduceOver("ReduceSumSquare", names.deviation, names.squares, axes, true)
	whole := w.s.Graph.Values[n.X].Dims[p.Dim].Size
	count := float64(n.Count / whole * (w.hi - w.lo) * p.Inner)
	w.node("Identity", names.count, w.constant(names.count+"/of_part", &graph.Weight{DType: tensor.F64, Shape: tensor.Shape{}, Data: binary.LittleEndian.AppendUint64(nil, math.Float64bits(count))}))
}

// normalise writes the shard's part of a normalisation's result.
func (w *regionWriter) normalise(n *sharding.Norm, p sharding.Placement) {
	node := w.s.Graph.Nodes[n.Node]
	x, base := w.s.find(n.X, p, scale(w.p.Bounds, p.Inner)), n.Y+"/norm"
	single := func(name string, v float32) string {
		c := scalar(name, tensor.F32, v)
		c.Shape = tensor.Shape{}
		return w.constant(name, c)
	}
	at, variance := x, n.Spread
	if n.RMS {
		w.node("Div", base+"/mean_square", n.Spread, single(base+"/count", float32(n.Count)))
		variance = base + "/mean_square"
	} else {
		w.node("Sub", base+"/deviation", x, n.Mean)
		at = base + "/deviation"
	}
	w.node("Add", base+"/above", variance, single(base+"/epsilon", node.Float("epsilon", 1e-5)))
	w.node("Sqrt", base+"/root", base+"/above")
	params := slices.DeleteFunc(slices.Clone(node.Inputs[1:]), func(in string) bool { return in == "" })
	w.node("Div", base+"/ratio", at, base+"/root")
	at = base + "/ratio"
	for i, in := range params {
		to := n.Y
		if i < len(params)-1 {
			to = base + "/scaled"
		}
		w.node([]string{"Mul", "Add"}[i], to, at, w.parameter(n, in, p))
		at = to
	}
}

// parameter enters a part of a scale or bias.
func (w *regionWriter) parameter(n *sharding.Norm, name string, p sharding.Placement) string {
	weight := w.s.Graph.Weight(name)
	if d, ok := w.s.Graph.Along(n, name, p.Dim); ok {
		return w.use(w.g, parts.Part{W: weight, Dim: d, Outer: 1, Lo: w.lo * p.Inner, Hi: w.hi * p.Inner})
	}
	return w.use(w.g, parts.Whole(weight))
}
