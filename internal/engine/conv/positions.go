package conv

import "math"

// origin maps an output position back to the input; outside is set where tf_crop_and_resize extrapolates. It is computed in
// F32, as ONNX Runtime does: what is half-way between two elements there must be so here. For align_corners the output's
// extent is in · scale without rounding, as in ONNX's own test cases.
func (r *resizer) origin(a axis, x int) (pos float64, outside bool) {
	v, in, out, scale := float32(x), float32(a.in), float32(a.out), float32(a.scale)
	half := float32(v+0.5)/scale - 0.5
	switch r.coordinates {
	case "asymmetric":
		return float64(v / scale), false
	case "align_corners":
		length := float64(a.in) * a.scale
		if a.out == 1 || length == 1 {
			return 0, false
		}
		return float64(float32(float64(v*(in-1)) / (length - 1))), false
	case "tf_crop_and_resize":
		from, to := float32(a.roi[0]), float32(a.roi[1])
		at := 0.5 * (from + to) * (in - 1)
		if a.out > 1 {
			at = float32(from*(in-1)) + float32(v*(to-from)*(in-1))/(out-1)
		}
		return float64(at), !(at >= 0 && at <= in-1)
	case "pytorch_half_pixel":
		if a.out == 1 {
			return 0, false
		}
	case "tf_half_pixel_for_nn":
		return float64(float32(v+0.5) / scale), false
	case "half_pixel_symmetric":
		return float64(in/2*(1-out/float32(scale*in)) + half), false
	}
	return float64(half), false
}

// nearestTo rounds a position to an element of the axis.
func (r *resizer) nearestTo(a axis, pos float64) int {
	switch r.nearest {
	case "floor":
		pos = math.Floor(pos)
	case "ceil":
		pos = math.Ceil(pos)
	case "round_prefer_floor":
		pos = math.Ceil(pos - 0.5)
	case "round_prefer_ceil":
		pos = math.Floor(pos + 0.5)
	default: // simple
		if a.scale < 1 {
			pos = math.Ceil(pos)
		} else {
			pos = math.Floor(pos)
		}
	}
	return clampIndex(pos, a.in)
}

// clampIndex is the element of an axis next to a whole position, 0 for NaN.
func clampIndex(pos float64, in int) int {
	if !(pos > 0) {
		return 0
	}
	return int(min(pos, float64(in-1)))
}

// weights are the elements that each output position of an axis reads, count of them each, and their weights.
type weights struct {
	count   int
	index   []int
	weight  []float64
	outside []bool // nil when no position extrapolates
}

// table computes an axis' weights.
func (r *resizer) table(a axis) weights {
	shrink := 1.0
	if r.antialias {
		shrink = min(a.scale, 1)
	}
	reach := 1.0
	if r.mode == "cubic" {
		reach = 2
	}
	first := int(math.Floor(-reach/shrink)) + 1
	w := weights{count: 2 - 2*first}
	w.index, w.weight = make([]int, a.out*w.count), make([]float64, a.out*w.count)
	for x := range a.out {
		pos, outside := r.origin(a, x)
		if outside {
			if w.outside == nil {
				w.outside = make([]bool, a.out)
			}
			w.outside[x] = true
			continue
		}
		base := math.Floor(pos)
		total := 0.0
		for i := range w.count {
			at := base + float64(first+i)
			v := r.kernel((float64(first+i) - (pos - base)) * shrink)
			if r.exclude && (at < 0 || at > float64(a.in-1)) {
				v = 0
			}
			w.index[x*w.count+i], w.weight[x*w.count+i] = clampIndex(at, a.in), v
			total += v
		}
		if r.antialias || r.exclude {
			for i := range w.count {
				w.weight[x*w.count+i] /= total
			}
		}
	}
	return w
}

// kernel is the interpolation function at a distance from the position.
func (r *resizer) kernel(d float64) float64 {
	d = math.Abs(d)
	if r.mode == "linear" {
		return max(1-d, 0)
	}
	a := r.cubic
	switch {
	case d <= 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}
