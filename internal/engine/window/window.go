// Package window is what the operators with a sliding window share: their attributes, the geometry that follows from them
// and an input's shape, padding, and the patches that a window sees (im2col).
//
// It knows no operator. The families conv and quant call it. Tensors are [N, C, spatial...] with one to three spatial
// dimensions; a geometry always has three, and those that the tensor lacks stand first, with extent 1.
package window

import (
	"fmt"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Names are the attributes that Read reads.
func Names() []string {
	return []string{"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"}
}

// Attrs are a window's attributes; a nil list has its default. Immutable after Read.
type Attrs struct {
	Kernel, Strides, Dilations, Pads []int64
	AutoPad                          string
	Ceil                             bool
}

// maxExtent bounds what an attribute may be, so that no product of the geometry overflows.
const maxExtent = 1 << 30

// maxChannel bounds the elements of one padded channel, so that hostile padding is an error and no crash.
const maxChannel = 1 << 31

// Read reads and checks the attributes of a node; the operator has refused those that it does not define.
func Read(s *engine.Site) (Attrs, error) {
	n := s.Node
	a := Attrs{Kernel: n.Attrs["kernel_shape"].Ints, Strides: n.Attrs["strides"].Ints, Dilations: n.Attrs["dilations"].Ints,
		Pads: n.Attrs["pads"].Ints, AutoPad: n.Text("auto_pad", "NOTSET"), Ceil: n.Int("ceil_mode", 0) != 0}
	if !slices.Contains([]string{"", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}, a.AutoPad) {
		return a, s.Refuse("auto_pad %q is not known", a.AutoPad)
	}
	for _, list := range []struct {
		name   string
		values []int64
		least  int64
	}{{"kernel_shape", a.Kernel, 1}, {"strides", a.Strides, 1}, {"dilations", a.Dilations, 1}, {"pads", a.Pads, 0}} {
		for _, v := range list.values {
			if v < list.least || v > maxExtent {
				return a, s.Refuse("%s %v: each is at least %d and at most %d", list.name, list.values, list.least, maxExtent)
			}
		}
	}
	return a, nil
}

// Axis is the window along one dimension: the input's extent, the window's, and how many places it takes.
type Axis struct {
	In, Kernel, Stride, Dilation int
	Begin, End                   int // padding before and behind
	Out                          int
}

// Span is how many input elements the window covers, gaps included.
func (a Axis) Span() int { return (a.Kernel-1)*a.Dilation + 1 }

// Taps are the bounds of the window's elements that lie inside the input at place o: [lo, hi) of the kernel.
func (a Axis) Taps(o int) (lo, hi int) {
	start := o*a.Stride - a.Begin
	if start < 0 {
		lo = min((-start+a.Dilation-1)/a.Dilation, a.Kernel)
	}
	hi = a.Kernel
	if last := start + (a.Kernel-1)*a.Dilation; last >= a.In {
		hi = max((a.In-1-start+a.Dilation)/a.Dilation, lo)
	}
	return lo, hi
}

// Geometry is a window over three dimensions; Spatial of them are the tensor's.
type Geometry struct {
	Axes    [3]Axis
	Spatial int
}

// Shape appends [n, c] and the tensor's output extents to out.
func (g *Geometry) Shape(out tensor.Shape, n, c int) tensor.Shape {
	out = append(out, n, c)
	for _, a := range g.Axes[3-g.Spatial:] {
		out = append(out, a.Out)
	}
	return out
}

// In, Out and Kernel are the numbers of elements of one channel's input, of its output and of the window.
func (g *Geometry) In() int { return g.Axes[0].In * g.Axes[1].In * g.Axes[2].In }

// Out is the number of places of the window.
func (g *Geometry) Out() int { return g.Axes[0].Out * g.Axes[1].Out * g.Axes[2].Out }

// Kernel is the number of elements of the window.
func (g *Geometry) Kernel() int { return g.Axes[0].Kernel * g.Axes[1].Kernel * g.Axes[2].Kernel }

// Arrange lays out axes without places: extents, kernel, strides, dilations and explicit pads. The kernel is that of the
// weights, or nil when kernel_shape alone says it.
func (a *Attrs) Arrange(spatial, kernel []int) (g Geometry, err error) {
	d := len(spatial)
	if d < 1 || d > 3 {
		return g, fmt.Errorf("the input has %d spatial dimensions, 1 to 3 are covered", d)
	}
	var few [3]int
	if kernel == nil && len(a.Kernel) <= len(few) {
		for i, k := range a.Kernel {
			few[i] = int(k)
		}
		kernel = few[:len(a.Kernel)]
	}
	for i, k := range a.Kernel {
		if len(a.Kernel) != d || len(kernel) != d || int(k) != kernel[i] {
			return g, fmt.Errorf("kernel_shape is %v, the weights have %v and the input %d spatial dimensions", a.Kernel, slices.Clone(kernel), d)
		}
	}
	if len(kernel) != d || a.Strides != nil && len(a.Strides) != d || a.Dilations != nil && len(a.Dilations) != d || a.Pads != nil && len(a.Pads) != 2*d {
		return g, fmt.Errorf("kernel %v, strides %v, dilations %v and pads %v do not suit %d spatial dimensions", slices.Clone(kernel), a.Strides, a.Dilations, a.Pads, d)
	}
	g.Spatial = d
	for i := range g.Axes {
		g.Axes[i] = Axis{In: 1, Kernel: 1, Stride: 1, Dilation: 1, Out: 1}
	}
	for i := range d {
		x := &g.Axes[3-d+i]
		x.In, x.Kernel = spatial[i], kernel[i]
		if a.Strides != nil {
			x.Stride = int(a.Strides[i])
		}
		if a.Dilations != nil {
			x.Dilation = int(a.Dilations[i])
		}
		if a.Pads != nil && (a.AutoPad == "NOTSET" || a.AutoPad == "") {
			x.Begin, x.End = int(a.Pads[i]), int(a.Pads[d+i])
		}
		if x.Kernel > maxExtent/x.Dilation || x.In > maxExtent || x.Kernel < 1 {
			return g, fmt.Errorf("kernel %v with dilations %v is empty or too large", slices.Clone(kernel), a.Dilations)
		}
	}
	return g, nil
}

// Resolve is the geometry of a window that slides over an input: floor or, with ceil_mode, ceiling of
// (in + pads - span) / stride, plus 1; with SAME padding ceil(in / stride). A last place that would start behind the
// input and its front padding does not count.
func (a *Attrs) Resolve(spatial, kernel []int) (g Geometry, err error) {
	if g, err = a.Arrange(spatial, kernel); err != nil {
		return g, err
	}
	for i := range g.Axes {
		x := &g.Axes[i]
		if same := a.AutoPad == "SAME_UPPER" || a.AutoPad == "SAME_LOWER"; same {
			x.Out = (x.In + x.Stride - 1) / x.Stride
			total := max((x.Out-1)*x.Stride+x.Span()-x.In, 0)
			x.Begin, x.End = Halves(total, a.AutoPad == "SAME_UPPER")
			continue
		}
		room := x.In + x.Begin + x.End - x.Span()
		if room < 0 {
			return g, fmt.Errorf("the window covers %d elements, the padded input has %d", x.Span(), x.In+x.Begin+x.End)
		}
		x.Out = room/x.Stride + 1
		if a.Ceil && a.AutoPad != "VALID" {
			x.Out = (room+x.Stride-1)/x.Stride + 1
			if (x.Out-1)*x.Stride >= x.In+x.Begin {
				x.Out--
			}
		}
	}
	return g, g.Bounded()
}

// Bounded fails when one channel would not fit into memory anyway.
func (g *Geometry) Bounded() error {
	p := g.Padded()
	if p[0] > maxChannel || p[1] > maxChannel || p[2] > maxChannel || p[0]*p[1] > maxChannel || p[0]*p[1]*p[2] > maxChannel {
		return fmt.Errorf("a padded channel of %v has more than %d elements", p, maxChannel)
	}
	return nil
}

// Halves shares padding out to both ends; the odd element goes behind when upper is set, else before.
func Halves(total int, upper bool) (begin, end int) {
	if upper {
		return total / 2, total - total/2
	}
	return total - total/2, total / 2
}
