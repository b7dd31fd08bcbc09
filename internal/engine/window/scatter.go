package window

// Scatter is the adjoint of Patches without padding elements: it adds patches [channels · Kernel, Out] to the channels of
// dst, which have In elements each. An element's summands are added in the order of the window.
func Scatter[T Element](g *Geometry, dst, patches []T, channels int) {
	z, y, x := g.Axes[0], g.Axes[1], g.Axes[2]
	places, row := g.Out(), 0
	for c := range channels {
		to := dst[c*g.In() : (c+1)*g.In()]
		for kz := range z.Kernel {
			for ky := range y.Kernel {
				for kx := range x.Kernel {
					scatterTap(g, to, patches[row:row+places], kz*z.Dilation-z.Begin, ky*y.Dilation-y.Begin, kx*x.Dilation-x.Begin)
					row += places
				}
			}
		}
	}
}

func scatterTap[T Element](g *Geometry, to, from []T, dz, dy, dx int) {
	z, y, x := g.Axes[0], g.Axes[1], g.Axes[2]
	lo, hi := x.inside(dx)
	if lo >= hi {
		return
	}
	for oz := range z.Out {
		iz := oz*z.Stride + dz
		for oy := range y.Out {
			iy := oy*y.Stride + dy
			if iz < 0 || iz >= z.In || iy < 0 || iy >= y.In {
				continue
			}
			line := (iz*y.In+iy)*x.In + dx
			src := from[(oz*y.Out+oy)*x.Out:]
			for ox := lo; ox < hi; ox++ {
				to[line+ox*x.Stride] += src[ox]
			}
		}
	}
}

// inside are the places [lo, hi) at which an element of the window, at that distance from the place's start, lies in the
// input.
func (a Axis) inside(distance int) (lo, hi int) {
	if distance < 0 {
		lo = (-distance + a.Stride - 1) / a.Stride
	}
	if distance >= a.In {
		return 0, 0
	}
	return lo, min((a.In-1-distance)/a.Stride+1, a.Out)
}
