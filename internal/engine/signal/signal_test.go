package signal

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func one(t *testing.T, v int64) *tensor.Tensor {
	t.Helper()
	return optest.Of(tensor.I64, []int64{v})
}

func TestTransformsEqualTheDefinition(t *testing.T) {
	rng := optest.Seeded(t)
	for range 60 {
		in, n, inner := 1+rng.IntN(12), 1+rng.IntN(15), 1+rng.IntN(3)
		parts := 1 + rng.IntN(2)
		x := optest.Random(rng, tensor.F64, 2, in, inner, parts)
		for _, inverse := range []int{0, 1} {
			want := tensor.New(tensor.F64, 2, n, inner, 2)
			for v := range 2 * n * inner {
				b, k, i := v/(n*inner), v/inner%n, v%inner
				var sum complex128
				for s := range min(in, n) {
					at := ((b*in+s)*inner + i) * parts
					z := complex(tensor.Of[float64](x)[at], 0)
					if parts == 2 {
						z += complex(0, tensor.Of[float64](x)[at+1])
					}
					sum += z * cmplx.Exp(complex(0, float64(2*inverse-1)*2*math.Pi*float64(k*s)/float64(n)))
				}
				if inverse == 1 {
					sum /= complex(float64(n), 0)
				}
				tensor.Of[float64](want)[2*v], tensor.Of[float64](want)[2*v+1] = real(sum), imag(sum)
			}
			got := optest.One(t, Table(), optest.Case{Op: "DFT", Opset: 20, Attrs: map[string]any{"inverse": inverse}, In: []*tensor.Tensor{x, one(t, int64(n)), one(t, 1)}})
			optest.Same(t, "DFT", got, want, 1e-11)
		}
	}
}

// The one-sided transform and its inverse give a real signal back, of even and odd length.
func TestOneSidedTransformsAreInverse(t *testing.T) {
	rng := optest.Seeded(t)
	for n := 1; n < 20; n++ {
		x := optest.Random(rng, tensor.F64, 3, n, 1)
		half := optest.One(t, Table(), optest.Case{Op: "DFT", Opset: 17, Attrs: map[string]any{"onesided": 1}, In: []*tensor.Tensor{x}})
		if half.Dim(1) != n/2+1 {
			t.Fatalf("%d elements give %v", n, half)
		}
		back := optest.One(t, Table(), optest.Case{Op: "DFT", Opset: 17, Attrs: map[string]any{"onesided": 1, "inverse": 1}, In: []*tensor.Tensor{half, one(t, int64(n))}})
		optest.Same(t, "the signal", back, x, 1e-12)
	}
}

// A frame of an STFT is the DFT of the windowed samples.
func TestFramesAreTransforms(t *testing.T) {
	rng := optest.Seeded(t)
	x, window := optest.Random(rng, tensor.F64, 2, 23, 1), optest.Random(rng, tensor.F64, 6)
	got := optest.One(t, Table(), optest.Case{Op: "STFT", Opset: 17, In: []*tensor.Tensor{x, one(t, 4), window}})
	if !got.Shape().Equal(tensor.Shape{2, 5, 4, 2}) {
		t.Fatalf("%v", got)
	}
	frames := tensor.New(tensor.F64, 10, 6, 1)
	for i := range tensor.Of[float64](frames) {
		f, s := i/6, i%6
		tensor.Of[float64](frames)[i] = tensor.Of[float64](x)[f/5*23+f%5*4+s] * tensor.Of[float64](window)[s]
	}
	want, err := optest.One(t, Table(), optest.Case{Op: "DFT", Opset: 20, Attrs: map[string]any{"onesided": 1}, In: []*tensor.Tensor{frames}}).Reshape(2, 5, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	optest.Same(t, "STFT", got, want, 1e-12)
}

func TestWindowsByHand(t *testing.T) {
	for _, c := range []struct {
		op       string
		periodic int
		want     []float32
	}{
		{"HannWindow", 1, []float32{0, 0.5, 1, 0.5}},
		{"HannWindow", 0, []float32{0, 0.75, 0.75, 0}},
		{"HammingWindow", 1, []float32{4. / 46, 25. / 46, 1, 25. / 46}},
		{"BlackmanWindow", 1, []float32{0, 0.34, 1, 0.34}},
	} {
		got := optest.One(t, Table(), optest.Case{Op: c.op, Opset: 17, Attrs: map[string]any{"periodic": c.periodic}, In: []*tensor.Tensor{one(t, 4)}})
		optest.Same(t, c.op, got, optest.F32(c.want, 4), 1e-6)
	}
}

func TestMelTrianglesByHand(t *testing.T) {
	in := []*tensor.Tensor{one(t, 1), one(t, 8), one(t, 8), optest.F32([]float32{0}), optest.F32([]float32{4})}
	// Corners: 9·f/8 for f = 0, about 4/3, 8/3, rounded down: 0, 1, 2.
	got := optest.One(t, Table(), optest.Case{Op: "MelWeightMatrix", Opset: 17, In: in})
	optest.Same(t, "MelWeightMatrix", got, optest.F32([]float32{0, 1, 0, 0, 0}, 5, 1), 0)
}

func TestWrongSignalsAreRefused(t *testing.T) {
	x := tensor.New(tensor.F32, 1, 4, 1)
	for what, c := range map[string]optest.Case{
		"the last axis":      {Op: "DFT", In: []*tensor.Tensor{x, nil, one(t, 2)}},
		"three parts":        {Op: "DFT", In: []*tensor.Tensor{tensor.New(tensor.F32, 1, 4, 3)}},
		"a huge length":      {Op: "DFT", In: []*tensor.Tensor{x, one(t, 1<<40)}},
		"a frame too long":   {Op: "STFT", In: []*tensor.Tensor{x, one(t, 1), nil, one(t, 5)}},
		"no step":            {Op: "STFT", In: []*tensor.Tensor{x, one(t, 0)}},
		"an integer window":  {Op: "HannWindow", Attrs: map[string]any{"output_datatype": 7}, In: []*tensor.Tensor{one(t, 4)}},
		"an edge too high":   {Op: "MelWeightMatrix", In: []*tensor.Tensor{one(t, 1), one(t, 8), one(t, 8), optest.F32([]float32{0}), optest.F32([]float32{40})}},
		"a negative length":  {Op: "HammingWindow", In: []*tensor.Tensor{one(t, -1)}},
		"an empty transform": {Op: "DFT", In: []*tensor.Tensor{x, one(t, 0)}},
	} {
		c.Opset = 20
		if out, err := optest.Run(t, Table(), c); err == nil {
			t.Errorf("%s: %v, wanted an error", what, out)
		}
	}
}
