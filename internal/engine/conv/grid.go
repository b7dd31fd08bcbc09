package conv

import (
	"fmt"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// sampler is GridSample (ai.onnx 16 to today; two spatial dimensions, three since 20): the input at the positions that the
// grid [N, out..., D] gives, (x, y) or (x, y, z) from -1 to 1 over the image. With align_corners -1 and 1 are the centres
// of the corner elements, else their outer edges. Mode nearest rounds to even; linear weights 2 and cubic (a = -0.75) 4
// elements along each axis. Outside stand zeros, the border's elements, or the reflected ones. A position that is NaN
// gives NaN.
type sampler struct {
	mode, padding string
	corners       bool
}

func gridSample(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("align_corners", "mode", "padding_mode"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	g := &sampler{mode: s.Node.Text("mode", "linear"), padding: s.Node.Text("padding_mode", "zeros"), corners: s.Node.Int("align_corners", 0) != 0}
	switch {
	case s.Opset < 20 && g.mode == "bilinear":
		g.mode = "linear"
	case s.Opset < 20 && g.mode == "bicubic":
		g.mode = "cubic"
	}
	if !slices.Contains([]string{"nearest", "linear", "cubic"}, g.mode) || !slices.Contains([]string{"zeros", "border", "reflection"}, g.padding) {
		return nil, s.Refuse("mode %q or padding_mode %q is not known", g.mode, g.padding)
	}
	return g, nil
}

// Run implements engine.Kernel.
func (g *sampler) Run(c *engine.Call) error {
	x, grid := c.In[0], c.In[1]
	d := x.Rank() - 2
	if d != 2 && d != 3 || grid.Rank() != x.Rank() || grid.Dim(d+1) != d || grid.Dim(0) != x.Dim(0) || !grid.DType().Float() {
		return fmt.Errorf("wanted an input [N, C, H, W] or [N, C, D, H, W] and a grid [N, out..., dimensions], found %v and %v", x, grid)
	}
	if g.mode == "cubic" && d == 3 {
		return fmt.Errorf("mode cubic is defined for images [N, C, H, W], found %v", x)
	}
	wide, err := tensor.Convert(grid, tensor.F64)
	if err != nil {
		return err
	}
	out := append(x.Shape()[:2].Clone(), grid.Shape()[1:d+1]...)
	if x.Len() == 0 && grid.Len() > 0 {
		return fmt.Errorf("input %v has no elements to sample", x)
	}
	c.Out[0] = c.New(x.DType(), out...)
	return onFloats(c, func() { sample(g, c, tensor.Of[float64](wide), tensor.Of[float32]) }, func() { sample(g, c, tensor.Of[float64](wide), tensor.Of[float64]) })
}

func sample[T kernel.Float](g *sampler, c *engine.Call, grid []float64, of func(*tensor.Tensor) []T) {
	x, out := of(c.In[0]), of(c.Out[0])
	extent := c.In[0].Shape()[2:]
	d, ch, in := len(extent), c.In[0].Dim(1), 1
	for _, n := range extent {
		in *= n
	}
	if len(out) == 0 {
		return
	}
	places := len(out) / c.In[0].Dim(0) / ch
	var taps [3]tapList
	taps[0].add(0, 1) // for images; volumes overwrite it
	for n := range c.In[0].Dim(0) {
		for p := range places {
			for i := range d {
				g.taps(&taps[i+3-d], grid[(n*places+p)*d+d-1-i], extent[i])
			}
			for k := range ch {
				plane := x[(n*ch+k)*in : (n*ch+k+1)*in]
				out[(n*ch+k)*places+p] = T(combine(plane, &taps, extent[d-2], extent[d-1]))
			}
		}
	}
}

// tap is an element along one axis and its weight.
type tap struct {
	index  int
	weight float64
}

// tapList are at most four taps, without memory of its own.
type tapList struct {
	list [4]tap
	n    int
}

func (t *tapList) add(index int, weight float64) {
	t.list[t.n] = tap{index, weight}
	t.n++
}

func combine[T kernel.Float](plane []T, taps *[3]tapList, h, w int) float64 {
	total := 0.0
	for _, z := range taps[0].list[:taps[0].n] {
		for _, y := range taps[1].list[:taps[1].n] {
			line, weight := (z.index*h+y.index)*w, z.weight*y.weight
			for _, x := range taps[2].list[:taps[2].n] {
				total += weight * x.weight * float64(plane[line+x.index])
			}
		}
	}
	return total
}

// taps sets the elements that a normalised position reads; those outside with padding zeros are left out.
func (g *sampler) taps(to *tapList, v float64, n int) {
	to.n = 0
	pos, lo, hi := ((v+1)*float64(n)-1)/2, -0.5, float64(n)-0.5
	if g.corners {
		pos, lo, hi = (v+1)/2*float64(n-1), 0, float64(n-1)
	}
	if g.mode == "nearest" {
		pos = math.RoundToEven(pos)
	}
	if pos < lo || pos > hi {
		switch g.padding {
		case "border":
			pos = min(max(pos, 0), float64(n-1))
		case "reflection":
			pos = reflect(pos, lo, hi)
		}
	}
	if pos != pos {
		to.add(0, pos)
		return
	}
	base := math.Floor(pos)
	f := pos - base
	var weights [4]float64
	first, count := 0, 1
	switch g.mode {
	case "nearest":
		weights[0] = 1
	case "linear":
		weights, count = [4]float64{1 - f, f}, 2
	default:
		r := resizer{mode: "cubic", cubic: -0.75}
		weights, first, count = [4]float64{r.kernel(1 + f), r.kernel(f), r.kernel(1 - f), r.kernel(2 - f)}, -1, 4
	}
	for i, w := range weights[:count] {
		at := base + float64(first+i)
		if at < 0 || at > float64(n-1) {
			if g.padding == "zeros" {
				continue
			}
			if g.padding == "reflection" {
				at = math.Trunc(reflect(at, lo, hi))
			}
		}
		to.add(clampIndex(at, n), w)
	}
}

// reflect folds a position at the borders until it lies between them.
func reflect(v, lo, hi float64) float64 {
	span := hi - lo
	if span <= 0 {
		return lo
	}
	d := math.Mod(math.Abs(v-lo), 2*span)
	if v >= lo && v <= hi {
		return v
	}
	if d > span {
		d = 2*span - d
	}
	return lo + d
}

// affineGrid is AffineGrid (ai.onnx 20 to today): for each element of an image of the given size [N, C, H, W] or
// [N, C, D, H, W], theta [N, 2, 3] or [N, 3, 4] times its position (x, y, 1) or (x, y, z, 1), from -1 to 1 between the
// centres of the corner elements (align_corners) or their outer edges.
func affineGrid(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("align_corners"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	corners := s.Node.Int("align_corners", 0) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		theta := c.In[0]
		size, err := engine.Int64s(c.In[1])
		if err != nil {
			return err
		}
		d := len(size) - 2
		if d != 2 && d != 3 || !theta.Shape().Equal(tensor.Shape{int(size[0]), d, d + 1}) {
			return fmt.Errorf("theta is %v, wanted [N, D, D+1] for the size %v", theta, size)
		}
		shape := tensor.Shape{int(size[0])}
		for _, n := range size[2:] {
			shape = append(shape, int(n))
		}
		shape = append(shape, d)
		if n, err := shape.Elements(); err != nil || n > 1<<33 {
			return fmt.Errorf("size %v is out of range", size)
		}
		c.Out[0] = c.New(theta.DType(), shape...)
		return onFloats(c, func() { affine(c, corners, tensor.Of[float32]) }, func() { affine(c, corners, tensor.Of[float64]) })
	}), nil
}

func affine[T kernel.Float](c *engine.Call, corners bool, of func(*tensor.Tensor) []T) {
	theta, out := of(c.In[0]), of(c.Out[0])
	d := c.In[0].Dim(1)
	extent := c.Out[0].Shape()[1 : d+1]
	places := len(out) / max(d*c.In[0].Dim(0), 1)
	point := make([]float64, d+1)
	point[d] = 1
	for i := range len(out) / d {
		rest := i % places
		for k := range d {
			n := extent[d-1-k]
			v := float64(rest % n)
			rest /= n
			switch {
			case !corners:
				point[k] = (2*v+1)/float64(n) - 1
			case n > 1:
				point[k] = 2*v/float64(n-1) - 1
			default:
				point[k] = -1
			}
		}
		for k := range d {
			sum := 0.0
			for j, p := range point {
				sum += float64(theta[(i/places*d+k)*(d+1)+j]) * p
			}
			out[i*d+k] = T(sum)
		}
	}
}
