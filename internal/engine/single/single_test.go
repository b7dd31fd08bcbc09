package single

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Every function is within 1e-9 of package math's, relatively, wherever a float32 holds the result.
func TestFunctionsEqualMath(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 8))
	for name, f := range map[string]struct{ got, want func(float64) float64 }{
		"Exp": {Exp, math.Exp}, "Tanh": {Tanh, math.Tanh}, "Expm1": {Expm1, math.Expm1}, "Erf": {Erf, math.Erf},
		"Sigmoid":  {Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		"Softplus": {Softplus, func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }},
	} {
		for i := range 200000 {
			x := float64(float32(rng.NormFloat64() * math.Pow(10, float64(i%5-2))))
			got, want := f.got(x), f.want(x)
			if math.Abs(want) > math.MaxFloat32 {
				if float32(got) != float32(want) {
					t.Fatalf("%s(%v) is %v, wanted %v", name, x, got, want)
				}
				continue
			}
			if d := math.Abs(got - want); d > 1e-9*math.Abs(want)+1e-46 && !(name == "Erf" && d < 2e-8 && math.Abs(x) >= 4) {
				t.Fatalf("%s(%v) is %v, wanted %v", name, x, got, want)
			}
		}
	}
}

func TestEdges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for name, c := range map[string]struct {
		f    func(float64) float64
		want [3]float32 // of -Inf, 0 and Inf
	}{
		"Exp": {Exp, [3]float32{0, 1, float32(inf)}}, "Sigmoid": {Sigmoid, [3]float32{0, 0.5, 1}}, "Erf": {Erf, [3]float32{-1, 0, 1}}, "Tanh": {Tanh, [3]float32{-1, 0, 1}},
		"Expm1": {Expm1, [3]float32{-1, 0, float32(inf)}}, "Softplus": {Softplus, [3]float32{0, math.Ln2, float32(inf)}},
	} {
		for i, x := range []float64{-inf, 0, inf} {
			if got := float32(c.f(x)); got != c.want[i] {
				t.Errorf("%s(%v) is %v, wanted %v", name, x, got, c.want[i])
			}
		}
		if got := c.f(nan); got == got {
			t.Errorf("%s(NaN) is %v", name, got)
		}
	}
	if math.Signbit(Tanh(math.Copysign(0, -1))) != true {
		t.Error("Tanh(-0) is not -0")
	}
}
