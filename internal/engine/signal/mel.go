package signal

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// outputType reads output_datatype, F32 unless given.
func outputType(s *engine.Site) (tensor.DType, error) {
	number := s.Node.Int("output_datatype", 1)
	to, ok := onnx.DTypeOf(number)
	if !ok || !to.Float() {
		return to, s.Refuse("output_datatype %d is not covered, only float types", number)
	}
	return to, nil
}

// mel is MelWeightMatrix (ai.onnx 17 to today): [dft_length/2 + 1, num_mel_bins] weights of triangles whose corners are
// spaced evenly on the mel scale 2595·log10(1 + f/700) from the lower to the upper edge, in steps of their distance by
// num_mel_bins + 2, and rounded down to spectrogram bins.
func mel(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("output_datatype"); err != nil {
		return nil, err
	}
	if err := s.Arity(5, 5, 1); err != nil {
		return nil, err
	}
	to, err := outputType(s)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		var numbers [3]int
		for i, what := range []string{"num_mel_bins", "dft_length", "sample_rate"} {
			var err error
			if numbers[i], err = whole(c, i, what); err != nil {
				return err
			}
		}
		var edges [2]float64
		for i := range edges {
			wide, err := tensor.Convert(c.In[3+i], tensor.F64)
			if err != nil {
				return err
			}
			if wide.Len() != 1 {
				return fmt.Errorf("an edge is %v, wanted one number", c.In[3+i])
			}
			edges[i] = tensor.Of[float64](wide)[0]
		}
		out, err := melWeights(c, numbers[0], numbers[1], numbers[2], edges)
		if err != nil {
			return err
		}
		c.Out[0], err = tensor.Convert(out, to)
		return err
	}), nil
}

func melWeights(c *engine.Call, bins, length, rate int, edges [2]float64) (*tensor.Tensor, error) {
	rows := length/2 + 1
	if bins < 1 || rate < 1 || bins > maxLength/rows {
		return nil, fmt.Errorf("%d mel bins of %d samples a second over a transform of %d are out of range", bins, rate, length)
	}
	scale := func(f float64) float64 { return 2595 * math.Log10(1+f/700) }
	low, step := scale(edges[0]), (scale(edges[1])-scale(edges[0]))/float64(bins+2)
	corners := make([]int, bins+2)
	for i := range corners {
		at := math.Floor(float64(length+1) * 700 * (math.Pow(10, (low+float64(i)*step)/2595) - 1) / float64(rate))
		if !(at >= 0 && at < float64(rows)) {
			return nil, fmt.Errorf("the edges %v and %v lie outside the spectrogram of %d bins", edges[0], edges[1], rows)
		}
		corners[i] = int(at)
	}
	t := c.New(tensor.F64, rows, bins)
	out := tensor.Of[float64](t)
	clear(out)
	for i := range bins {
		left, centre, right := corners[i], corners[i+1], corners[i+2]
		if left == centre {
			out[centre*bins+i] = 1
		}
		for j := left; j <= centre && left != centre; j++ {
			out[j*bins+i] = float64(j-left) / float64(centre-left)
		}
		for j := centre; j < right; j++ {
			out[j*bins+i] = float64(right-j) / float64(right-centre)
		}
	}
	return t, nil
}
