package infer

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/graph"
)

// controlRules are the operators that run subgraphs.
func controlRules() map[string]rule {
	return merge(
		onnxRules(inferIf, "If"),
		onnxRules(inferLoop, "Loop"),
		onnxRules(inferScan, "Scan"),
		onnxRules(inferSequenceMap, "SequenceMap"),
	)
}

// body is a subgraph attribute, nil when there is none or graphs are nested too deep.
func (c *call) body(name string) *graph.Graph {
	a := c.node.Attrs[name]
	if a.Kind != graph.AttrGraph || c.scope.depth >= maxDepth {
		return nil
	}
	return a.Graph
}

// subgraph infers a subgraph whose inputs have the given types, and gives those of its outputs. An input of unknown type
// has the type that the subgraph declares.
func (c *call) subgraph(g *graph.Graph, in []Value) ([]Value, error) {
	return c.scope.recall(g, in, func() ([]Value, error) { return c.inferBody(g, in) })
}

func (c *call) inferBody(g *graph.Graph, in []Value) ([]Value, error) {
	s := c.scope.inner()
	for i, v := range g.Inputs {
		if i < len(in) {
			s.Define(v.Name, declared(in[i], v))
		}
	}
	if err := s.Graph(g); err != nil {
		return nil, fmt.Errorf("in its subgraph %s: %w", g.Name, err)
	}
	out := make([]Value, len(g.Outputs))
	for i, v := range g.Outputs {
		out[i] = declared(s.Value(v.Name), v)
	}
	return out, nil
}

// declared takes from a declaration what inference does not know, except for dimensions: a body's declared symbols are
// not the model's.
func declared(v Value, d graph.Value) Value {
	if v.Kind != Tensor {
		return v
	}
	if v.DType == 0 && v.Element == nil {
		v.DType = d.DType
	}
	if !v.Ranked && d.Ranked {
		v.Ranked, v.Dims = true, make([]Dim, len(d.Dims))
		for i, dim := range d.Dims {
			if dim.Size >= 0 {
				v.Dims[i] = Const(int64(dim.Size))
			}
		}
	}
	return v
}

// inferIf: what both branches agree on, or the branch that is taken when the condition is known.
func inferIf(c *call) error {
	var branches [][]Value
	for _, name := range []string{"then_branch", "else_branch"} {
		if want := c.one(0); name == "then_branch" && want.Is(0) || name == "else_branch" && want.Is(1) {
			continue
		}
		g := c.body(name)
		if g == nil {
			return nil
		}
		out, err := c.subgraph(g, nil)
		if err != nil {
			return err
		}
		if len(out) != len(c.out) {
			return fmt.Errorf("its %s has %d outputs, the node %d", name, len(out), len(c.out))
		}
		branches = append(branches, out)
	}
	for i := range c.out {
		c.out[i] = branches[0][i]
		for _, b := range branches[1:] {
			c.out[i] = join(c.out[i], b[i])
		}
		c.out[i].Dims = append([]Dim{}, c.out[i].Dims...)
	}
	return nil
}

// maxRounds bounds how often a body is inferred until the types of what it carries no longer change.
const maxRounds = 4

// carry finds types of the carried values that hold for every iteration: those they start with, widened by what comes
// out, until nothing changes. in makes a body's inputs of them; the body's outputs hold them from first on.
func (c *call) carry(g *graph.Graph, carried []Value, first int, in func([]Value) []Value) ([]Value, []Value, error) {
	loose := map[string]bool{} // symbols of dimensions that change from one iteration to the next
	for round := 1; ; round++ {
		out, err := c.subgraph(g, in(carried))
		if err != nil {
			return nil, nil, err
		}
		if len(out) < first+len(carried) {
			return nil, nil, fmt.Errorf("its body has %d outputs, and it carries %d values", len(out), len(carried))
		}
		stable := true
		for i, v := range carried {
			next := c.widen(v, out[first+i], loose)
			if round >= maxRounds {
				next = Value{Kind: next.Kind}
			}
			stable = stable && sameType(v, next)
			carried[i] = next
		}
		if !stable && round < 2*maxRounds {
			continue
		}
		for i := range carried { // after the last iteration they have yet another size
			for j, d := range carried[i].Dims {
				if loose[d.String()] {
					carried[i].Dims[j] = Dim{}
				}
			}
		}
		return carried, out, nil
	}
}

// widen is a type for a carried value that both has and gets one. Dimensions that change get a symbol for the iteration's size.
func (c *call) widen(v, out Value, loose map[string]bool) Value {
	if v.Kind == Sequence && v.Element == nil || v.Kind == Tensor && v.DType == 0 && !v.Ranked {
		return typeOnly(out) // an empty sequence takes the type of what enters it
	}
	next := typeOnly(join(v, out))
	for i, d := range next.Dims {
		switch {
		case d.Known():
		case loose[v.Dims[i].String()]:
			next.Dims[i] = v.Dims[i]
		default:
			next.Dims[i] = c.scope.Fresh()
			loose[next.Dims[i].String()] = true
		}
	}
	return next
}

func inferLoop(c *call) error {
	g := c.body("body")
	if g == nil || len(c.in) < 2 {
		return nil
	}
	start := make([]Value, 0, len(c.in))
	for _, v := range c.in[2:] {
		start = append(start, typeOnly(v))
	}
	if len(c.out) < len(start) {
		return fmt.Errorf("it carries %d values and has %d outputs", len(start), len(c.out))
	}
	scalar := func(d Value) Value { return Value{DType: d.DType, Ranked: true} }
	carried, out, err := c.carry(g, start, 1, func(carried []Value) []Value {
		in := []Value{{}, {}}
		if len(g.Inputs) > 1 {
			in[0], in[1] = scalar(OfValue(g.Inputs[0])), scalar(OfValue(g.Inputs[1]))
		}
		return append(in, carried...)
	})
	if err != nil {
		return err
	}
	if len(out) != 1+len(c.out) {
		return fmt.Errorf("its body has %d outputs, for %d of its own", len(out), len(c.out))
	}
	copy(c.out, carried)
	trips := Dim{}
	if c.has(0) && (!c.has(1) || c.one(1).Is(1)) && out[0].Elems != nil && out[0].Elems[0].Is(1) {
		trips = Max(c.one(0), Const(0))
	}
	for i := len(carried); i < len(c.out); i++ {
		c.out[i] = stacked(out[i+1], 0, trips)
	}
	return nil
}

// stacked is many values of a type along a new axis. Their symbols may differ from one to the next only where they are
// the body's own, and then stacking fails at run time.
func stacked(v Value, at int, count Dim) Value {
	if v.Rank() < 0 || at > v.Rank() {
		return Value{DType: v.DType}
	}
	dims := append([]Dim{}, v.Dims[:at]...)
	return Value{DType: v.DType, Ranked: true, Dims: append(append(dims, count), v.Dims[at:]...)}
}

func inferScan(c *call) error {
	g := c.body("body")
	scans := int(c.node.Int("num_scan_inputs", 0))
	first := 0
	if c.opset < 9 {
		first = 1 // sequence lengths stood in front, and everything had a batch
	}
	states := len(c.in) - first - scans
	if g == nil || scans < 1 || states < 0 || c.opset < 9 {
		return nil
	}
	if len(c.out) < states || len(g.Outputs) != len(c.out) {
		return fmt.Errorf("it has %d states and %d outputs, its body %d outputs", states, len(c.out), len(g.Outputs))
	}
	inAxes, outAxes := c.list("scan_input_axes"), c.list("scan_output_axes")
	length := Dim{}
	var parts []Value
	for i, v := range c.in[states:] {
		part := Value{DType: v.DType}
		if v.Rank() >= 0 {
			at, err := scanAxis(inAxes, i, v.Rank())
			if err != nil {
				return err
			}
			ok := false
			if length, ok = unify(length, v.Dims[at]); !ok {
				return fmt.Errorf("its inputs have %s and %s places to scan", length, v.Dims[at])
			}
			part.Ranked, part.Dims = true, append(append([]Dim{}, v.Dims[:at]...), v.Dims[at+1:]...)
		}
		parts = append(parts, part)
	}
	start := make([]Value, 0, states)
	for _, v := range c.in[:states] {
		start = append(start, typeOnly(v))
	}
	carried, out, err := c.carry(g, start, 0, func(carried []Value) []Value { return append(append([]Value{}, carried...), parts...) })
	if err != nil {
		return err
	}
	copy(c.out, carried)
	for i := states; i < len(c.out); i++ {
		at := 0
		if r := out[i].Rank(); r >= 0 {
			if at, err = scanAxis(outAxes, i-states, r+1); err != nil {
				return err
			}
		}
		c.out[i] = stacked(out[i], at, length)
	}
	return nil
}

func scanAxis(list []int64, i, rank int) (int, error) {
	if i >= len(list) {
		return axis(0, rank)
	}
	return axis(list[i], rank)
}

// inferSequenceMap runs the body on the elements of sequences, with whole tensors beside them.
func inferSequenceMap(c *call) error {
	g := c.body("body")
	if g == nil {
		return nil
	}
	var in []Value
	for _, v := range c.in {
		switch {
		case v.Kind == Sequence && v.Element != nil:
			in = append(in, *v.Element)
		case v.Kind == Sequence:
			in = append(in, Value{})
		default:
			in = append(in, v)
		}
	}
	out, err := c.subgraph(g, in)
	if err != nil {
		return err
	}
	for i := range min(len(c.out), len(out)) {
		v := typeOnly(out[i])
		c.out[i] = Value{Kind: Sequence, Element: &v}
	}
	return nil
}
