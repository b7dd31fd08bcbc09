package window

// Element is a type that patches are made of.
type Element interface {
	~float32 | ~float64
}

// Padded is the shape of one padded channel.
func (g *Geometry) Padded() [3]int {
	var p [3]int
	for i, a := range g.Axes {
		p[i] = max(a.In+a.Begin+a.End, (a.Out-1)*a.Stride+a.Span())
	}
	return p
}

// Plain reports whether a channel's patches are the channel itself: one element, no stride, no padding.
func (g *Geometry) Plain() bool {
	for _, a := range g.Axes {
		if a.Kernel != 1 || a.Stride != 1 || a.Begin != 0 || a.End != 0 {
			return false
		}
	}
	return true
}

// Pad writes the channels of x into dst with zeros around them; dst has channels times the elements of Padded.
func Pad[T Element](g *Geometry, dst, x []T, channels int) {
	p := g.Padded()
	clear(dst)
	at := 0
	for c := range channels {
		base := c * p[0] * p[1] * p[2]
		for d := range g.Axes[0].In {
			for h := range g.Axes[1].In {
				to := base + ((d+g.Axes[0].Begin)*p[1]+h+g.Axes[1].Begin)*p[2] + g.Axes[2].Begin
				at += copy(dst[to:to+g.Axes[2].In], x[at:at+g.Axes[2].In])
			}
		}
	}
}

// Patches writes what the window sees at its places [from, to) of padded channels: dst is [channels · Kernel, to - from],
// one row for each channel and element of the window, so that a product with weights [m, channels · Kernel] is the
// convolution.
func Patches[T Element](g *Geometry, dst, padded []T, channels, from, to int) {
	p := g.Padded()
	z, y, x := g.Axes[0], g.Axes[1], g.Axes[2]
	var few [64]places
	runs := few[:0] // the same for every row
	g.tap(func(at, place, n int) { runs = append(runs, places{at, place - from, n}) }, from, to)
	row := 0
	for c := range channels {
		base := c * p[0] * p[1] * p[2]
		for kz := range z.Kernel {
			for ky := range y.Kernel {
				for kx := range x.Kernel {
					tap := base + (kz*z.Dilation*p[1]+ky*y.Dilation)*p[2] + kx*x.Dilation
					line := dst[row : row+to-from]
					for _, r := range runs {
						run(line[r.first:r.first+r.count], padded[tap+r.at:], x.Stride)
					}
					row += to - from
				}
			}
		}
	}
}

// places are neighbours in one row of the output: the offset of the first in a padded channel, its number and how many there are.
type places struct{ at, first, count int }

// tap calls f for each run of places in one row of the output: the offset of the first in a padded channel, its number,
// and how many there are.
func (g *Geometry) tap(f func(at, place, n int), from, to int) {
	p := g.Padded()
	z, y, x := g.Axes[0], g.Axes[1], g.Axes[2]
	for place := from; place < to; {
		ox, line := place%x.Out, place/x.Out
		n := min(x.Out-ox, to-place)
		f((line/y.Out*z.Stride*p[1]+line%y.Out*y.Stride)*p[2]+ox*x.Stride, place, n)
		place += n
	}
}

func run[T Element](dst, src []T, stride int) {
	if stride == 1 {
		copy(dst, src)
		return
	}
	for i := range dst {
		dst[i] = src[i*stride]
	}
}
