package single

import (
	"math"
	"os"
	"testing"
	"time"
)

func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// scalar makes a loop of a function.
func scalar(f func(float64) float64) func(dst, x []float32) {
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = float32(f(float64(v)))
		}
	}
}

// function is one of the package's, with what it should be and how many units in the last place of the result it may be
// away, beside an absolute error.
type function struct {
	name     string
	loop     func(dst, x []float32)
	want     func(float64) float64
	units    float64
	absolute float64
}

func functions() []function {
	unit := func(gain, alpha, width float64) func(float64) float64 {
		return func(x float64) float64 {
			if x < 0 {
				return gain * alpha * math.Expm1(x/width)
			}
			return gain * x
		}
	}
	log := func(x float64) float64 { return Log(float32(x)) }
	return []function{
		{"ExpAll", ExpAll, math.Exp, 0.51, 0}, {"Exp", scalar(Exp), math.Exp, 0.51, 0}, {"Expm1", scalar(Expm1), math.Expm1, 0.51, 0},
		{"LogAll", LogAll, math.Log, 0.51, 0}, {"Log", scalar(log), math.Log, 0.51, 0},
		{"Pow", scalar(func(x float64) float64 { return Pow(float32(x), 1.7) }), func(x float64) float64 { return math.Pow(x, 1.7) }, 0.51, 0},
		{"Pow down", scalar(func(x float64) float64 { return Pow(float32(x), -0.7) }), func(x float64) float64 { return math.Pow(x, -0.7) }, 0.51, 0},
		{"SigmoidAll", SigmoidAll, sigmoid, 0.51, 0}, {"Sigmoid", scalar(Sigmoid), sigmoid, 0.51, 0},
		{"SwishAll", SwishAll(1.5), func(x float64) float64 { return x * sigmoid(1.5*x) }, 0.51, 0},
		{"TanhAll", TanhAll, math.Tanh, 0.51, 0}, {"Tanh", scalar(Tanh), math.Tanh, 0.51, 0},
		{"ErfAll", ErfAll, math.Erf, 0.51, 0}, {"Erf", scalar(Erf), math.Erf, 0.51, 0},
		{"GeluAll", GeluAll, func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }, 0.51, 1e-14},
		{"Gelu", scalar(Gelu), func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }, 0.51, 1e-14},
		{"GeluTanh", scalar(GeluTanh), func(x float64) float64 {
			return x * sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
		}, 0.51, 1e-14},
		{"Softplus", scalar(Softplus), softplus, 0.51, 0},
		{"Mish", scalar(Mish), func(x float64) float64 { return x * math.Tanh(softplus(x)) }, 0.51, 0},
		{"ExponentialUnit", ExponentialUnit(1.1, 1.7, 0.9), unit(1.1, 1.7, 0.9), 0.51, 0},
		{"Sinh", scalar(Sinh), math.Sinh, 0.51, 0}, {"Cosh", scalar(Cosh), math.Cosh, 0.51, 0},
		{"Sin", scalar(Sin), math.Sin, 0.51, 0}, {"Cos", scalar(Cos), math.Cos, 0.51, 0},
		{"Atan", scalar(Atan), math.Atan, 0.51, 0}, {"Asin", scalar(Asin), math.Asin, 0.51, 0}, {"Acos", scalar(Acos), math.Acos, 0.51, 0},
		{"AtanAll", AtanAll, math.Atan, 0.51, 0}, {"AsinAll", AsinAll, math.Asin, 0.51, 0}, {"AcosAll", AcosAll, math.Acos, 0.51, 0},
	}
}

// TestErrorsInUnits compares with package math over the whole range of float32, denormals, infinities and NaN included: at
// every 4,099th bit pattern, or with SHARDWISE_LONG=1 at every 61st. Where the reference is infinite as a float32, so is the
// result.
func TestErrorsInUnits(t *testing.T) {
	step := uint64(4099)
	if os.Getenv("SHARDWISE_LONG") == "1" {
		step = 61
	}
	for _, f := range functions() {
		t.Run(f.name, func(t *testing.T) {
			worst, at := 0.0, float32(0)
			x, dst := make([]float32, 0, 1024), make([]float32, 1024)
			flush := func() {
				f.loop(dst[:len(x)], x)
				for i, v := range x {
					if e := distance(dst[i], f.want(float64(v)), f.absolute); !(e <= worst) {
						worst, at = e, v
					}
				}
				x = x[:0]
			}
			for bits := uint64(0); bits < 1<<32; bits += step {
				if x = append(x, math.Float32frombits(uint32(bits))); len(x) == cap(x) {
					flush()
				}
			}
			flush()
			t.Logf("at most %.4f units, at %v", worst, at)
			if !(worst <= f.units) {
				t.Errorf("%v units from the reference at %v, at most %v are promised", worst, at, f.units)
			}
		})
	}
}

// distance is how many units in the last place of the reference got is away from it, beyond an absolute error; NaN when only
// one is NaN or infinite.
func distance(got float32, want, absolute float64) float64 {
	rounded := float32(want)
	if got == rounded || got != got && rounded != rounded {
		if got == 0 && math.Signbit(float64(got)) != math.Signbit(want) && want == 0 {
			return math.NaN()
		}
		return 0
	}
	if math.IsInf(float64(got), 0) || math.IsInf(float64(rounded), 0) || got != got || rounded != rounded {
		if math.IsInf(float64(got), 0) != math.IsInf(float64(rounded), 0) && math.Abs(math.Abs(want)-0x1.ffffffp127) < 0x1p80 {
			return 0.5 // the tie between the greatest number and infinity
		}
		return math.NaN()
	}
	_, exponent := math.Frexp(want)
	unit := math.Ldexp(1, max(exponent-24, -149))
	return max(math.Abs(float64(got)-want)-absolute, 0) / unit
}

// BenchmarkLoops tells the shortest time of an element, and package math's over it, in one run.
func BenchmarkLoops(b *testing.B) {
	x, dst := make([]float32, 4096), make([]float32, 4096)
	for i := range x {
		x[i] = float32(i*2654435761%4096)/1024 - 2
	}
	for _, f := range functions() {
		b.Run(f.name, func(b *testing.B) {
			reference := scalar(f.want)
			own, other := time.Hour, time.Hour
			for b.Loop() {
				begin := time.Now()
				f.loop(dst, x)
				middle := time.Now()
				reference(dst, x)
				own, other = min(own, middle.Sub(begin)), min(other, time.Since(middle))
			}
			b.ReportMetric(float64(own.Nanoseconds())/float64(len(x)), "ns/element")
			b.ReportMetric(float64(other)/float64(own), "math/own")
		})
	}
}
