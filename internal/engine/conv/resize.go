package conv

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// resampling are the operators that read an input at other positions than its own.
func resampling() engine.Table {
	shapes := []engine.Types{engine.Fixed(), engine.TypesOf(tensor.F16, tensor.F32, tensor.F64), engine.TypesOf(tensor.F32), engine.TypesOf(tensor.I64)}
	scales := []engine.Types{engine.Fixed(), engine.TypesOf(tensor.F32)}
	return engine.Table{
		{Op: "Resize"}: {{Since: 10, Until: 10, Build: upsample, In: scales}, {Since: 11, Build: resize, In: shapes}},
		{Op: "Upsample"}: {
			{Since: 7, Until: 8, Build: upsample, In: scales[:1]},
			{Since: 9, Until: 9, Build: upsample, In: scales}},
		{Op: "GridSample"}: {{Since: 16, Build: gridSample, In: floats(), Half: true}},
		{Op: "AffineGrid"}: {{Since: 20, Build: affineGrid, In: []engine.Types{engine.Floats(), engine.TypesOf(tensor.I64)}, Half: true}},
	}
}

// resizer is Resize (ai.onnx 10 to today) and Upsample (7 to 9). Each output position x along an axis is mapped back to
// the input, with scale = output / input extent:
//
//	half_pixel            (x + 0.5) / scale - 0.5
//	half_pixel_symmetric  the same, moved so that the centres of both meet
//	pytorch_half_pixel    the same as half_pixel, 0 for an output of one element
//	align_corners         x · (in - 1) / (out - 1)
//	asymmetric            x / scale
//	tf_crop_and_resize    from the region roi of the input, extrapolation_value outside
//
// There the nearest element is taken (nearest_mode rounds), or two (linear) or four (cubic) are weighted, axis by axis;
// positions outside count as the edge. antialias widens the weights when the output is smaller. Floats are weighted in
// float64 and rounded after each axis. Integers are weighted in float64 and made whole once, at the end: what is linear without
// antialias is cut towards zero, as ONNX's reference and ONNX Runtime have it, and the rest is rounded to nearest even. An extent
// that follows from scales is floor(in · scale), in F32. Versions 7 to 10 map asymmetrically, and the nearest element is the one before when
// enlarging, the one behind when reducing.
type resizer struct {
	mode, coordinates, nearest, policy string
	cubic                              float64
	exclude, antialias                 bool
	extrapolation                      float64
	axes                               []int64
	scales                             []float32 // of the attribute, in versions before 9
	roi, sizes                         int       // input positions, -1 for none
	scale                              int
}

func upsample(s *engine.Site) (engine.Kernel, error) {
	names, inputs := []string{"mode"}, 2
	r := &resizer{coordinates: "asymmetric", nearest: "simple", roi: -1, sizes: -1, scale: 1, policy: "stretch"}
	if s.Opset < 9 {
		names, inputs = append(names, "scales"), 1
		r.scales, r.scale = s.Node.Attrs["scales"].Floats, -1
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(inputs, inputs, 1); err != nil {
		return nil, err
	}
	r.mode = s.Node.Text("mode", "nearest")
	if r.mode == "bilinear" {
		r.mode = "linear"
	}
	if r.mode != "nearest" && r.mode != "linear" {
		return nil, s.Refuse("mode %q is not known in version %d", r.mode, s.Opset)
	}
	return r, nil
}

func resize(s *engine.Site) (engine.Kernel, error) {
	names := []string{"coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value", "mode", "nearest_mode"}
	if s.Opset >= 18 {
		names = append(names, "antialias", "axes", "keep_aspect_ratio_policy")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 4, 1); err != nil {
		return nil, err
	}
	n := s.Node
	r := &resizer{mode: n.Text("mode", "nearest"), coordinates: n.Text("coordinate_transformation_mode", "half_pixel"),
		nearest: n.Text("nearest_mode", "round_prefer_floor"), policy: n.Text("keep_aspect_ratio_policy", "stretch"),
		cubic: float64(n.Float("cubic_coeff_a", -0.75)), exclude: n.Int("exclude_outside", 0) != 0, antialias: n.Int("antialias", 0) != 0,
		extrapolation: float64(n.Float("extrapolation_value", 0)), axes: n.Attrs["axes"].Ints, roi: 1, scale: 2, sizes: 3}
	known := map[string][]string{
		r.mode: {"nearest", "linear", "cubic"}, r.nearest: {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"},
		r.policy:      {"stretch", "not_larger", "not_smaller"},
		r.coordinates: {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"},
	}
	if s.Opset < 13 {
		known[r.coordinates] = append(known[r.coordinates], "tf_half_pixel_for_nn")
	}
	for value, list := range known {
		if !slices.Contains(list, value) {
			return nil, s.Refuse("%q is none of %v", value, list)
		}
	}
	if r.antialias && r.mode == "nearest" {
		return nil, s.Refuse("antialias is defined for the modes linear and cubic")
	}
	return r, nil
}

// Run implements engine.Kernel.
func (r *resizer) Run(c *engine.Call) error {
	x := c.In[0]
	axes, shape, err := r.axesOf(c)
	if err != nil {
		return err
	}
	if _, err := shape.Elements(); err != nil {
		return err
	}
	for i, a := range axes {
		if x.Dim(i) == 0 && shape[i] > 0 {
			return fmt.Errorf("input %v cannot be enlarged to %v", x, shape)
		}
		axes[i].out = shape[i]
		axes[i].skip = a.scale == 1 && shape[i] == x.Dim(i) && (r.coordinates != "tf_crop_and_resize" || a.roi == [2]float64{0, 1})
	}
	if r.mode == "nearest" {
		return r.pick(c, axes, shape)
	}
	switch x.DType() {
	case tensor.F32:
		c.Out[0], err = weigh(r, c, x, axes, tensor.Of[float32])
	case tensor.F64:
		c.Out[0], err = weigh(r, c, x, axes, tensor.Of[float64])
	default:
		c.Out[0], err = r.weighConverted(c, axes)
	}
	return err
}

// axis is what is known of one dimension: the extents, the exact scale, and the region of tf_crop_and_resize.
type axis struct {
	in, out int
	scale   float64
	roi     [2]float64
	skip    bool // the output is the input
}

// axesOf reads scales or sizes and gives each dimension its scale and extent.
func (r *resizer) axesOf(c *engine.Call) ([]axis, tensor.Shape, error) {
	x := c.In[0]
	axes, shape := make([]axis, x.Rank()), x.Shape().Clone()
	for i := range axes {
		axes[i] = axis{in: x.Dim(i), scale: 1, roi: [2]float64{0, 1}}
	}
	at, err := r.positions(x.Rank())
	if err != nil {
		return nil, nil, err
	}
	sizes, scales, err := r.extents(c, len(at))
	if err != nil {
		return nil, nil, err
	}
	for k, i := range at {
		a := &axes[i]
		if sizes != nil {
			if sizes[k] < 0 || sizes[k] > 1<<30 {
				return nil, nil, fmt.Errorf("sizes are %v, wanted numbers from 0 to 2^30", sizes)
			}
			shape[i] = int(sizes[k])
			a.scale = float64(sizes[k]) / float64(a.in)
			continue
		}
		if !(scales[k] > 0) || float64(scales[k])*float64(a.in) > 1<<30 {
			return nil, nil, fmt.Errorf("scales are %v, wanted positive numbers", scales)
		}
		shape[i] = int(scales[k] * float32(a.in))
		a.scale = float64(scales[k])
	}
	if sizes != nil && r.policy != "stretch" {
		r.keepRatio(axes, shape, at)
	}
	return axes, shape, r.regions(c, axes, at)
}

// positions are the axes that scales, sizes and roi speak of.
func (r *resizer) positions(rank int) ([]int, error) {
	at := make([]int, 0, rank)
	if r.axes == nil {
		for i := range rank {
			at = append(at, i)
		}
		return at, nil
	}
	for _, a := range r.axes {
		i, ok := engine.Axis(a, rank)
		if !ok || slices.Contains(at, i) {
			return nil, fmt.Errorf("axes %v do not suit %d dimensions", r.axes, rank)
		}
		at = append(at, i)
	}
	return at, nil
}

// extents are the sizes or, when there are none, the scales; n of them.
func (r *resizer) extents(c *engine.Call, n int) (sizes []int64, scales []float32, err error) {
	scales = r.scales
	if r.scale >= 0 && c.Has(r.scale) && c.In[r.scale].Len() > 0 {
		if c.In[r.scale].DType() != tensor.F32 {
			return nil, nil, fmt.Errorf("scales are %v, wanted F32", c.In[r.scale])
		}
		scales = tensor.Of[float32](c.In[r.scale])
	}
	if r.sizes >= 0 && c.Has(r.sizes) && c.In[r.sizes].Len() > 0 {
		if sizes, err = engine.Int64s(c.In[r.sizes]); err != nil {
			return nil, nil, err
		}
	}
	if (scales == nil) == (sizes == nil) || max(len(scales), len(sizes)) != n {
		return nil, nil, fmt.Errorf("wanted %d scales or %d sizes, found %d and %d", n, n, len(scales), len(sizes))
	}
	return sizes, scales, nil
}

// keepRatio applies keep_aspect_ratio_policy: one scale for all axes, extents rounded half up.
func (r *resizer) keepRatio(axes []axis, shape tensor.Shape, at []int) {
	scale := axes[at[0]].scale
	for _, i := range at {
		if r.policy == "not_larger" {
			scale = min(scale, axes[i].scale)
		} else {
			scale = max(scale, axes[i].scale)
		}
	}
	for _, i := range at {
		axes[i].scale = scale
		shape[i] = int(scale*float64(axes[i].in) + 0.5)
	}
}

// regions reads roi, which only tf_crop_and_resize looks at.
func (r *resizer) regions(c *engine.Call, axes []axis, at []int) error {
	if r.coordinates != "tf_crop_and_resize" {
		return nil
	}
	if r.roi < 0 || !c.Has(r.roi) || c.In[r.roi].Len() != 2*len(at) || !c.In[r.roi].DType().Float() {
		return fmt.Errorf("tf_crop_and_resize wants a roi of %d floats", 2*len(at))
	}
	wide, err := tensor.Convert(c.In[r.roi], tensor.F64)
	if err != nil {
		return err
	}
	roi := tensor.Of[float64](wide)
	for k, i := range at {
		axes[i].roi = [2]float64{roi[k], roi[len(at)+k]}
	}
	return nil
}
