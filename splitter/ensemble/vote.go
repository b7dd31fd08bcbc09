package ensemble

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// vote counts, for every row, the weight of the members for each class, and answers with the first class that has the most.
func (e *ensemble) vote(g *merged, answers []string) ([]manifest.Output, error) {
	classes, err := e.classes(g, answers)
	if err != nil {
		return nil, err
	}
	labels := e.d.Labels
	if labels == nil {
		labels = make([]int64, classes)
		for i := range labels {
			labels[i] = int64(i)
		}
	}
	counts := ""
	for i, name := range answers {
		m := e.members[i]
		at := e.class(g, m, name, labels)
		ballot := make([]float64, classes*classes)
		for c := range classes {
			ballot[c*classes+c] = m.weight()
		}
		// A class beyond the last one is in no row of the ballots, so that what is no label is an error.
		vote := g.node("Gather", m.prefix+"vote", []string{g.doubles(m.prefix+"ballots", ballot, classes, classes), at}, attr("axis", 0), tensor.F64, rowDim(), graph.Dim{Size: classes})
		if counts == "" {
			counts = vote
			continue
		}
		counts = g.node("Add", m.prefix+"counts", []string{counts, vote}, nil, tensor.F64, rowDim(), graph.Dim{Size: classes})
	}
	first := g.argmax(counts, "winner")
	g.output(prediction, g.node("Gather", "label", []string{g.ints("labels", labels, classes), first}, attr("axis", 0), tensor.I64, rowDim()))
	return []manifest.Output{e.declare(g, prediction)}, nil
}

// gives is what the member's answer says of the classes.
func (m *member) gives(v graph.Value) string {
	if m.Gives == "" && !v.DType.Float() {
		return GivesLabel
	}
	if m.Gives == "" {
		return GivesProbability
	}
	return m.Gives
}

// classes is the number of classes, on which labels and all probabilities must agree.
func (e *ensemble) classes(g *merged, answers []string) (int, error) {
	classes, from := len(e.d.Labels), "the labels"
	for i, name := range answers {
		m, v := e.members[i], g.values[name]
		if m.gives(v) == GivesLabel {
			if elementType(v.DType) == 0 {
				return 0, m.wrong("the dtype of its labels", "I64, I32, F32 or F64", v.DType.String(), "")
			}
			if len(v.Dims) != 1 {
				return 0, m.wrong("the shape of its labels", "one a row", shapeText(v.Dims), "name a column, or say that it gives probability")
			}
			continue
		}
		own := 2
		switch {
		case !v.DType.Float() || elementType(v.DType) == 0:
			return 0, m.wrong("the dtype of its probabilities", "F32 or F64", v.DType.String(), "")
		case len(v.Dims) == 2 && v.Dims[1].Size > 1:
			own = v.Dims[1].Size
		case len(v.Dims) != 1:
			return 0, m.wrong("the shape of its probabilities", "one of each class a row", shapeText(v.Dims), "")
		}
		if classes != 0 && classes != own {
			return 0, m.wrong("the classes of its probabilities", fmt.Sprintf("%d, as of %s", classes, from), fmt.Sprint(own), "when it gives labels as floats, say so in the description")
		}
		if classes == 0 {
			classes, from = own, fmt.Sprintf("member %d", i)
		}
	}
	if classes == 0 {
		return 0, e.members[0].wrong("the classes", "labels in the description, as all members give labels alone", "none", "")
	}
	return classes, nil
}

// class is, for every row, which of the classes the member is for, as an index; one beyond the last when it gives what is no label.
func (e *ensemble) class(g *merged, m *member, name string, labels []int64) string {
	v := g.values[name]
	if m.gives(v) == GivesLabel {
		return g.labelled(m, name, labels)
	}
	if len(v.Dims) == 2 {
		return g.argmax(name, m.prefix+"class")
	}
	double := g.cast(name, m.prefix+"probability", tensor.F64)
	more := g.node("Greater", m.prefix+"more", []string{double, g.doubles(m.prefix+"half", []float64{0.5})}, nil, tensor.Bool, rowDim())
	return g.cast(more, m.prefix+"class", tensor.I64)
}

// labelled finds the member's labels among the ensemble's: each row adds the place of the label that is the same, counted back from behind the last one.
func (g *merged) labelled(m *member, name string, labels []int64) string {
	classes := len(labels)
	as := tensor.I64
	known := g.ints(m.prefix+"known", labels, 1, classes)
	if g.values[name].DType.Float() {
		as, known = tensor.F64, g.cast(known, m.prefix+"known-double", tensor.F64)
	}
	places := make([]float64, classes)
	for c := range places {
		places[c] = float64(c - classes)
	}
	row := []graph.Dim{rowDim(), {Size: classes}}
	column := g.node("Reshape", m.prefix+"label", []string{g.cast(name, m.prefix+"labels", as), g.ints(m.prefix+"to", []int64{0, 1}, 2)}, nil, as, rowDim(), graph.Dim{Size: 1})
	same := g.node("Equal", m.prefix+"same", []string{column, known}, nil, tensor.Bool, row...)
	back := g.node("MatMul", m.prefix+"back", []string{g.cast(same, m.prefix+"found", tensor.F64), g.doubles(m.prefix+"places", places, classes)}, nil, tensor.F64, rowDim())
	return g.cast(g.node("Add", m.prefix+"place", []string{back, g.doubles(m.prefix+"classes", []float64{float64(classes)})}, nil, tensor.F64, rowDim()), m.prefix+"class", tensor.I64)
}

// argmax is the index of the first greatest number of every row.
func (g *merged) argmax(in, name string) string {
	attrs := attr("axis", 1)
	attrs["keepdims"] = graph.Attr{Kind: graph.AttrInt}
	return g.node("ArgMax", name, []string{in}, attrs, tensor.I64, rowDim())
}
