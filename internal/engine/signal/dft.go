package signal

import (
	"fmt"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// transform is DFT (ai.onnx 17 to today) along an axis of [..., 1] (real) or [..., 2] (complex numbers): with n elements,
// cut off or followed by zeros to dft_length,
//
//	X[k] = sum over t of x[t] · exp(-2πi·k·t/n), or with inverse 1/n · sum of X[k] · exp(2πi·k·t/n)
//
// onesided keeps the first n/2 + 1 elements; with inverse it takes those for the whole of a conjugate-symmetric spectrum
// and gives n real numbers, n = 2·(elements - 1) unless dft_length says it. The axis is an attribute in versions 17 to 19
// (default 1) and an input since (default -2).
type transform struct {
	axis              int64
	inverse, onesided bool
}

func dft(s *engine.Site) (engine.Kernel, error) {
	names, inputs, axis := []string{"inverse", "onesided"}, 3, int64(-2)
	if s.Opset < 20 {
		names, inputs, axis = append(names, "axis"), 2, 1
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, inputs, 1); err != nil {
		return nil, err
	}
	n := s.Node
	return &transform{axis: n.Int("axis", axis), inverse: n.Int("inverse", 0) != 0, onesided: n.Int("onesided", 0) != 0}, nil
}

// Run implements engine.Kernel.
func (d *transform) Run(c *engine.Call) error {
	x, attr := c.In[0], d.axis
	if c.Has(2) {
		list, err := engine.Int64s(c.In[2])
		if err != nil {
			return err
		}
		if len(list) != 1 {
			return fmt.Errorf("axis is %v, wanted one number", c.In[2])
		}
		attr = list[0]
	}
	axis, ok := engine.Axis(attr, x.Rank())
	if !ok || axis == x.Rank()-1 || x.Dim(x.Rank()-1) != 1 && x.Dim(x.Rank()-1) != 2 {
		return fmt.Errorf("axis %d is none of %v, wanted one before the last of [..., 1] or [..., 2]", attr, x)
	}
	n := x.Dim(axis)
	if d.inverse && d.onesided {
		n = 2 * (n - 1)
	}
	if c.Has(1) {
		var err error
		if n, err = whole(c, 1, "dft_length"); err != nil {
			return err
		}
	}
	if n < 1 {
		return fmt.Errorf("%v has nothing to transform along axis %d", x, axis)
	}
	shape := x.Shape().Clone()
	shape[axis], shape[len(shape)-1] = n, 2
	switch {
	case d.onesided && d.inverse:
		shape[len(shape)-1] = 1
	case d.onesided:
		shape[axis] = n/2 + 1
	}
	if _, err := shape.Elements(); err != nil {
		return err
	}
	c.Out[0] = c.New(x.DType(), shape...)
	if x.DType() == tensor.F32 {
		along(d, c.Out[0], x, axis, n, tensor.Of[float32])
	} else {
		along(d, c.Out[0], x, axis, n, tensor.Of[float64])
	}
	return nil
}

type float interface{ ~float32 | ~float64 }

// along transforms every line along the axis.
func along[T float](d *transform, to, from *tensor.Tensor, axis, n int, of func(*tensor.Tensor) []T) {
	out, x := of(to), of(from)
	parts, results := from.Dim(from.Rank()-1), to.Dim(to.Rank()-1)
	inner := 1
	for _, k := range from.Shape()[axis+1 : from.Rank()-1] {
		inner *= k
	}
	length, bins := from.Dim(axis), to.Dim(axis)
	fft, line := fourier.NewCmplxFFT(n), make([]complex128, n)
	for v := range len(out) / max(bins*results, 1) {
		at := v/inner*length*inner + v%inner
		clear(line)
		for t := range min(length, n) {
			p := (at + t*inner) * parts
			line[t] = complex(float64(x[p]), 0)
			if parts == 2 {
				line[t] = complex(float64(x[p]), float64(x[p+1]))
			}
		}
		d.line(fft, line)
		at = v/inner*bins*inner + v%inner
		for k := range bins {
			p := (at + k*inner) * results
			out[p] = T(real(line[k]))
			if results == 2 {
				out[p+1] = T(imag(line[k]))
			}
		}
	}
}

// line transforms one line in place.
func (d *transform) line(fft *fourier.CmplxFFT, line []complex128) {
	n := len(line)
	if !d.inverse {
		fft.Coefficients(line, line)
		return
	}
	if d.onesided {
		line[0] = complex(real(line[0]), 0)
		if n%2 == 0 {
			line[n/2] = complex(real(line[n/2]), 0)
		}
		for k := 1; k <= (n-1)/2; k++ {
			line[n-k] = complex(real(line[k]), -imag(line[k]))
		}
	}
	fft.Sequence(line, line)
	for i := range line {
		line[i] /= complex(float64(n), 0)
	}
}

// stft is STFT (ai.onnx 17 to today): the DFT of each frame of a signal [batch, samples, 1] or [batch, samples, 2], frames
// of frame_length every frame_step samples as long as they lie in the signal, times the window; [batch, frames, bins, 2].
// onesided (the default) keeps the first frame_length/2 + 1 bins.
func stft(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("onesided"); err != nil {
		return nil, err
	}
	if err := s.Arity(2, 4, 1); err != nil {
		return nil, err
	}
	onesided := s.Node.Int("onesided", 1) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() != 3 || x.Dim(2) != 1 && x.Dim(2) != 2 {
			return fmt.Errorf("signal is %v, wanted [batch, samples, 1] or [batch, samples, 2]", x)
		}
		step, err := whole(c, 1, "frame_step")
		if err != nil {
			return err
		}
		length := x.Dim(1)
		if c.Has(2) {
			length = c.In[2].Len()
		}
		if c.Has(3) {
			if length, err = whole(c, 3, "frame_length"); err != nil {
				return err
			}
		}
		if c.Has(2) && (c.In[2].DType() != x.DType() || !c.In[2].Shape().Equal(tensor.Shape{length})) {
			return fmt.Errorf("window is %v, wanted %v[%d]", c.In[2], x.DType(), length)
		}
		if step < 1 || length < 1 || length > x.Dim(1) {
			return fmt.Errorf("frames of %d every %d do not suit %v", length, step, x)
		}
		bins := length
		if onesided {
			bins = length/2 + 1
		}
		c.Out[0] = c.New(x.DType(), x.Dim(0), 1+(x.Dim(1)-length)/step, bins, 2)
		if x.DType() == tensor.F32 {
			frames(c, step, length, tensor.Of[float32])
		} else {
			frames(c, step, length, tensor.Of[float64])
		}
		return nil
	}), nil
}

func frames[T float](c *engine.Call, step, length int, of func(*tensor.Tensor) []T) {
	x, out := of(c.In[0]), of(c.Out[0])
	samples, parts := c.In[0].Dim(1), c.In[0].Dim(2)
	count, bins := c.Out[0].Dim(1), c.Out[0].Dim(2)
	fft, line := fourier.NewCmplxFFT(length), make([]complex128, length)
	for f := range c.In[0].Dim(0) * count {
		at := f/count*samples + f%count*step
		for t := range line {
			weight := 1.0
			if c.Has(2) {
				weight = float64(of(c.In[2])[t])
			}
			p := (at + t) * parts
			line[t] = complex(weight*float64(x[p]), 0)
			if parts == 2 {
				line[t] = complex(weight*float64(x[p]), weight*float64(x[p+1]))
			}
		}
		fft.Coefficients(line, line)
		for k := range bins {
			out[(f*bins+k)*2], out[(f*bins+k)*2+1] = T(real(line[k])), T(imag(line[k]))
		}
	}
}
