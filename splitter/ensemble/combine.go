package ensemble

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// prediction is the name of what an ensemble answers. A stack answers what its second model does.
const prediction = "prediction"

// combine adds the nodes that make the ensemble's outputs of the members' answers, in the order of the members.
func (e *ensemble) combine(g *merged, answers []string) ([]manifest.Output, error) {
	switch e.d.Combine {
	case Vote:
		return e.vote(g, answers)
	case Stack:
		return e.stack(g, answers)
	}
	return e.mean(g, answers)
}

// mean adds the members' answers, each times its weight, in double precision and in order, divides by the sum of the weights, and rounds once.
func (e *ensemble) mean(g *merged, answers []string) ([]manifest.Output, error) {
	first := g.values[answers[0]]
	for i, name := range answers {
		m, v := e.members[i], g.values[name]
		switch {
		case !v.DType.Float():
			return nil, m.wrong("the dtype of its output", "floats, to take the mean of", v.DType.String(), "combine labels by vote")
		case v.DType != first.DType:
			return nil, m.wrong("the dtype of its output", first.DType.String()+", as of member 0", v.DType.String(), "")
		case !slices.Equal(v.Dims, first.Dims):
			return nil, m.wrong("the shape of its output", shapeText(first.Dims)+", as of member 0", shapeText(v.Dims), "name the columns that count in the description")
		case elementType(v.DType) == 0:
			return nil, m.wrong("the dtype of its output", "F32 or F64", v.DType.String(), "")
		}
	}
	sum, total := "", 0.0
	for i, name := range answers {
		m := e.members[i]
		total += m.weight()
		term := g.cast(name, m.prefix+"double", tensor.F64)
		if e.d.Combine == WeightedMean {
			term = g.node("Mul", m.prefix+"weighted", []string{term, g.doubles(m.prefix+"weight", []float64{m.weight()})}, nil, tensor.F64, first.Dims...)
		}
		if sum == "" {
			sum = term
			continue
		}
		sum = g.node("Add", m.prefix+"sum", []string{sum, term}, nil, tensor.F64, first.Dims...)
	}
	result := g.node("Div", "mean", []string{sum, g.doubles("weights", []float64{total})}, nil, tensor.F64, first.Dims...)
	g.output(prediction, g.cast(result, "rounded", first.DType))
	return []manifest.Output{e.declare(g, prediction)}, nil
}

// stack feeds the second model the members' answers side by side, in order, and the inputs behind them when the description says so.
func (e *ensemble) stack(g *merged, answers []string) ([]manifest.Output, error) {
	f := e.final
	if n := len(f.in.Signature.Inputs); n != 1 {
		return nil, f.wrong("its inputs", "one, with rows and columns", names(f.in.Signature.Inputs), "")
	}
	input := f.in.Signature.Inputs[0]
	if !input.DType.Float() || elementType(input.DType) == 0 || len(input.Shape) != 2 || input.Shape[0].Name != manifest.Batch {
		return nil, f.wrong("its input "+input.Name, "F32 or F64 with rows and columns", input.DType.String()+dimsText(input.Shape), "")
	}
	parts, total, err := e.columns(g, answers, input.DType)
	if err != nil {
		return nil, err
	}
	if want := input.Shape[1]; want.Name == "" && want.Size != total {
		return nil, f.wrong("the columns of its input "+input.Name, fmt.Sprintf("%d, as many as the members give", total), fmt.Sprint(want.Size), "choose the members' columns, or say whether the inputs are passed through")
	}
	stacked := parts[0]
	if len(parts) > 1 {
		stacked = g.node("Concat", "stacked", parts, attr("axis", 1), input.DType, rowDim(), graph.Dim{Size: total})
	}
	var outputs []string
	for _, o := range f.in.Signature.Outputs {
		if o.Default {
			outputs = append(outputs, o.Name)
		}
	}
	if _, err := g.add(f, map[string]string{input.Name: stacked}, outputs...); err != nil {
		return nil, err
	}
	var out []manifest.Output
	for _, name := range outputs {
		if slices.ContainsFunc(g.inputs, func(in manifest.Input) bool { return in.Name == name }) {
			return nil, f.wrong("the name of its output", "one that no input has", name, "give the output another name")
		}
		g.output(name, f.prefix+name)
		out = append(out, e.declare(g, name))
	}
	return out, nil
}

// columns are the members' answers, and the inputs when they are passed through, as matrices of the dtype, with the number of their columns.
func (e *ensemble) columns(g *merged, answers []string, d tensor.DType) (parts []string, total int, err error) {
	add := func(name, prefix string) bool {
		v := g.values[name]
		if len(v.Dims) > 2 || len(v.Dims) == 2 && v.Dims[1].Size < 0 {
			return false
		}
		name = g.cast(name, prefix+"cast", d)
		if len(v.Dims) == 1 { // 0 is the input's own size, of no rows too
			name = g.node("Reshape", prefix+"matrix", []string{name, g.ints(prefix+"shape", []int64{0, 1}, 2)}, nil, d, v.Dims[0], graph.Dim{Size: 1})
			total++
		} else {
			total += v.Dims[1].Size
		}
		parts = append(parts, name)
		return true
	}
	for i, name := range answers {
		if m := e.members[i]; !add(name, m.prefix) {
			return nil, 0, m.wrong("the shape of its output", "rows and columns of a known number", shapeText(g.values[name].Dims), "")
		}
	}
	if !e.d.Passthrough {
		return parts, total, nil
	}
	for i, in := range g.inputs {
		if elementType(in.DType) == 0 || !add(in.Name, fmt.Sprintf("input-%d/", i)) {
			return nil, 0, e.members[0].wrong("input "+in.Name, "numbers in rows and columns, to pass through", in.DType.String()+dimsText(in.Shape), "leave passthrough away")
		}
	}
	return parts, total, nil
}

// output makes a value an output of the graph under a name of its own.
func (g *merged) output(name, of string) {
	v := g.values[of]
	v.Name = name
	g.graph.Nodes = append(g.graph.Nodes, &graph.Node{Name: own + "output/" + name, Op: "Identity", Inputs: []string{of}, Outputs: []string{name}})
	g.values[name] = v
	g.graph.Outputs = append(g.graph.Outputs, v)
}
