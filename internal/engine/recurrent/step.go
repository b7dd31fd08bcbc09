package recurrent

// step computes one step of every sequence that is so long, and writes its state to y unless that is nil.
func (p *pass[T]) step(step int, y []T) {
	n, rows := p.dims.hidden, p.gates*p.dims.hidden
	if p.gates == 3 && !p.resetLate {
		p.dense.MulT(p.hr[:p.batch*2*n], p.h, p.r[:2*n*n], p.batch, 2*n, n)
		p.gatedReset(step)
		p.dense.MulT(p.late, p.reset, p.r[2*n*n:], p.batch, n, n)
	} else {
		p.dense.MulT(p.hr, p.h, p.r, p.batch, rows, n)
	}
	for b, length := range p.lengths {
		if step >= length {
			continue
		}
		t := p.time(b, step)
		x := p.x[p.row(b, t)*rows : (p.row(b, t)+1)*rows]
		h := p.h[b*n : (b+1)*n]
		switch p.gates {
		case 1:
			p.plain(x, p.hr[b*n:(b+1)*n], h)
		case 3:
			p.gated(x, b, h)
		default:
			p.celled(x, p.hr[b*rows:(b+1)*rows], h, p.c[b*n:(b+1)*n])
		}
		if y == nil {
			continue
		}
		at := ((t*p.directions+p.direction)*p.batch + b) * n
		if p.batchFirst {
			at = ((b*p.steps+t)*p.directions + p.direction) * n
		}
		copy(y[at:at+n], h)
	}
}

// time is the input step that a sequence reads; a reverse pass begins at the sequence's own end.
func (p *pass[T]) time(b, step int) int {
	if p.reverse {
		return p.lengths[b] - 1 - step
	}
	return step
}

// row is the row of X of a sequence's input step.
func (p *pass[T]) row(b, t int) int {
	if p.batchFirst {
		return b*p.steps + t
	}
	return t*p.batch + b
}

// bias is both biases of a gate's unit.
func (p *pass[T]) bias(i int) float64 {
	if p.wb == nil {
		return 0
	}
	return float64(p.wb[i] + p.rb[i])
}

// cut clips an activation's input.
func (p *pass[T]) cut(v float64) float64 { return min(max(v, -p.clip), p.clip) }

func (p *pass[T]) plain(x, hr, h []T) {
	for i := range h {
		h[i] = T(p.functions[0](p.cut(float64(x[i]) + float64(hr[i]) + p.bias(i))))
	}
}

// gatedReset computes r·h of the GRU for the product with Rh.
func (p *pass[T]) gatedReset(step int) {
	n := p.dims.hidden
	for b, length := range p.lengths {
		if step >= length {
			continue
		}
		x := p.x[p.row(b, p.time(b, step))*3*n:]
		for i := range n {
			r := p.functions[0](p.cut(float64(x[n+i]) + float64(p.hr[b*2*n+n+i]) + p.bias(n+i)))
			p.reset[b*n+i] = T(r * float64(p.h[b*n+i]))
		}
	}
}

func (p *pass[T]) gated(x []T, b int, h []T) {
	n := len(h)
	for i := range h {
		var z, v float64
		if p.resetLate {
			hr := p.hr[b*3*n : (b+1)*3*n]
			z = p.functions[0](p.cut(float64(x[i]) + float64(hr[i]) + p.bias(i)))
			r := p.functions[0](p.cut(float64(x[n+i]) + float64(hr[n+i]) + p.bias(n+i)))
			v = float64(hr[2*n+i])
			if p.rb != nil {
				v += float64(p.rb[2*n+i])
			}
			v = float64(x[2*n+i]) + r*v
			if p.wb != nil {
				v += float64(p.wb[2*n+i])
			}
		} else {
			z = p.functions[0](p.cut(float64(x[i]) + float64(p.hr[b*2*n+i]) + p.bias(i)))
			v = float64(x[2*n+i]) + float64(p.late[b*n+i]) + p.bias(2*n+i)
		}
		v = p.functions[1](p.cut(v))
		h[i] = T((1-z)*v + z*float64(h[i]))
	}
}

func (p *pass[T]) celled(x, hr, h, c []T) {
	n := len(h)
	gate := func(g, i int) float64 { return float64(x[g*n+i]) + float64(hr[g*n+i]) + p.bias(g*n+i) }
	peep := func(g, i int, c T) float64 {
		if p.peep == nil {
			return 0
		}
		return float64(p.peep[g*n+i]) * float64(c)
	}
	for i := range h {
		in := p.functions[0](p.cut(gate(0, i) + peep(0, i, c[i])))
		forget := 1 - in
		if !p.coupled {
			forget = p.functions[0](p.cut(gate(2, i) + peep(2, i, c[i])))
		}
		c[i] = T(forget*float64(c[i]) + in*p.functions[1](p.cut(gate(3, i))))
		out := p.functions[0](p.cut(gate(1, i) + peep(1, i, c[i])))
		h[i] = T(out * p.functions[2](float64(c[i])))
	}
}
