package conv

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// maxGrid bounds the sampling points of one bin along one axis, which follow from the data.
const maxGrid = 1 << 12

// regions are the operators on regions of interest.
func regions() engine.Table {
	align := []engine.Types{engine.Floats(), engine.Floats(), engine.TypesOf(tensor.I64)}
	return engine.Table{
		{Op: "MaxRoiPool"}: {{Since: 1, Build: maxRoiPool, In: floats(), Half: true}},
		{Op: "RoiAlign"}:   {{Since: 10, Build: roiAlign, In: align, Half: true}},
	}
}

// maxRoiPool is MaxRoiPool (ai.onnx 1 to today). Each region [image, x1, y1, x2, y2], scaled by spatial_scale and rounded,
// is cut into pooled_shape bins [floor(i·size), ceil((i+1)·size)); the greatest element of each is the output, 0 for an
// empty bin.
func maxRoiPool(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("pooled_shape", "spatial_scale"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 2, 1); err != nil {
		return nil, err
	}
	pooled, scale := s.Node.Attrs["pooled_shape"].Ints, float64(s.Node.Float("spatial_scale", 1))
	if len(pooled) != 2 || min(pooled[0], pooled[1]) < 1 || max(pooled[0], pooled[1]) > 1<<20 {
		return nil, s.Refuse("pooled_shape is %v, wanted two positive numbers", pooled)
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x, rois := c.In[0], c.In[1]
		if x.Rank() != 4 || rois.DType() != x.DType() || rois.Rank() != 2 || rois.Dim(1) != 5 {
			return fmt.Errorf("wanted an input [N, C, H, W] and regions [R, 5] of one float type, found %v and %v", x, rois)
		}
		c.Out[0] = c.New(x.DType(), rois.Dim(0), x.Dim(1), int(pooled[0]), int(pooled[1]))
		var err error
		bad := onFloats(c, func() { err = roiMax(c, scale, tensor.Of[float32]) }, func() { err = roiMax(c, scale, tensor.Of[float64]) })
		if bad != nil {
			return bad
		}
		return err
	}), nil
}

func roiMax[T float](c *engine.Call, scale float64, of func(*tensor.Tensor) []T) error {
	x, rois, out := of(c.In[0]), of(c.In[1]), of(c.Out[0])
	ch, h, w := c.In[0].Dim(1), c.In[0].Dim(2), c.In[0].Dim(3)
	ph, pw := c.Out[0].Dim(2), c.Out[0].Dim(3)
	at := 0
	for r := range c.In[1].Dim(0) {
		roi := rois[r*5 : r*5+5]
		image, err := imageIndex(float64(roi[0]), c.In[0].Dim(0))
		if err != nil {
			return err
		}
		for k := range ch {
			plane := x[(image*ch+k)*h*w : (image*ch+k+1)*h*w]
			for py := range ph {
				y0, y1 := bin(float64(roi[2])*scale, float64(roi[4])*scale, py, ph, h)
				for px := range pw {
					x0, x1 := bin(float64(roi[1])*scale, float64(roi[3])*scale, px, pw, w)
					var best T
					for i := y0; i < y1; i++ {
						for j := x0; j < x1; j++ {
							if v := plane[i*w+j]; i == y0 && j == x0 || v > best || v != v {
								best = v
							}
						}
					}
					out[at] = best
					at++
				}
			}
		}
	}
	return nil
}

func imageIndex(v float64, images int) (int, error) {
	if !(v >= 0 && v < float64(images)) {
		return 0, fmt.Errorf("a region names image %v of %d", v, images)
	}
	return int(v), nil
}

// bin is the i-th of n bins between two borders, cut to the extent.
func bin(from, to float64, i, n, extent int) (lo, hi int) {
	start := math.Round(from)
	size := max(math.Round(to)-start+1, 1) / float64(n)
	cut := func(v float64) int { return int(min(max(v, 0), float64(extent))) }
	return cut(math.Floor(float64(i)*size) + start), cut(math.Ceil(float64(i+1)*size) + start)
}

// aligned is a RoiAlign node.
type aligned struct {
	height, width, ratio int
	scale, offset        float64
	greatest             bool
}

// roiAlign is RoiAlign (ai.onnx 10 to today). Each region [x1, y1, x2, y2], scaled and (16 to today, half_pixel) moved by
// half a pixel, is cut into bins; in each, sampling_ratio points (or ceil of the bin's size) along each axis are
// interpolated from their four neighbours, and averaged. With mode max the greatest weighted neighbour is taken.
func roiAlign(s *engine.Site) (engine.Kernel, error) {
	names := []string{"mode", "output_height", "output_width", "sampling_ratio", "spatial_scale"}
	half := "output_half_pixel"
	if s.Opset >= 16 {
		names = append(names, "coordinate_transformation_mode")
		half = s.Node.Text("coordinate_transformation_mode", "half_pixel")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	n, mode := s.Node, s.Node.Text("mode", "avg")
	height, width, ratio := n.Int("output_height", 1), n.Int("output_width", 1), n.Int("sampling_ratio", 0)
	if half != "half_pixel" && half != "output_half_pixel" || mode != "avg" && mode != "max" {
		return nil, s.Refuse("coordinate_transformation_mode %q or mode %q is not known", half, mode)
	}
	if min(height, width) < 1 || max(height, width) > 1<<20 || ratio < 0 || ratio > maxGrid {
		return nil, s.Refuse("output %d x %d with sampling_ratio %d is out of range", height, width, ratio)
	}
	a := &aligned{height: int(height), width: int(width), ratio: int(ratio), scale: float64(n.Float("spatial_scale", 1)), greatest: mode == "max"}
	if half == "half_pixel" {
		a.offset = 0.5
	}
	return a, nil
}

// Run implements engine.Kernel.
func (a *aligned) Run(c *engine.Call) error {
	x, rois, images := c.In[0], c.In[1], c.In[2]
	if x.Rank() != 4 || rois.DType() != x.DType() || rois.Rank() != 2 || rois.Dim(1) != 4 || images.DType() != tensor.I64 ||
		!images.Shape().Equal(rois.Shape()[:1]) {
		return fmt.Errorf("wanted an input [N, C, H, W], regions [R, 4] of its type and I64[R], found %v, %v and %v", x, rois, images)
	}
	c.Out[0] = c.New(x.DType(), rois.Dim(0), x.Dim(1), a.height, a.width)
	var err error
	bad := onFloats(c, func() { err = alignAll(a, c, tensor.Of[float32]) }, func() { err = alignAll(a, c, tensor.Of[float64]) })
	if bad != nil {
		return bad
	}
	return err
}

func alignAll[T float](a *aligned, c *engine.Call, of func(*tensor.Tensor) []T) error {
	x, rois, out := of(c.In[0]), of(c.In[1]), of(c.Out[0])
	ch, h, w := c.In[0].Dim(1), c.In[0].Dim(2), c.In[0].Dim(3)
	bins := a.height * a.width
	for r, image := range tensor.Of[int64](c.In[2]) {
		if image < 0 || image >= int64(c.In[0].Dim(0)) {
			return fmt.Errorf("a region names image %d of %d", image, c.In[0].Dim(0))
		}
		roi := rois[r*4 : r*4+4]
		ys, ny, err := a.points(float64(roi[1]), float64(roi[3]), a.height, h)
		if err != nil {
			return err
		}
		xs, nx, err := a.points(float64(roi[0]), float64(roi[2]), a.width, w)
		if err != nil {
			return err
		}
		for k := range ch {
			plane := x[(int(image)*ch+k)*h*w : (int(image)*ch+k+1)*h*w]
			to := out[(r*ch+k)*bins : (r*ch+k+1)*bins]
			for i := range to {
				by, bx := i/a.width, i%a.width
				to[i] = T(alignBin(a, plane, w, ys[by*ny:(by+1)*ny], xs[bx*nx:(bx+1)*nx]))
			}
		}
	}
	return nil
}

// point is a sampling position along one axis: its two neighbours and their weights, or out of the image.
type point struct {
	lo, hi   int
	wlo, whi float64
	out      bool
}

// points are the sampling points of all bins of a region along one axis; n of them are one bin's.
func (a *aligned) points(from, to float64, bins, extent int) (list []point, n int, err error) {
	start := from*a.scale - a.offset
	size := to*a.scale - a.offset - start
	if a.offset == 0 {
		size = max(size, 1)
	}
	size /= float64(bins)
	n = a.ratio
	if n == 0 {
		if !(size <= maxGrid) {
			return nil, 0, fmt.Errorf("a region has bins of %v pixels, at most %d are covered", size, maxGrid)
		}
		n = max(int(math.Ceil(size)), 0)
	}
	for b := range bins {
		for i := range n {
			list = append(list, pointAt(start+float64(b)*size+(float64(i)+0.5)*size/float64(n), extent))
		}
	}
	return list, n, nil
}

func pointAt(v float64, extent int) point {
	if !(v >= -1 && v <= float64(extent)) || extent == 0 {
		return point{out: true}
	}
	v = max(v, 0)
	lo := int(v)
	if lo >= extent-1 {
		return point{lo: extent - 1, hi: extent - 1, wlo: 1}
	}
	return point{lo: lo, hi: lo + 1, wlo: 1 - (v - float64(lo)), whi: v - float64(lo)}
}

func alignBin[T float](a *aligned, plane []T, w int, ys, xs []point) float64 {
	total, best, first := 0.0, 0.0, true
	for _, y := range ys {
		for _, x := range xs {
			var p [4]float64
			if !y.out && !x.out {
				p = [4]float64{y.wlo * x.wlo * float64(plane[y.lo*w+x.lo]), y.wlo * x.whi * float64(plane[y.lo*w+x.hi]),
					y.whi * x.wlo * float64(plane[y.hi*w+x.lo]), y.whi * x.whi * float64(plane[y.hi*w+x.hi])}
			}
			total += p[0] + p[1] + p[2] + p[3]
			if !a.greatest {
				continue
			}
			if top := max(p[0], p[1], p[2], p[3]); first || top > best {
				best, first = top, false
			}
		}
	}
	if a.greatest {
		return best
	}
	return total / float64(max(len(ys)*len(xs), 1))
}
