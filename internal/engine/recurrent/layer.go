package recurrent

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// layer is what the three operators share.
type layer struct {
	k          *kernels
	gates      int // rows of W and R for each hidden unit
	hidden     int64
	directions int
	reverse    bool // of the only direction
	batchFirst bool // layout 1
	clip       float64
	functions  []activation // for each direction
	resetLate  bool         // GRU: linear_before_reset
	coupled    bool         // LSTM: input_forget
	cell       bool         // LSTM: there is a cell state
}

// read checks a node's attributes and reads those that all three have.
func (k *kernels) read(s *engine.Site, gates, inputs, outputs int, own []string, defaults ...string) (*layer, error) {
	names := append([]string{"activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size"}, own...)
	if s.Opset >= 14 {
		names = append(names, "layout")
	}
	if s.Opset < 7 {
		names = append(names, "output_sequence")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(3, inputs, outputs); err != nil {
		return nil, err
	}
	n := s.Node
	l := &layer{k: k, gates: gates, hidden: n.Int("hidden_size", 0), directions: 1, batchFirst: n.Int("layout", 0) == 1,
		clip: math.Inf(1), resetLate: n.Int("linear_before_reset", 0) != 0, coupled: n.Int("input_forget", 0) != 0}
	switch d := n.Text("direction", "forward"); d {
	case "forward":
	case "reverse":
		l.reverse = true
	case "bidirectional":
		l.directions = 2
	default:
		return nil, s.Refuse("direction %q is not known", d)
	}
	if _, ok := n.Attrs["clip"]; ok {
		l.clip = float64(n.Float("clip", 0))
	}
	if layout := n.Int("layout", 0); layout != 0 && layout != 1 {
		return nil, s.Refuse("layout %d is neither 0 nor 1", layout)
	}
	var err error
	l.functions, err = activations(s, l.directions, defaults...)
	return l, err
}

// rnn is RNN (ai.onnx 1 to today): h = f(x·Wᵀ + h·Rᵀ + Wb + Rb), f = Tanh unless given.
func (k *kernels) rnn(s *engine.Site) (engine.Kernel, error) {
	return k.read(s, 1, 6, 2, nil, "Tanh")
}

// gru is GRU (ai.onnx 1 to today), gates z, r, h; f = Sigmoid and g = Tanh unless given:
//
//	z = f(x·Wzᵀ + h·Rzᵀ + Wbz + Rbz), r likewise
//	n = g(x·Whᵀ + (r·h)·Rhᵀ + Rbh + Wbh), or with linear_before_reset g(x·Whᵀ + r·(h·Rhᵀ + Rbh) + Wbh)
//	h = (1 - z)·n + z·h
func (k *kernels) gru(s *engine.Site) (engine.Kernel, error) {
	var own []string
	if s.Opset >= 3 {
		own = []string{"linear_before_reset"}
	}
	return k.read(s, 3, 6, 2, own, "Sigmoid", "Tanh")
}

// lstm is LSTM (ai.onnx 1 to today), gates i, o, f, c; f = Sigmoid, g = h = Tanh unless given, P the peepholes i, o, f:
//
//	i = f(x·Wiᵀ + h·Riᵀ + Pi·C + Wbi + Rbi), f likewise, or 1 - i with input_forget
//	C = f·C + i·g(x·Wcᵀ + h·Rcᵀ + Wbc + Rbc)
//	o = f(x·Woᵀ + h·Roᵀ + Po·C + Wbo + Rbo)
//	h = o·h(C)
func (k *kernels) lstm(s *engine.Site) (engine.Kernel, error) {
	l, err := k.read(s, 4, 8, 3, []string{"input_forget"}, "Sigmoid", "Tanh", "Tanh")
	if err != nil {
		return nil, err
	}
	l.cell = true
	return l, nil
}

// Run implements engine.Kernel.
func (l *layer) Run(c *engine.Call) error {
	d, err := l.measure(c)
	if err != nil {
		return err
	}
	dtype := c.In[0].DType()
	y, state := tensor.Shape{d.steps, l.directions, d.batch, d.hidden}, tensor.Shape{l.directions, d.batch, d.hidden}
	if l.batchFirst {
		y, state = tensor.Shape{d.batch, d.steps, l.directions, d.hidden}, tensor.Shape{d.batch, l.directions, d.hidden}
	}
	for i := range c.Out {
		shape := state
		if i == 0 {
			shape = y
		}
		c.Out[i] = c.New(dtype, shape...)
		clear(c.Out[i].Bytes())
	}
	switch dtype {
	case tensor.F32:
		run(l, l.k.f32, c, d, tensor.Of[float32])
	case tensor.F64:
		run(l, l.k.f64, c, d, tensor.Of[float64])
	default:
		return fmt.Errorf("input is %v, covered are F32 and F64", c.In[0])
	}
	return nil
}

// dims are the extents of one run, and the length of each sequence.
type dims struct {
	steps, batch, input, hidden int
	lengths                     []int
}

// measure checks the shapes of the inputs.
func (l *layer) measure(c *engine.Call) (dims, error) {
	x, w, r := c.In[0], c.In[1], c.In[2]
	if x.Rank() != 3 || w.Rank() != 3 || r.Rank() != 3 {
		return dims{}, fmt.Errorf("wanted X, W and R of 3 dimensions, found %v, %v and %v", x, w, r)
	}
	d := dims{steps: x.Dim(0), batch: x.Dim(1), input: x.Dim(2), hidden: r.Dim(2)}
	if l.batchFirst {
		d.steps, d.batch = d.batch, d.steps
	}
	if l.hidden != 0 && l.hidden != int64(d.hidden) {
		return d, fmt.Errorf("hidden_size is %d, R is %v", l.hidden, r)
	}
	rows := l.gates * d.hidden
	state := tensor.Shape{l.directions, d.batch, d.hidden}
	if l.batchFirst {
		state = tensor.Shape{d.batch, l.directions, d.hidden}
	}
	wants := []tensor.Shape{x.Shape(), {l.directions, rows, d.input}, {l.directions, rows, d.hidden}, {l.directions, 2 * rows},
		nil, state, state, {l.directions, 3 * d.hidden}}
	for i, want := range wants {
		if want != nil && c.Has(i) && (!c.In[i].Shape().Equal(want) || c.In[i].DType() != x.DType()) {
			return d, fmt.Errorf("input %d is %v, wanted %s%v", i, c.In[i], x.DType(), want)
		}
	}
	d.lengths = make([]int, d.batch)
	for b := range d.lengths {
		d.lengths[b] = d.steps
	}
	if !c.Has(4) {
		return d, nil
	}
	if c.In[4].DType() != tensor.I32 || !c.In[4].Shape().Equal(tensor.Shape{d.batch}) {
		return d, fmt.Errorf("sequence_lens is %v, wanted I32[%d]", c.In[4], d.batch)
	}
	for b, n := range tensor.Of[int32](c.In[4]) {
		if n < 0 || int(n) > d.steps {
			return d, fmt.Errorf("sequence_lens has %d, there are %d steps", n, d.steps)
		}
		d.lengths[b] = int(n)
	}
	return d, nil
}

// pass is one direction of one run.
type pass[T kernel.Float] struct {
	*layer
	dims
	dense     kernel.Dense[T]
	functions []activation
	direction int
	reverse   bool
	x         []T // the steps' products with W, [rows of X, gates · hidden]
	r         []T
	wb, rb    []T // nil without bias
	peep      []T // nil without peepholes
	h, c      []T // the states, [batch, hidden]
	hr        []T // the state's product with R, [batch, gates · hidden]
	reset     []T // GRU: r·h, and its product with Rh
	late      []T
}

func run[T kernel.Float](l *layer, dense kernel.Dense[T], c *engine.Call, d dims, of func(*tensor.Tensor) []T) {
	dtype, rows := c.In[0].DType(), l.gates*d.hidden
	scratch := func(n int) []T {
		s := of(c.New(dtype, n))
		clear(s)
		return s
	}
	p := &pass[T]{layer: l, dims: d, dense: dense, x: scratch(d.steps * d.batch * rows), h: scratch(d.batch * d.hidden),
		c: scratch(d.batch * d.hidden), hr: scratch(d.batch * rows), reset: scratch(d.batch * d.hidden), late: scratch(d.batch * d.hidden)}
	var y []T
	if len(c.Want) > 0 && c.Want[0] {
		y = of(c.Out[0])
	}
	count := len(l.functions) / l.directions
	for p.direction = range l.directions {
		dir := p.direction
		p.reverse = l.reverse || dir == 1
		p.functions = l.functions[dir*count : (dir+1)*count]
		dense.MulT(p.x, of(c.In[0]), of(c.In[1])[dir*rows*d.input:(dir+1)*rows*d.input], d.steps*d.batch, rows, d.input)
		p.r = of(c.In[2])[dir*rows*d.hidden : (dir+1)*rows*d.hidden]
		if c.Has(3) {
			b := of(c.In[3])[dir*2*rows : (dir+1)*2*rows]
			p.wb, p.rb = b[:rows], b[rows:]
		}
		if c.Has(7) {
			p.peep = of(c.In[7])[dir*3*d.hidden : (dir+1)*3*d.hidden]
		}
		p.load(c, of)
		for step := range d.steps {
			p.step(step, y)
		}
		p.store(c, of)
	}
}

// place is where the state of a sequence stands in [directions, batch, hidden] or, with layout 1, [batch, directions, hidden].
func (p *pass[T]) place(b int) int {
	if p.batchFirst {
		return (b*p.directions + p.direction) * p.dims.hidden
	}
	return (p.direction*p.batch + b) * p.dims.hidden
}

// load sets the initial states.
func (p *pass[T]) load(c *engine.Call, of func(*tensor.Tensor) []T) {
	clear(p.h)
	clear(p.c)
	n := p.dims.hidden
	for b := range p.batch {
		at := p.place(b)
		if c.Has(5) {
			copy(p.h[b*n:(b+1)*n], of(c.In[5])[at:])
		}
		if c.Has(6) {
			copy(p.c[b*n:(b+1)*n], of(c.In[6])[at:])
		}
	}
}

// store writes the last states.
func (p *pass[T]) store(c *engine.Call, of func(*tensor.Tensor) []T) {
	n := p.dims.hidden
	for i, state := range [][]T{p.h, p.c} {
		for b := range p.batch {
			if len(c.Out) > 1+i {
				copy(of(c.Out[1+i])[p.place(b):][:n], state[b*n:])
			}
		}
	}
}
