package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"

	"go.uber.org/goleak"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func random[T Float](rng *rand.Rand, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = T(rng.NormFloat64())
	}
	return out
}

// at copies x to an address that is off bytes (a multiple of the element size) beyond a multiple of 64.
func at[T Float](x []T, off int) []T {
	size := int(unsafe.Sizeof(T(0)))
	buf := make([]T, len(x)+4*64/size)
	base := int(uintptr(unsafe.Pointer(&buf[0])) % 64)
	out := buf[((64-base)%64+off)/size:][:len(x)]
	copy(out, x)
	return out
}

func testAgainstReference[T Float](t *testing.T, eps float64) {
	rng := seeded(t)
	var g Blocked[T]
	for range 200 {
		m, n, k := rng.IntN(6), rng.IntN(200), rng.IntN(150)
		x, w := random[T](rng, m*k), random[T](rng, n*k)
		wt := make([]T, n*k)
		for j := range n {
			for l := range k {
				wt[l*n+j] = w[j*k+l]
			}
		}
		a, b := random[T](rng, m*n), random[T](rng, m*n)
		g.MulT(a, x, w, m, n, k)
		g.Mul(b, x, wt, m, n, k)
		for i := range m {
			for j := range n {
				want, scale := 0.0, 0.0
				for l := range k {
					p := float64(x[i*k+l]) * float64(w[j*k+l])
					want, scale = want+p, scale+math.Abs(p)
				}
				for name, got := range map[string]T{"MulT": a[i*n+j], "Mul": b[i*n+j]} {
					if math.Abs(float64(got)-want) > eps*scale {
						t.Fatalf("%s m=%d n=%d k=%d at %d,%d: %v, wanted %v", name, m, n, k, i, j, got, want)
					}
				}
			}
		}
	}
}

func TestProductsEqualTheReferenceLoop(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testAgainstReference[float32](t, 1e-6) })
	t.Run("float64", func(t *testing.T) { testAgainstReference[float64](t, 1e-14) })
}

// A row's bits depend on nothing but the row and the weights: not on batch size, place, alignment or GOMAXPROCS.
func testRowBits[T Float](t *testing.T) {
	rng := seeded(t)
	var g Blocked[T]
	size := int(unsafe.Sizeof(T(0)))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, s := range [][2]int{{1, 1}, {7, 5}, {64, 33}, {130, 257}, {3, 1025}, {515, 1027}, {5000, 37}, {1031, 1027}} {
		n, k := s[0], s[1]
		m := 40
		x, w := random[T](rng, m*k), random[T](rng, n*k)
		for name, mul := range map[string]func(dst, x, w []T, m, n, k int){"Mul": g.Mul, "MulT": g.MulT} {
			one := make([]T, m*n)
			for i := range m {
				mul(one[i*n:(i+1)*n], at(x[i*k:(i+1)*k], 0), w, 1, n, k)
			}
			for _, procs := range []int{1, 2, 3, 8} {
				runtime.GOMAXPROCS(procs)
				lo := rng.IntN(m)
				rows := 1 + rng.IntN(m-lo)
				off := rng.IntN(16) * size
				dst := at(make([]T, rows*n), rng.IntN(16)*size)
				mul(dst, at(x[lo*k:(lo+rows)*k], off), at(w, rng.IntN(16)*size), rows, n, k)
				for i, v := range dst {
					if v != one[lo*n+i] {
						t.Fatalf("%s n=%d k=%d rows=%d from %d off=%d procs=%d: element %d is %v, alone %v", name, n, k, rows, lo, off, procs, i, v, one[lo*n+i])
					}
				}
			}
		}
	}
}

func TestARowsBitsDependOnNothingElse(t *testing.T) {
	t.Run("float32", testRowBits[float32])
	t.Run("float64", testRowBits[float64])
}

func TestZeroTimesInfinityIsNaN(t *testing.T) {
	var g Blocked[float32]
	inf := float32(math.Inf(1))
	x, w := []float32{0, 1}, []float32{inf, 1}
	for name, mul := range map[string]func(dst, x, w []float32, m, n, k int){"Mul": g.Mul, "MulT": g.MulT} {
		dst := []float32{5}
		mul(dst, x, w, 1, 1, 2)
		if dst[0] == dst[0] {
			t.Errorf("%s: %v, wanted NaN", name, dst[0])
		}
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	var g Blocked[float32]
	g.Mul(make([]float32, 3), make([]float32, 2), make([]float32, 4), 1, 2, 2)
}

// BenchmarkDense compares with gonum's Gemv (batch 1) and Gemm (more) called plainly, in the same run.
func BenchmarkDense(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][3]int{{1, 4096, 4096}, {8, 4096, 4096}, {64, 1024, 4096}} {
		m, n, k := s[0], s[1], s[2]
		x, w, dst := random[float32](rng, m*k), random[float32](rng, n*k), make([]float32, m*n)
		var g Blocked[float32]
		A := blas32.General{Rows: n, Cols: k, Stride: k, Data: w}
		plainT := func() {
			if m == 1 {
				blas32.Gemv(blas.NoTrans, 1, A, blas32.Vector{N: k, Inc: 1, Data: x}, 0, blas32.Vector{N: n, Inc: 1, Data: dst})
				return
			}
			blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: m, Cols: k, Stride: k, Data: x}, A, 0, blas32.General{Rows: m, Cols: n, Stride: n, Data: dst})
		}
		for name, f := range map[string]func(){"MulT": func() { g.MulT(dst, x, w, m, n, k) }, "Mul": func() { g.Mul(dst, x, w, m, n, k) }} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", name, m, n, k), func(b *testing.B) { ratio(b, f, plainT, 4*n*k) })
		}
	}
}

// ratio times f and the reference in turns and reports their ratio and the weights' GB/s.
func ratio(b *testing.B, f, reference func(), bytes int) {
	var own, plain float64
	for b.Loop() {
		own += seconds(f)
		plain += seconds(reference)
	}
	b.ReportMetric(own/plain, "x-reference")
	b.ReportMetric(float64(bytes)*float64(b.N)/own/1e9, "GB/s")
}
