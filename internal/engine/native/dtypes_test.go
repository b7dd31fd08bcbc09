package native

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// sample is a node that runs, for the operators that do not run with inputs of one element and no attributes.
type sample struct {
	attrs  map[string]graph.Attr
	shapes []tensor.Shape // by input; nil tries what runs
	low    byte           // what elements are filled with, when shapes are given
	tied   []int          // inputs that have one type, beside those that share a set
}

func samples() map[string]sample {
	one, vector, image, pair := tensor.Shape{1, 1}, tensor.Shape{1}, tensor.Shape{1, 1, 1, 1}, tensor.Shape{2}
	places := []int{0, 2}
	return map[string]sample{
		"BitShift":                  {attrs: attrs("direction", word("LEFT")), shapes: []tensor.Shape{one, one}},
		"DepthToSpace":              {attrs: attrs("blocksize", num(1)), shapes: []tensor.Shape{image}},
		"Div":                       {shapes: []tensor.Shape{one, one}, low: 1},
		"MeanVarianceNormalization": {shapes: []tensor.Shape{image}},
		"Mod":                       {shapes: []tensor.Shape{one, one}, low: 1},
		"NonMaxSuppression":         {shapes: []tensor.Shape{{1, 1, 4}, {1, 1, 1}}},
		"OneHot":                    {shapes: []tensor.Shape{vector, vector, pair}},
		"Pad":                       {attrs: attrs("pads", list(0, 0)), shapes: []tensor.Shape{vector}},
		"Scatter":                   {shapes: []tensor.Shape{vector, vector, vector}, tied: places},
		"ScatterElements":           {shapes: []tensor.Shape{vector, vector, vector}, tied: places},
		"ScatterND":                 {shapes: []tensor.Shape{vector, one, vector}, tied: places},
		"SpaceToDepth":              {attrs: attrs("blocksize", num(1)), shapes: []tensor.Shape{image}},
		"TensorScatter":             {shapes: []tensor.Shape{image, image, vector}, tied: []int{0, 1}},
		"TopK":                      {attrs: attrs("k", num(1)), shapes: []tensor.Shape{vector}},
		"BatchNormalization":        {shapes: []tensor.Shape{one, vector, vector, vector, vector}},
		"Optional":                  {shapes: []tensor.Shape{one}},
		"SequenceEmpty":             {shapes: []tensor.Shape{}},
		"Constant":                  {attrs: attrs("value_int", num(1))},
		"Concat":                    {attrs: attrs("axis", num(0))},
		"Cast":                      {attrs: attrs("to", num(7))},
		"Scaler": {attrs: map[string]graph.Attr{"offset": {Kind: graph.AttrFloats, Floats: []float32{1}},
			"scale": {Kind: graph.AttrFloats, Floats: []float32{2}}}},
		"EmbeddingBag":     {shapes: []tensor.Shape{one, vector, pair, vector}, tied: []int{0, 3}},
		"MatMulNBits":      {attrs: attrs("K", num(16), "N", num(1), "block_size", num(16)), shapes: []tensor.Shape{{1, 16}, {1, 1, 8}, vector}},
		"TreeLeaf":         {shapes: []tensor.Shape{one, vector}},
		"TreeMargin":       {shapes: []tensor.Shape{one, vector, vector}},
		"XGBoostObjective": {attrs: attrs("transform", word("identity"))},
	}
}

// filled is a tensor of zeros, or of ones as bytes, which is a small number in every dtype.
func filled(d tensor.DType, shape tensor.Shape, low byte) *tensor.Tensor {
	n, _ := shape.Elements()
	if d == tensor.String {
		s, err := tensor.FromStrings(shape, slices.Repeat([]string{"0"}, n))
		if err != nil {
			panic(err)
		}
		return s
	}
	x := tensor.New(d, shape...)
	for i := range n {
		x.Bytes()[i*d.Size()] = low
	}
	return x
}

// trial is one definition of an operator with the inputs that it is tried with.
type trial struct {
	key     engine.Key
	op      engine.Operator
	version int64
	attrs   map[string]graph.Attr
	shapes  []tensor.Shape
	low     byte
	tied    []int
}

// run builds and runs the kernel alone, without the engine's own checks; a panic counts as an error.
func (r trial) run(t *testing.T, in []*tensor.Tensor, wrap bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	n := &graph.Node{Name: "n", Domain: r.key.Domain, Op: r.key.Op, Attrs: r.attrs, Outputs: []string{"out"}}
	for i := range in {
		n.Inputs = append(n.Inputs, fmt.Sprint("in", i))
	}
	k, err := r.op.Build(&engine.Site{Node: n, Opset: r.version, Const: func(int) *graph.Weight { return nil }})
	if err != nil {
		return err
	}
	if wrap && r.op.Half {
		k = halved{k}
	}
	c := &engine.Call{Ctx: t.Context(), In: in, Want: []bool{true}, Out: make([]*tensor.Tensor, 1)}
	if err := k.Run(c); err != nil {
		return err
	}
	if c.Out[0] == nil {
		return errors.New("no output")
	}
	return nil
}

// inputs are of the first dtype that each position takes, but d at position at and those that share its set.
func (r trial) inputs(at int, d tensor.DType) []*tensor.Tensor {
	var in []*tensor.Tensor
	for i, shape := range r.shapes {
		with := tensor.F32
		switch types := r.op.Takes(i); {
		case i >= at && (at >= len(r.op.In)-1 || i == at), slices.Contains(r.tied, at) && slices.Contains(r.tied, i):
			with = d
		case !types.Has(with):
			for with = tensor.Bool; !types.Has(with); with++ {
			}
		}
		in = append(in, filled(with, shape, r.low))
	}
	return in
}

// fit finds the greatest number of inputs of one element that the operator runs with.
func (r *trial) fit(t *testing.T) bool {
	if r.shapes != nil {
		return r.run(t, r.inputs(len(r.shapes), tensor.Invalid), false) == nil
	}
	for n := 6; n >= 0; n-- {
		for _, shape := range []tensor.Shape{{1, 1}, {1}, {}} {
			for r.low = 0; r.low < 2; r.low++ {
				r.shapes = slices.Repeat([]tensor.Shape{shape}, n)
				if r.run(t, r.inputs(n, tensor.Invalid), false) == nil {
					return true
				}
			}
		}
	}
	return false
}

// In says of every operator and dtype what its kernel does.
func TestOperatorsTakeTheDTypesThatTheyDeclare(t *testing.T) {
	given := samples()
	maps.Copy(given, layerSamples())
	maps.Copy(given, classicSamples())
	for key, definitions := range newNative().table {
		if slices.Contains([]string{"If", "Loop", "Scan", "Experts"}, key.Op) || len(definitions[0].In) > 0 && definitions[0].In[0] == engine.Sequences() {
			continue // they run graphs or want sequences; packages control, experts and sequence test them
		}
		if slices.Contains([]string{"TreeEnsemble", "Imputer", "OneHotEncoder", "LabelEncoder", "TfIdfVectorizer"}, key.Op) {
			continue // what they take depends on their tables; packages trees, classic and text test each dtype
		}
		if strings.HasPrefix(key.Op, "Random") || slices.Contains([]string{"Bernoulli", "Multinomial", "BitCast"}, key.Op) {
			continue // they are refused whatever they get; BitCast takes what has the result's size
		}
		for _, op := range definitions {
			s := given[key.Op]
			if own, ok := given[fmt.Sprint(key.Op, " ", op.Since)]; ok {
				s = own // of this version alone
			}
			r := trial{key: key, op: op, version: max(op.Since, op.Until), attrs: s.attrs, shapes: s.shapes, low: s.low, tied: s.tied}
			if (key.Op == "TopK" || key.Op == "Pad") && op.Until == 0 {
				r.attrs, r.shapes = nil, []tensor.Shape{{1}, {1}}
				if key.Op == "Pad" {
					r.shapes[1] = tensor.Shape{2}
				}
			}
			if op.Until == 0 && key.Domain == "" {
				r.version = Newest
			}
			if !r.fit(t) {
				t.Errorf("%s %d: it runs with no inputs of one element: give it a sample", key.Op, r.version)
				continue
			}
			for at := range min(len(r.shapes), max(1, len(op.In))) {
				r.tryDTypes(t, at)
			}
		}
	}
}

func (r trial) tryDTypes(t *testing.T, at int) {
	for d := tensor.Bool; d <= tensor.String; d++ {
		takes, half := r.op.Takes(at).Has(d), r.op.Half && (d == tensor.F16 || d == tensor.BF16)
		err := r.run(t, r.inputs(at, d), takes)
		if takes && err != nil {
			t.Errorf("%s %d takes %s at input %d, and its kernel says: %v", r.key.Op, r.version, d, at, err)
		}
		if !takes && !half && err == nil {
			t.Errorf("%s %d does not take %s at input %d, and its kernel gives an answer", r.key.Op, r.version, d, at)
		}
	}
}

// A known dtype is refused when the graph is compiled, an unknown one when it runs.
func TestDTypesAreRefusedByName(t *testing.T) {
	graphOf := func(second tensor.DType) *graph.Graph {
		return &graph.Graph{Name: "types", Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{},
			Inputs: []graph.Value{{Name: "x", DType: tensor.F32}, {Name: "y", DType: second}}, Outputs: []graph.Value{{Name: "z"}},
			Nodes: []*graph.Node{{Name: "same", Op: "Identity", Inputs: []string{"y"}, Outputs: []string{"i"}},
				{Name: "product", Op: "Sum", Inputs: []string{"x", "i"}, Outputs: []string{"z"}}}}
	}
	for name, c := range map[string]struct {
		direct   bool
		x, y     tensor.DType
		reason   string
		compiles bool
	}{
		"known":             {true, tensor.F32, tensor.I64, "its input 1 (y) is I64, wanted F16, BF16, F32 or F64", false},
		"found at run time": {false, tensor.F32, tensor.I64, "node product (Sum): input 1 (i) is I64[1, 1], wanted", true},
		"mixed halves":      {true, tensor.F16, tensor.BF16, "its inputs 0 (x) and 1 (y) are F16 and BF16, wanted one half type", false},
		"mixed at run time": {false, tensor.F16, tensor.BF16, "input 1 is BF16[1, 1] beside an input of F16", true},
	} {
		g := graphOf(c.y)
		g.Inputs[0].DType = c.x
		if c.direct {
			g.Nodes[1].Inputs[1] = "y"
		}
		p, err := New().Compile(g, nil)
		var unsupported *engine.UnsupportedError
		if (err == nil) != c.compiles || err != nil && (!errors.As(err, &unsupported) || unsupported.DType != c.y) {
			t.Errorf("%s: compiling says %v", name, err)
		}
		if err == nil {
			_, err = p.Run(t.Context(), tensor.Named{"x": tensor.New(c.x, 1, 1), "y": tensor.New(c.y, 1, 1)}, nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: error %v, wanted one with %q", name, err, c.reason)
		}
	}
}

func TestRefusesTypedAsksWithTheDTypesThatAreKnown(t *testing.T) {
	n := &graph.Node{Name: "n", Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}
	opsets := map[string]int64{"": 17}
	for d, refused := range map[tensor.DType]bool{tensor.Invalid: false, tensor.F32: false, tensor.F16: false, tensor.Bool: true, tensor.String: true} {
		if err := RefusesTyped(n, opsets, nil, map[string]tensor.DType{"x": d}); (err != nil) != refused {
			t.Errorf("an input of %s: %v", d, err)
		}
	}
	weights := map[string]*graph.Weight{"x": weight(tensor.New(tensor.Bool, 1))}
	if err := Refuses(n, opsets, weights); err == nil {
		t.Error("a boolean weight is not refused")
	}
}

// Halves are widened exactly and rounded once, so the sum below is the float32 sum rounded to the half type.
func TestHalvesAreWidenedAndRoundedOnce(t *testing.T) {
	for d, bits := range map[tensor.DType]func(float32) uint16{tensor.F16: tensor.F32ToF16, tensor.BF16: tensor.F32ToBF16} {
		x := of(d, []uint16{bits(1), bits(2), bits(-0.5)}, 3)
		half := of(d, []uint16{bits(1.0 / 1024), bits(1.0 / 128), bits(1000)}, 3)
		want := of(d, []uint16{bits(1 + 1.0/1024), bits(2 + 1.0/128), bits(999.5)}, 3)
		check(t, []opCase{{op: "Add", name: d.String(), in: []*tensor.Tensor{x, half}, want: want},
			{op: "Greater", name: d.String(), in: []*tensor.Tensor{x, half}, want: of(tensor.Bool, []bool{true, true, false}, 3)},
			{op: "Sum", name: d.String(), in: slices.Repeat([]*tensor.Tensor{of(d, []uint16{bits(0.5)}, 1)}, 11), want: of(d, []uint16{bits(5.5)}, 1)}})
	}
}
