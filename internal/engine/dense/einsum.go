package dense

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/strided"
	"github.com/shardwise/shardwise/internal/tensor"
)

// einsum is Einsum (ai.onnx 12 to today) of numbers: Σ over the labels that the result lacks of the products of the
// operands, as numpy.einsum. Operands are taken from the left, and each step is one batched MatMul: of the labels that
// are no longer needed both operands' are multiplied and added, one operand's alone are added first.
func (k *kernels) einsum(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("equation"); err != nil {
		return nil, err
	}
	if err := s.Arity(max(1, len(s.Node.Inputs)), max(1, len(s.Node.Inputs)), 1); err != nil {
		return nil, err
	}
	e, err := parseEquation(s.Node.Text("equation", ""), len(s.Node.Inputs))
	if err != nil {
		return nil, s.Refuse("%v", err)
	}
	return engine.KernelFunc(func(c *engine.Call) error { return k.runEinsum(c, e) }), nil
}

// labelled is a tensor with a label for each dimension. Letters are labels; the dimensions of an ellipsis have negative
// ones, -1 the last.
type labelled struct {
	t      *tensor.Tensor
	labels []rune
}

func (k *kernels) runEinsum(c *engine.Call, e equation) error {
	operands := make([]labelled, len(c.In))
	sizes, most := map[rune]int{}, 0
	for i, t := range c.In {
		if k.by[t.DType()] == nil || t.DType() != c.In[0].DType() {
			return fmt.Errorf("operands are %v and %v, wanted numbers of one type", c.In[0], t)
		}
		labels, dots, err := e.in[i].resolve(t.Rank())
		if err != nil {
			return fmt.Errorf("operand %v: %w", t, err)
		}
		most = max(most, dots)
		for d, l := range labels {
			n, seen := sizes[l]
			if seen && n != t.Dim(d) && n != 1 && t.Dim(d) != 1 {
				return fmt.Errorf("label %v has sizes %d and %d", label(l), n, t.Dim(d))
			}
			if !seen || n == 1 {
				sizes[l] = t.Dim(d)
			}
		}
		operands[i] = labelled{t, labels}
	}
	if !slices.Contains(e.out, '.') {
		most = 0 // the dimensions of the ellipsis are added up
	}
	out, _, err := e.out.resolve(len(e.out.letters()) + most)
	if err != nil {
		return err
	}
	for i := range operands {
		if operands[i], err = single(c, operands[i], sizes); err != nil {
			return err
		}
	}
	acc := operands[0]
	for i := 1; i < len(operands); i++ {
		needed := slices.Clone(out)
		for _, later := range operands[i+1:] {
			needed = append(needed, later.labels...)
		}
		if acc, err = k.contract(c, acc, operands[i], needed); err != nil {
			return err
		}
	}
	if acc, err = k.sumOut(c, acc, out); err != nil {
		return err
	}
	return finish(c, acc, out, sizes)
}

func label(l rune) string {
	if l < 0 {
		return "..."
	}
	return string(l)
}

// single takes the diagonal of repeated labels, and drops dimensions of size 1 that stretch.
func single(c *engine.Call, x labelled, sizes map[rune]int) (labelled, error) {
	from := strided.RowMajor(x.t.Shape())
	var shape tensor.Shape
	var step []int
	var labels []rune
	for d, l := range x.labels {
		if x.t.Dim(d) == 1 && sizes[l] != 1 {
			continue
		}
		if at := slices.Index(labels, l); at >= 0 {
			step[at] += from[d]
			continue
		}
		shape, step, labels = append(shape, x.t.Dim(d)), append(step, from[d]), append(labels, l)
	}
	if len(labels) == len(x.labels) {
		return x, nil
	}
	t, err := strided.Copy(c, x.t, shape, step, 0)
	return labelled{t, labels}, err
}

// permuted brings the dimensions of x into the order of the groups and merges each group into one dimension.
func permuted(c *engine.Call, x labelled, groups ...[]rune) (*tensor.Tensor, error) {
	from := strided.RowMajor(x.t.Shape())
	var shape, merged tensor.Shape
	var step []int
	for _, g := range groups {
		size := 1
		for _, l := range g {
			d := slices.Index(x.labels, l)
			shape, step = append(shape, x.t.Dim(d)), append(step, from[d])
			size *= x.t.Dim(d)
		}
		merged = append(merged, size)
	}
	t, err := strided.Copy(c, x.t, shape, step, 0)
	if err != nil {
		return nil, err
	}
	return t.Reshape(merged...)
}

// contract multiplies two operands and adds over the labels that are not needed any more.
func (k *kernels) contract(c *engine.Call, a, b labelled, needed []rune) (labelled, error) {
	keep := append(slices.Clone(needed), b.labels...)
	a, err := k.sumOut(c, a, keep)
	if err != nil {
		return a, err
	}
	if b, err = k.sumOut(c, b, append(slices.Clone(needed), a.labels...)); err != nil {
		return b, err
	}
	// The rows of the product are those of the operand whose label comes first in the result: that is the batch, on whose
	// size the order of additions must not depend.
	for _, l := range needed {
		inA, inB := slices.Contains(a.labels, l), slices.Contains(b.labels, l)
		if inA != inB {
			if inB {
				a, b = b, a
			}
			break
		}
	}
	var both, inner, left, right []rune
	dims := map[rune]int{}
	for d, l := range a.labels {
		dims[l] = a.t.Dim(d)
		switch {
		case !slices.Contains(b.labels, l):
			left = append(left, l)
		case slices.Contains(needed, l):
			both = append(both, l)
		default:
			inner = append(inner, l)
		}
	}
	for d, l := range b.labels {
		dims[l] = b.t.Dim(d)
		if !slices.Contains(a.labels, l) {
			right = append(right, l)
		}
	}
	x, err := permuted(c, a, both, left, inner)
	if err != nil {
		return a, err
	}
	y, err := permuted(c, b, both, inner, right)
	if err != nil {
		return a, err
	}
	t, err := k.product(c, x, y)
	if err != nil {
		return a, err
	}
	labels := slices.Concat(both, left, right)
	shape := make(tensor.Shape, len(labels))
	for i, l := range labels {
		shape[i] = dims[l]
	}
	t, err = t.Reshape(shape...)
	return labelled{t, labels}, err
}

// sumOut adds over the labels of x that are not kept, as a product with ones.
func (k *kernels) sumOut(c *engine.Call, x labelled, keep []rune) (labelled, error) {
	var kept, gone []rune
	var shape tensor.Shape
	for d, l := range x.labels {
		if slices.Contains(keep, l) {
			kept, shape = append(kept, l), append(shape, x.t.Dim(d))
		} else {
			gone = append(gone, l)
		}
	}
	if len(gone) == 0 {
		return x, nil
	}
	rows, err := permuted(c, x, kept, gone)
	if err != nil {
		return x, err
	}
	t, err := k.product(c, rows, oneVector(c, x.t.DType(), rows.Dim(1)))
	if err != nil {
		return x, err
	}
	t, err = t.Reshape(shape...)
	return labelled{t, kept}, err
}

func oneVector(c *engine.Call, d tensor.DType, n int) *tensor.Tensor {
	t := c.New(d, n)
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	switch d {
	case tensor.F32:
		one = []byte{0, 0, 0x80, 0x3f}
	case tensor.F64:
		one = []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}
	}
	for i := range n {
		copy(t.Bytes()[i*d.Size():(i+1)*d.Size()], one)
	}
	return t
}

// finish brings the dimensions into the result's order; a label that every operand had in size 1 comes back.
func finish(c *engine.Call, x labelled, out []rune, sizes map[rune]int) error {
	from := strided.RowMajor(x.t.Shape())
	shape, step := make(tensor.Shape, len(out)), make([]int, len(out))
	for i, l := range out {
		shape[i] = sizes[l]
		if d := slices.Index(x.labels, l); d >= 0 {
			step[i] = from[d]
		}
	}
	var err error
	c.Out[0], err = strided.Copy(c, x.t, shape, step, 0)
	return err
}

// equation is a parsed equation.
type equation struct {
	in  []term
	out term
}

// term is the labels of one operand or the result; a dot stands for the ellipsis.
type term []rune

func parseEquation(text string, operands int) (equation, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), "...", ".")
	left, right, explicit := strings.Cut(text, "->")
	var e equation
	for _, part := range strings.Split(left, ",") {
		e.in = append(e.in, term(part))
	}
	if len(e.in) != operands {
		return e, fmt.Errorf("equation %q names %d operands, and there are %d", text, len(e.in), operands)
	}
	if e.out = term(right); !explicit {
		e.out = implicit(e.in)
	}
	known := slices.Concat(e.in...)
	for _, t := range append(slices.Clone(e.in), e.out) {
		dots := 0
		for _, l := range t {
			if l == '.' {
				dots++
			} else if l < 'A' || l > 'z' || l > 'Z' && l < 'a' {
				return e, fmt.Errorf("equation %q has the label %q, wanted letters", text, l)
			}
		}
		if dots > 1 {
			return e, fmt.Errorf("equation %q has two ellipses in one term", text)
		}
	}
	for i, l := range e.out {
		if l != '.' && !slices.Contains(known, l) || slices.Contains(e.out[:i], l) {
			return e, fmt.Errorf("equation %q has the label %q twice in its result, or in no operand", text, l)
		}
	}
	return e, nil
}

// implicit is the result of an equation without one: the ellipsis, then the labels that stand once, in alphabetic order.
func implicit(in []term) term {
	count := map[rune]int{}
	for _, t := range in {
		for _, l := range t {
			count[l]++
		}
	}
	var out term
	for l, n := range count {
		if l != '.' && n == 1 {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	if count['.'] > 0 {
		out = append(term{'.'}, out...)
	}
	return out
}

// letters are the term without the ellipsis.
func (t term) letters() []rune {
	return slices.DeleteFunc(slices.Clone(t), func(l rune) bool { return l == '.' })
}

// resolve gives each of rank dimensions its label; dots is the number of those of the ellipsis.
func (t term) resolve(rank int) (labels []rune, dots int, err error) {
	letters := t.letters()
	dots = rank - len(letters)
	if len(letters) == len(t) && dots != 0 || dots < 0 {
		return nil, 0, fmt.Errorf("labels %q do not fit %d dimensions", string(t), rank)
	}
	for _, l := range t {
		if l != '.' {
			labels = append(labels, l)
			continue
		}
		for i := range dots {
			labels = append(labels, rune(i-dots))
		}
	}
	return labels, dots, nil
}
