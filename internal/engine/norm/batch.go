package norm

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// batchNorm is BatchNormalization (ai.onnx 1 to today) at inference: over dimension 1,
//
//	(x - mean) / sqrt(var + epsilon) · scale + bias
//
// With spatial 0 (1 to 8) the parameters are one for each element of an image instead of one for each channel.
func batchNorm(s *engine.Site) (engine.Kernel, error) {
	n := s.Node
	names, training := []string{"epsilon", "momentum"}, false
	switch {
	case s.Opset < 7:
		names, training = append(names, "is_test", "spatial", "consumed_inputs"), n.Int("is_test", 0) == 0
	case s.Opset < 9:
		names = append(names, "spatial")
	case s.Opset >= 14:
		names, training = append(names, "training_mode"), n.Int("training_mode", 0) != 0
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(5, 5, 5); err != nil {
		return nil, err
	}
	if training {
		return nil, s.Refuse("training mode is not covered")
	}
	for i, name := range n.Outputs {
		if i > 0 && name != "" {
			return nil, s.Refuse("output %d exists in training only", i)
		}
	}
	epsilon, spatial := float64(n.Float("epsilon", 1e-5)), n.Int("spatial", 1) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() < 2 {
			return fmt.Errorf("input is %v, wanted at least 2 dimensions", x)
		}
		count, inner := x.Dim(1), product(x.Shape()[2:])
		if !spatial {
			count, inner = count*inner, 1
		}
		var params [4][]float64
		for i := range params {
			var err error
			if params[i], err = vector(c, 1+i, count); err != nil {
				return err
			}
		}
		c.Out[0] = c.New(x.DType(), x.Shape()...)
		return onFloats(x, func() { batch(c, params, epsilon, inner, tensor.Of[float32]) }, func() { batch(c, params, epsilon, inner, tensor.Of[float64]) })
	}), nil
}

func batch[T float](c *engine.Call, params [4][]float64, epsilon float64, inner int, of func(*tensor.Tensor) []T) {
	x, out := of(c.In[0]), of(c.Out[0])
	scale, bias, mean, variance := params[0], params[1], params[2], params[3]
	if len(x) == 0 {
		return
	}
	for at := 0; at < len(x); at += inner {
		ch := at / inner % len(scale)
		factor := scale[ch] / math.Sqrt(variance[ch]+epsilon)
		for i, v := range x[at : at+inner] {
			out[at+i] = T(float64((float64(v)-mean[ch])*factor) + bias[ch])
		}
	}
}

// instanceNorm is InstanceNormalization (ai.onnx 1 to today): each channel of each image by its own mean and variance,
// then · scale[C] + bias[C].
func instanceNorm(s *engine.Site) (engine.Kernel, error) {
	names := []string{"epsilon"}
	if s.Opset < 6 {
		names = append(names, "consumed_inputs")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	epsilon := float64(s.Node.Float("epsilon", 1e-5))
	return engine.KernelFunc(func(c *engine.Call) error {
		if c.In[0].Rank() < 2 {
			return fmt.Errorf("input is %v, wanted [N, C, spatial...]", c.In[0])
		}
		return grouped(c, c.In[0].Dim(1), true, epsilon)
	}), nil
}

// groupNorm is GroupNormalization (ai.onnx 18 to today): each of num_groups groups of channels of each image by its own
// mean and variance, then · scale + bias, which are one for each channel (21 to today) or for each group (18 to 20).
func groupNorm(s *engine.Site) (engine.Kernel, error) {
	names := []string{"epsilon", "num_groups"}
	if s.Opset >= 21 {
		names = append(names, "stash_type")
	}
	if err := s.Only(names...); err != nil {
		return nil, err
	}
	if err := s.Arity(3, 3, 1); err != nil {
		return nil, err
	}
	if stash := s.Node.Int("stash_type", 1); stash != 1 {
		return nil, s.Refuse("stash_type %d is not covered, only 1 (F32)", stash)
	}
	groups, epsilon := int(s.Node.Int("num_groups", 0)), float64(s.Node.Float("epsilon", 1e-5))
	perChannel := s.Opset >= 21
	return engine.KernelFunc(func(c *engine.Call) error {
		if c.In[0].Rank() < 2 || groups < 1 || c.In[0].Dim(1)%groups != 0 {
			return fmt.Errorf("input is %v, wanted [N, C, spatial...] with C a multiple of num_groups %d", c.In[0], groups)
		}
		return grouped(c, groups, perChannel, epsilon)
	}), nil
}

// grouped normalises each group of channels of each image.
func grouped(c *engine.Call, groups int, perChannel bool, epsilon float64) error {
	x := c.In[0]
	count := groups
	if perChannel {
		count = x.Dim(1)
	}
	scale, err := vector(c, 1, count)
	if err != nil {
		return err
	}
	bias, err := vector(c, 2, count)
	if err != nil {
		return err
	}
	inner := product(x.Shape()[2:])
	c.Out[0] = c.New(x.DType(), x.Shape()...)
	return onFloats(x, func() { runGrouped(c, groups, inner, scale, bias, epsilon, tensor.Of[float32]) },
		func() { runGrouped(c, groups, inner, scale, bias, epsilon, tensor.Of[float64]) })
}

func runGrouped[T float](c *engine.Call, groups, inner int, scale, bias []float64, epsilon float64, of func(*tensor.Tensor) []T) {
	x, out := of(c.In[0]), of(c.Out[0])
	if len(x) == 0 {
		return
	}
	channels := c.In[0].Dim(1)
	size := channels / groups * inner
	for at := 0; at < len(x); at += size {
		mean, inverse := moments(x[at:at+size], epsilon)
		for ch := range channels / groups {
			param := (at/inner + ch) % channels
			if len(scale) == groups {
				param = at / size % groups
			}
			for i := at + ch*inner; i < at+(ch+1)*inner; i++ {
				out[i] = T(float64((float64(x[i])-mean)*inverse*scale[param]) + bias[param])
			}
		}
	}
}

// moments are a group's mean and 1 / sqrt(variance + epsilon).
func moments[T float](x []T, epsilon float64) (mean, inverse float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	squares := 0.0
	for _, v := range x {
		d := float64(v) - mean
		squares += d * d
	}
	return mean, 1 / math.Sqrt(squares/float64(len(x))+epsilon)
}

// localResponse is LRN (ai.onnx 1 to today): x / (bias + alpha / size · sum of squares)^beta, summed over the channels from
// floor((size-1)/2) before to ceil((size-1)/2) behind.
func localResponse(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("alpha", "beta", "bias", "size"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	n := s.Node
	size := n.Int("size", 0)
	if size < 1 || size > 1<<30 {
		return nil, s.Refuse("size is %d, wanted a positive number", size)
	}
	r := response{size: int(size), alpha: float64(n.Float("alpha", 1e-4)), beta: float64(n.Float("beta", 0.75)), bias: float64(n.Float("bias", 1))}
	return engine.KernelFunc(func(c *engine.Call) error {
		x := c.In[0]
		if x.Rank() < 2 {
			return fmt.Errorf("input is %v, wanted [N, C, spatial...]", x)
		}
		c.Out[0] = c.New(x.DType(), x.Shape()...)
		return onFloats(x, func() { respond(r, c, tensor.Of[float32]) }, func() { respond(r, c, tensor.Of[float64]) })
	}), nil
}

type response struct {
	size              int
	alpha, beta, bias float64
}

func respond[T float](r response, c *engine.Call, of func(*tensor.Tensor) []T) {
	x, out := of(c.In[0]), of(c.Out[0])
	channels, inner := c.In[0].Dim(1), product(c.In[0].Shape()[2:])
	sums := tensor.Of[float64](c.New(tensor.F64, inner))
	for image := range c.In[0].Dim(0) {
		base := image * channels * inner
		for ch := range channels {
			clear(sums)
			for k := max(ch-(r.size-1)/2, 0); k <= min(ch+r.size/2, channels-1); k++ {
				for i, v := range x[base+k*inner : base+(k+1)*inner] {
					sums[i] += float64(v) * float64(v)
				}
			}
			for i, sum := range sums {
				at := base + ch*inner + i
				out[at] = T(float64(x[at]) / math.Pow(r.bias+r.alpha/float64(r.size)*sum, r.beta))
			}
		}
	}
}
