package infer

import (
	"fmt"
)

// viewRules are the operators that give the same elements another shape.
func viewRules() map[string]rule {
	return merge(
		onnxRules(inferIdentity, "Identity"),
		onnxRules(inferReshape, "Reshape"),
		onnxRules(inferFlatten, "Flatten"),
		onnxRules(inferSqueeze, "Squeeze"),
		onnxRules(inferUnsqueeze, "Unsqueeze"),
	)
}

func inferIdentity(c *call) error {
	c.out[0] = c.input(0)
	c.out[0].Dims = append([]Dim{}, c.out[0].Dims...)
	return nil
}

// keepElems hands the elements on where the output is a scalar or vector, too.
func (c *call) keepElems(x Value) {
	if len(c.out[0].Dims) <= 1 {
		c.out[0].Elems, c.out[0].Floats = x.Elems, x.Floats
	}
}

func inferReshape(c *call) error {
	x := c.input(0)
	want := c.input(1).Elems
	if a, ok := c.node.Attrs["shape"]; ok {
		want = constants(a.Ints)
	} else if want == nil {
		c.dtype(0, x.DType)
		if r := c.input(1); r.Rank() == 1 { // the shape's length is the rank
			if n, ok := r.Dims[0].Fixed(); ok && n <= maxElems {
				c.set(0, x.DType, make([]Dim, n)...)
			}
		}
		return nil
	}
	dims, err := reshape(x, want, c.node.Int("allowzero", 0) != 0)
	if err != nil {
		return err
	}
	c.set(0, x.DType, dims...)
	c.keepElems(x)
	return nil
}

// reshape resolves 0, which copies a dimension, and -1, which takes the rest.
func reshape(x Value, want []Dim, zero bool) ([]Dim, error) {
	out := make([]Dim, len(want))
	open := -1
	for i, d := range want {
		n, fixed := d.Fixed()
		out[i] = d
		switch {
		case fixed && n == 0 && !zero:
			if x.Rank() >= 0 && i >= len(x.Dims) {
				return nil, fmt.Errorf("it copies dimension %d of %s", i, x)
			}
			out[i] = Dim{}
			if x.Rank() >= 0 {
				out[i] = x.Dims[i]
			}
		case fixed && n == -1 && open < 0:
			open, out[i] = i, Const(1)
		case fixed && n < 0:
			return nil, fmt.Errorf("the shape %s has more than one -1 or a negative size", text(want))
		}
	}
	if x.Rank() < 0 {
		if open >= 0 {
			out[open] = Dim{}
		}
		return out, nil
	}
	have, need := Product(x.Dims), Product(out)
	if open < 0 {
		return solve(out, x, have, need)
	}
	h, okH := have.Fixed()
	n, okN := need.Fixed()
	switch q, ok := have.Exact(need); {
	case ok:
		out[open] = q
	case okH && okN && (n == 0 || h%n != 0):
		return nil, fmt.Errorf("%s does not fit into %s", text(x.Dims), text(want))
	default:
		out[open] = have.Div(need)
	}
	return out, nil
}

// solve checks a shape without -1, and finds its one unknown dimension.
func solve(out []Dim, x Value, have, need Dim) ([]Dim, error) {
	if !agree(have, need) {
		return nil, fmt.Errorf("%s does not fit into %s", text(x.Dims), text(out))
	}
	open := -1
	for i, d := range out {
		if d.Known() {
			continue
		}
		if open >= 0 {
			return out, nil
		}
		open = i
	}
	if open >= 0 {
		rest := append(append([]Dim{}, out[:open]...), out[open+1:]...)
		if q, ok := have.Exact(Product(rest)); ok {
			out[open] = q
		}
	}
	return out, nil
}

func inferFlatten(c *call) error {
	x := c.input(0)
	if x.Rank() < 0 {
		c.set(0, x.DType, Dim{}, Dim{})
		return nil
	}
	a := c.node.Int("axis", 1)
	if a < 0 {
		a += int64(x.Rank())
	}
	if a < 0 || a > int64(x.Rank()) {
		return fmt.Errorf("axis %d does not exist in %s", a, x)
	}
	c.set(0, x.DType, Product(x.Dims[:a]), Product(x.Dims[a:]))
	return nil
}

func inferSqueeze(c *call) error {
	x := c.input(0)
	list, given, known := c.ints("axes", 1)
	if x.Rank() < 0 || !known {
		c.dtype(0, x.DType)
		return nil
	}
	gone, err := axes(list, x.Rank())
	if err != nil {
		return err
	}
	dims := []Dim{}
	for i, d := range x.Dims {
		n, fixed := d.Fixed()
		switch {
		case !given && !fixed:
			c.dtype(0, x.DType)
			return nil
		case gone[i] && fixed && n != 1:
			return fmt.Errorf("axis %d of %s is not 1", i, x)
		case given && !gone[i] || !given && n != 1:
			dims = append(dims, d)
		}
	}
	c.set(0, x.DType, dims...)
	c.keepElems(x)
	return nil
}

func inferUnsqueeze(c *call) error {
	x := c.input(0)
	list, _, known := c.ints("axes", 1)
	if x.Rank() < 0 || !known {
		c.dtype(0, x.DType)
		return nil
	}
	added, err := axes(list, x.Rank()+len(list))
	if err != nil {
		return err
	}
	rest := x.Dims
	dims := []Dim{}
	for i := range x.Rank() + len(list) {
		if added[i] {
			dims = append(dims, Const(1))
		} else {
			dims, rest = append(dims, rest[0]), rest[1:]
		}
	}
	c.set(0, x.DType, dims...)
	c.keepElems(x)
	return nil
}
