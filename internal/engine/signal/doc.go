// Package signal is the family of signal processing: discrete Fourier transforms (DFT, STFT), the window functions, and
// MelWeightMatrix, in F32 and F64.
//
// Everything is computed in float64, transforms by gonum's mixed-radix FFT of any length, and rounded once. The package is
// called by internal/engine/native alone.
package signal

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Table is the family's operators.
func Table() engine.Table {
	floats, ints := engine.Floats(), engine.TypesOf(tensor.I32, tensor.I64)
	wide := floats | engine.TypesOf(tensor.F16, tensor.BF16)
	size := []engine.Types{ints}
	return engine.Strict(engine.Table{
		{Op: "DFT"}:             {{Since: 17, Build: dft, In: []engine.Types{floats, ints, engine.TypesOf(tensor.I64)}, Half: true}},
		{Op: "STFT"}:            {{Since: 17, Build: stft, In: []engine.Types{floats, ints, floats, ints}, Half: true}},
		{Op: "HannWindow"}:      {{Since: 17, Build: window(hann), In: size}},
		{Op: "HammingWindow"}:   {{Since: 17, Build: window(hamming), In: size}},
		{Op: "BlackmanWindow"}:  {{Since: 17, Build: window(blackman), In: size}},
		{Op: "MelWeightMatrix"}: {{Since: 17, Build: mel, In: []engine.Types{ints, ints, ints, wide}}},
	})
}

// maxLength bounds lengths that inputs give, so that a hostile one is an error and no crash.
const maxLength = 1 << 26

// whole reads one integer of an input, from 0 to maxLength.
func whole(c *engine.Call, i int, what string) (int, error) {
	list, err := engine.Int64s(c.In[i])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if len(list) != 1 || list[0] < 0 || list[0] > maxLength {
		return 0, fmt.Errorf("%s is %v, wanted one number from 0 to %d", what, list, maxLength)
	}
	return int(list[0]), nil
}

// hann is HannWindow (ai.onnx 17 to today): 0.5 - 0.5·cos(x), where x goes from 0 to 2π in steps of 2π / N (periodic) or
// 2π / (N - 1).
func hann(x float64) float64 { return 0.5 - 0.5*math.Cos(x) }

// hamming is HammingWindow (ai.onnx 17 to today): 25/46 - 21/46·cos(x), x as for HannWindow.
func hamming(x float64) float64 { return 25./46 - 21./46*math.Cos(x) }

// blackman is BlackmanWindow (ai.onnx 17 to today): 0.42 - 0.5·cos(x) + 0.08·cos(2x), x as for HannWindow.
func blackman(x float64) float64 { return 0.42 - 0.5*math.Cos(x) + 0.08*math.Cos(2*x) }

// window builds a window function; output_datatype is a float type.
func window(f func(x float64) float64) func(*engine.Site) (engine.Kernel, error) {
	return func(s *engine.Site) (engine.Kernel, error) {
		if err := s.Only("output_datatype", "periodic"); err != nil {
			return nil, err
		}
		if err := s.Arity(1, 1, 1); err != nil {
			return nil, err
		}
		to, err := outputType(s)
		if err != nil {
			return nil, err
		}
		periodic := s.Node.Int("periodic", 1) != 0
		return engine.KernelFunc(func(c *engine.Call) error {
			n, err := whole(c, 0, "size")
			if err != nil {
				return err
			}
			steps := float64(n)
			if !periodic {
				steps = max(steps-1, 1)
			}
			out := c.New(tensor.F64, n)
			for i := range n {
				tensor.Of[float64](out)[i] = f(2 * math.Pi * float64(i) / steps)
			}
			c.Out[0], err = tensor.Convert(out, to)
			return err
		}), nil
	}
}
