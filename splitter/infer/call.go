package infer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// rule sets the types of a node's outputs in c, as far as they follow from the inputs' types. It fails when no request
// could ever run the node; the error's text completes a sentence about the node.
type rule func(c *call) error

func key(domain, op string) string { return domain + "\x00" + op }

// rules are all rules by operator.
func rules() map[string]rule {
	all := map[string]rule{}
	for _, family := range []map[string]rule{elementwiseRules(), normRules(), denseRules(), convRules(), resizeRules(), reduceRules(), viewRules(), moveRules(),
		gatherRules(), makeRules(), quantRules(), recurrentRules(), sequenceRules(), textRules(), signalRules(), controlRules(), classicRules(), ownRules()} {
		maps.Copy(all, family)
	}
	return all
}

// onnxRules names operators of ai.onnx.
func onnxRules(r rule, ops ...string) map[string]rule {
	out := map[string]rule{}
	for _, op := range ops {
		out[key("", op)] = r
	}
	return out
}

func merge(tables ...map[string]rule) map[string]rule {
	out := map[string]rule{}
	for _, t := range tables {
		maps.Copy(out, t)
	}
	return out
}

// call is one node as its rule sees it.
type call struct {
	scope *Scope
	node  *graph.Node
	opset int64
	in    []Value
	out   []Value
}

// input is the value of input i, unknown when it is absent.
func (c *call) input(i int) Value {
	if i >= len(c.in) {
		return Value{}
	}
	return c.in[i]
}

func (c *call) has(i int) bool { return i < len(c.node.Inputs) && c.node.Inputs[i] != "" }

// ranked reports whether input i is a tensor of known rank.
func (c *call) ranked(i int) bool { return c.input(i).Rank() >= 0 }

// set gives output i a type of known shape; nil dims are a scalar's.
func (c *call) set(i int, d tensor.DType, dims ...Dim) {
	if i < len(c.out) {
		c.out[i] = Value{DType: d, Ranked: true, Dims: slices.Clone(dims)}
	}
}

// dtype gives output i a type of unknown shape.
func (c *call) dtype(i int, d tensor.DType) {
	if i < len(c.out) {
		c.out[i] = Value{DType: d}
	}
}

// like gives output i the shape of v and the dtype d.
func (c *call) like(i int, v Value, d tensor.DType) {
	if v.Rank() < 0 {
		c.dtype(i, d)
	} else {
		c.set(i, d, v.Dims...)
	}
}

// rank fails unless input i has one of the ranks; an unknown rank and an absent input pass.
func (c *call) rank(i int, least, most int) error {
	v := c.input(i)
	if r := v.Rank(); r >= 0 && c.has(i) && (r < least || r > most) {
		want := fmt.Sprint(least)
		if most != least {
			want = fmt.Sprintf("%d to %d", least, most)
			if most >= anyRank {
				want = fmt.Sprintf("at least %d", least)
			}
		}
		return fmt.Errorf("its input %d is %s, wanted %s dimensions", i, v, want)
	}
	return nil
}

// anyRank is an upper bound for ranks that bounds nothing.
const anyRank = 1 << 20

// oneType fails when two of the inputs have different dtypes, and returns their dtype.
func (c *call) oneType(inputs ...int) (tensor.DType, error) {
	found, at := tensor.Invalid, 0
	for _, i := range inputs {
		d := c.input(i).DType
		if d == tensor.Invalid || !c.has(i) {
			continue
		}
		if found == tensor.Invalid {
			found, at = d, i
		}
		if d != found {
			return d, fmt.Errorf("its inputs %d and %d are %s and %s", at, i, found, d)
		}
	}
	return found, nil
}

// all are the positions of all inputs from first on.
func (c *call) all(first int) []int {
	var out []int
	for i := first; i < len(c.in); i++ {
		out = append(out, i)
	}
	return out
}

// ints are the numbers of an attribute or, where the attribute became an input, of that input. known is false when
// they are only known at run time; given is false when there are none.
func (c *call) ints(attr string, input int) (list []int64, given, known bool) {
	if a, ok := c.node.Attrs[attr]; ok && attr != "" {
		if a.Kind == graph.AttrInt {
			return []int64{a.Int}, true, true
		}
		return a.Ints, true, true
	}
	if input < 0 || !c.has(input) {
		return nil, false, true
	}
	list, known = c.input(input).Ints()
	return list, true, known
}

// list is an attribute of integers, def when it is absent.
func (c *call) list(attr string, def ...int64) []int64 {
	if a, ok := c.node.Attrs[attr]; ok && a.Kind == graph.AttrInts {
		return a.Ints
	}
	return def
}

// typeAttr is an attribute that numbers a dtype, Invalid when absent or of no known dtype.
func (c *call) typeAttr(attr string) tensor.DType {
	d, _ := onnx.DTypeOf(c.node.Int(attr, 0))
	return d
}

// axis resolves an axis that may count from the end.
func axis(a int64, rank int) (int, error) {
	at := a
	if at < 0 {
		at += int64(rank)
	}
	if at < 0 || at >= int64(rank) {
		return 0, fmt.Errorf("axis %d does not exist in %d dimensions", a, rank)
	}
	return int(at), nil
}

// axes resolves several axes, each of which may stand once.
func axes(list []int64, rank int) (map[int]bool, error) {
	out := map[int]bool{}
	for _, a := range list {
		i, err := axis(a, rank)
		if err != nil {
			return nil, err
		}
		if out[i] {
			return nil, fmt.Errorf("axis %d stands twice in %v", a, list)
		}
		out[i] = true
	}
	return out, nil
}

// agree reports whether two sizes may be the same.
func agree(a, b Dim) bool {
	x, okX := a.Fixed()
	y, okY := b.Fixed()
	return !okX || !okY || x == y
}

// unify is the better known of two sizes that must be the same.
func unify(a, b Dim) (Dim, bool) {
	if _, fixed := a.Fixed(); fixed || !b.Known() {
		return a, agree(a, b)
	}
	if _, fixed := b.Fixed(); fixed || !a.Known() {
		return b, true
	}
	return a, true
}

// broadcast is numpy's rule. Of a symbol and a size above 1 the size results; two different symbols leave the size unknown.
func broadcast(a, b []Dim) ([]Dim, error) {
	out := make([]Dim, max(len(a), len(b)))
	for i := range out {
		x, y := Const(1), Const(1)
		if j := i - len(out) + len(a); j >= 0 {
			x = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			y = b[j]
		}
		n, fixedX := x.Fixed()
		m, fixedY := y.Fixed()
		switch {
		case x.Equal(y) || fixedY && m == 1:
			out[i] = x
		case fixedX && n == 1:
			out[i] = y
		case fixedX && fixedY:
			return nil, fmt.Errorf("its operands' shapes %s and %s do not broadcast", text(a), text(b))
		case fixedX:
			out[i] = x
		case fixedY:
			out[i] = y
		}
	}
	return out, nil
}

// broadcastInputs is the common shape of the inputs; known is false when one's rank is not.
func (c *call) broadcastInputs(inputs ...int) (dims []Dim, known bool, err error) {
	known = true
	for _, i := range inputs {
		v := c.input(i)
		if v.Rank() < 0 {
			known = false
			continue
		}
		if dims, err = broadcast(dims, v.Dims); err != nil {
			return nil, false, err
		}
	}
	return dims, known, nil
}

// same is the rule of operators whose first output has the type of their first input.
func same(c *call) error {
	v := c.input(0)
	if v.Kind != Tensor && len(c.out) > 0 {
		c.out[0] = v
		return nil
	}
	c.like(0, v, v.DType)
	return nil
}
