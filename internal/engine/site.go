package engine

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Refuse is the *UnsupportedError of this node with the formatted reason.
func (s *Site) Refuse(format string, args ...any) error {
	return &UnsupportedError{Node: s.Node.Name, Domain: s.Node.Domain, Op: s.Node.Op, Reason: fmt.Sprintf(format, args...)}
}

// Only refuses every attribute that is not listed, so that none is ignored without notice.
func (s *Site) Only(attrs ...string) error {
	for name, a := range s.Node.Attrs {
		if !slices.Contains(attrs, name) {
			return s.Refuse("attribute %q is not known in version %d", name, s.Opset)
		}
		if a.Kind == graph.AttrUndefined {
			return s.Refuse("attribute %q holds %s", name, a.Str)
		}
	}
	return nil
}

// Arity refuses a node with fewer than minIn present or more than maxIn inputs, or without 1 to maxOut outputs.
func (s *Site) Arity(minIn, maxIn, maxOut int) error {
	n := s.Node
	if len(n.Inputs) > maxIn {
		return s.Refuse("%d inputs, at most %d are defined", len(n.Inputs), maxIn)
	}
	for i := range minIn {
		if i >= len(n.Inputs) || n.Inputs[i] == "" {
			return s.Refuse("input %d is missing", i)
		}
	}
	if len(n.Outputs) < 1 || len(n.Outputs) > maxOut {
		return s.Refuse("%d outputs, 1 to %d are defined", len(n.Outputs), maxOut)
	}
	return nil
}

// Has reports whether input i is present.
func (s *Site) Has(i int) bool { return i < len(s.Node.Inputs) && s.Node.Inputs[i] != "" }

// Fetch reads the constant input i now, for small constants: shapes, axes, bounds. It is nil when the input is absent
// or not a constant.
func (s *Site) Fetch(i int) (*tensor.Tensor, error) {
	if !s.Has(i) || s.Const(i) == nil {
		return nil, nil
	}
	t, err := s.Weights.Weight(s.Node.Inputs[i])
	if err != nil {
		return nil, fmt.Errorf("node %s (%s): constant input %d: %w", s.Node.Name, s.Node.Op, i, err)
	}
	return t, nil
}

// New makes the tensor of an output, or scratch space, with undefined contents. It lives at least as long as the node's
// outputs are used. The dtype must not be String. It panics on an invalid shape, as tensor.New does, and with a *SizeError,
// which Guard returns, on one that memory cannot hold.
func (c *Call) New(d tensor.DType, shape ...int) *tensor.Tensor {
	if len(c.Planned) > 0 {
		if t := c.Planned[0]; t.DType() == d && t.Shape().Equal(shape) {
			c.Planned = c.Planned[1:]
			return t
		}
		c.Planned = nil
	}
	// The copies keep the caller's shape on its stack when there is a plan.
	mustFit(d, shape)
	if c.Alloc == nil {
		return tensor.New(d, slices.Clone(shape)...)
	}
	return c.Alloc(d, slices.Clone(shape))
}

// View sets output i to the elements of t in another shape of equal size. It fails when the sizes differ.
func (c *Call) View(i int, t *tensor.Tensor, shape ...int) error {
	if i < len(c.Views) && c.Views[i] != nil && sameView(c.Views[i], t) && c.Views[i].Shape().Equal(shape) {
		c.Out[i] = c.Views[i]
		return nil
	}
	v, err := t.Reshape(slices.Clone(shape)...)
	c.Out[i] = v
	return err
}

// sameView reports whether both are one buffer, read as the same dtype.
func sameView(a, b *tensor.Tensor) bool {
	x, y := a.Bytes(), b.Bytes()
	return a.DType() == b.DType() && a.DType() != tensor.String && len(x) == len(y) && len(x) > 0 && &x[0] == &y[0]
}

// Has reports whether input i is present.
func (c *Call) Has(i int) bool { return i < len(c.In) && c.In[i] != nil }

// Int64s reads an integer tensor (I32 or I64) as numbers.
func Int64s(t *tensor.Tensor) ([]int64, error) {
	switch t.DType() {
	case tensor.I64:
		return slices.Clone(tensor.Of[int64](t)), nil
	case tensor.I32:
		out := make([]int64, t.Len())
		for i, v := range tensor.Of[int32](t) {
			out[i] = int64(v)
		}
		return out, nil
	}
	return nil, fmt.Errorf("wanted integers (I32 or I64), found %v", t)
}

// Axis resolves an axis that may count from the end; ok is false when it does not lie in a tensor of that rank.
func Axis(axis int64, rank int) (int, bool) {
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), axis >= 0 && axis < int64(rank)
}
