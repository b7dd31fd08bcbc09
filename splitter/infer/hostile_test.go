package infer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// TestRulesNeverPanic feeds every rule with random inputs and attributes, most of which no model could have.
func TestRulesNeverPanic(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	all := rules()
	for k := range all {
		domain, op, _ := strings.Cut(k, "\x00")
		for range 500 {
			n, s := hostileNode(r, all, domain, op)
			out, err := tryNode(s, n)
			if p, ok := err.(fmt.Stringer); ok {
				t.Fatalf("seed %d: %s panics: %s\n%s", seed, op, p, describeNode(s, n))
			}
			if err != nil {
				continue
			}
			for _, v := range out {
				if why := unsettled(v); why != "" {
					t.Fatalf("seed %d: %s\n%s", seed, why, describeNode(s, n))
				}
			}
		}
	}
}

// panicked is a recovered panic.
type panicked struct{ value any }

func (p panicked) Error() string  { return fmt.Sprint(p.value) }
func (p panicked) String() string { return p.Error() }

func tryNode(s *Scope, n *graph.Node) (out []Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked{p}
		}
	}()
	return s.Node(n)
}

func describeNode(s *Scope, n *graph.Node) string {
	text := fmt.Sprintf("%s.%s version %d %+v outputs %d:", n.Domain, n.Op, s.opsets[n.Domain], n.Attrs, len(n.Outputs))
	for _, in := range n.Inputs {
		v := s.Value(in)
		text += fmt.Sprintf(" %q %s %v", in, v, v.Elems)
	}
	return text
}

// unsettled says what is wrong with an output.
func unsettled(v Value) string {
	for _, d := range v.Dims {
		if n, ok := d.Fixed(); !d.Known() && v.Element == nil || ok && n < 0 {
			return "an output is " + v.String()
		}
	}
	if v.Elems != nil && (len(v.Dims) > 1 || !v.Ranked) {
		return fmt.Sprintf("an output is %s and has %d elements", v, len(v.Elems))
	}
	return ""
}

func hostileNode(r *rand.Rand, all map[string]rule, domain, op string) (*graph.Node, *Scope) {
	s := &Scope{session: &session{opsets: map[string]int64{domain: r.Int64N(27), "": 17}, rules: all, taken: map[string]bool{}, made: map[string]bool{}}, values: map[string]Value{}}
	n := &graph.Node{Name: "n", Domain: domain, Op: op, Attrs: map[string]graph.Attr{}}
	for i := range r.IntN(8) {
		name := fmt.Sprintf("in%d", i)
		if r.IntN(8) == 0 {
			name = ""
		} else if r.IntN(10) > 0 {
			s.Define(name, hostileValue(r, 0))
		}
		n.Inputs = append(n.Inputs, name)
	}
	for i := range r.IntN(4) {
		n.Outputs = append(n.Outputs, fmt.Sprintf("out%d", i))
	}
	names := []string{"axis", "axes", "perm", "keepdims", "shape", "split", "starts", "ends", "steps", "pads", "strides", "dilations", "kernel_shape", "group",
		"auto_pad", "output_shape", "output_padding", "scales", "blocksize", "equation", "to", "value", "dtype", "hidden_size", "direction", "layout", "batch_dims",
		"k", "allowzero", "ceil_mode", "classlabels_ints", "classlabels_strings", "n_targets", "then_branch", "else_branch", "body", "num_scan_inputs",
		"q_num_heads", "kv_num_heads", "transA", "transB", "paddings", "new_axis", "ngram_indexes", "onesided", "inverse", "scan_input_axes", "start", "end",
		"noop_with_empty_axes", "inputdimensions", "outputs", "transform", "offset", "stash_type", "output_datatype"}
	for range r.IntN(8) {
		n.Attrs[names[r.IntN(len(names))]] = hostileAttr(r)
	}
	return n, s
}

func hostileNumber(r *rand.Rand) int64 {
	return []int64{0, 1, -1, 2, 3, -2, 7, 1 << 40, -1 << 63, 1<<63 - 1}[r.IntN(10)]
}

func hostileAttr(r *rand.Rand) graph.Attr {
	switch r.IntN(7) {
	case 0:
		return graph.Attr{Kind: graph.AttrInt, Int: hostileNumber(r)}
	case 1, 2:
		a := graph.Attr{Kind: graph.AttrInts}
		for range r.IntN(6) {
			a.Ints = append(a.Ints, hostileNumber(r))
		}
		return a
	case 3:
		return graph.Attr{Kind: graph.AttrString, Str: []string{"", "SAME_UPPER", "VALID", "ij,jk->ik", "...i->...", "i,,j", "->", "bidirectional", "argmax"}[r.IntN(9)]}
	case 4:
		return graph.Attr{Kind: graph.AttrFloats, Floats: []float32{0.5, -1}[:r.IntN(3)]}
	case 5:
		return graph.Attr{Kind: graph.AttrTensor, Tensor: &graph.Weight{DType: tensor.I64, Shape: tensor.Shape{r.IntN(2)}, Data: make([]byte, 8)}}
	}
	g := &graph.Graph{Name: "body"}
	for i := range r.IntN(4) {
		g.Inputs = append(g.Inputs, graph.Value{Name: fmt.Sprintf("b%d", i), DType: tensor.F32})
	}
	for i := range r.IntN(4) {
		g.Nodes = append(g.Nodes, &graph.Node{Name: "inner", Op: []string{"Concat", "Add", "Identity", "Shape"}[r.IntN(4)],
			Inputs: []string{"b0", fmt.Sprintf("b%d", r.IntN(3)), "in1"}[:1+r.IntN(3)], Outputs: []string{fmt.Sprintf("y%d", i)}})
		g.Outputs = append(g.Outputs, graph.Value{Name: fmt.Sprintf("y%d", i)})
	}
	return graph.Attr{Kind: graph.AttrGraph, Graph: g}
}

func hostileValue(r *rand.Rand, depth int) Value {
	if r.IntN(12) == 0 && depth < 3 {
		e := hostileValue(r, depth+1)
		return Value{Kind: Kind(1 + r.IntN(3)), Element: &e}
	}
	v := Value{DType: tensor.DType(r.IntN(int(tensor.String) + 1)), Ranked: r.IntN(8) > 0}
	if !v.Ranked {
		return v
	}
	for range r.IntN(6) {
		d := Const(r.Int64N(5))
		switch r.IntN(4) {
		case 0:
			d = Symbol(string(rune('a' + r.IntN(3)))).Add(Const(r.Int64N(2)))
		case 1:
			d = Symbol(string(rune('a' + r.IntN(3))))
		}
		v.Dims = append(v.Dims, d)
	}
	if n, ok := dimCount(v.Dims); ok && r.IntN(2) == 0 {
		v.Elems = []Dim{}
		for range n {
			e := Const(hostileNumber(r))
			if r.IntN(3) == 0 {
				e = Symbol("a").Sub(Const(r.Int64N(3)))
			}
			v.Elems = append(v.Elems, e)
		}
	}
	return v
}
