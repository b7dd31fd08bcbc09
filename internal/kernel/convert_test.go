package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// Every half is widened as tensor does it one by one, NaN payloads and subnormal numbers included, at every length and address.
func TestHalvesAreWidenedAsOneByOne(t *testing.T) {
	for half, one := range map[tensor.DType]func(uint16) float32{tensor.F16: tensor.F16ToF32, tensor.BF16: tensor.BF16ToF32} {
		src := make([]uint16, 1<<16)
		for i := range src {
			src[i] = uint16(i)
		}
		dst := make([]float32, len(src))
		Widen(dst, src, half)
		for i, v := range dst {
			if got, want := math.Float32bits(v), math.Float32bits(one(src[i])); got != want {
				t.Fatalf("%s %#x: %#x, wanted %#x", half, src[i], got, want)
			}
		}
		for n := range 40 {
			dst := make([]float32, n+2)
			Widen(dst[1:n+1], src[n:2*n], half)
			for i, v := range dst[1 : n+1] {
				if v != one(src[n+i]) {
					t.Fatalf("%s, %d elements: element %d is %v", half, n, i, v)
				}
			}
			if dst[0] != 0 || dst[n+1] != 0 {
				t.Fatalf("%s, %d elements: written beside them", half, n)
			}
		}
	}
}

// Numbers at, below and above every half and every middle of two are rounded as tensor does it one by one.
func TestFloatsAreNarrowedAsOneByOne(t *testing.T) {
	rng := seeded(t)
	for half, one := range map[tensor.DType]func(float32) uint16{tensor.F16: tensor.F32ToF16, tensor.BF16: tensor.F32ToBF16} {
		var src []float32
		for i := range uint32(1 << 16) {
			bits := i << 16
			if half == tensor.F16 {
				bits = math.Float32bits(tensor.F16ToF32(uint16(i)))
			}
			middle := uint32(1) << 15
			if half == tensor.F16 {
				middle = 1 << 12
			}
			for _, b := range []uint32{bits, bits + middle, bits + middle - 1, bits + middle + 1, bits + rng.Uint32N(middle), rng.Uint32()} {
				src = append(src, math.Float32frombits(b))
			}
		}
		src = src[:len(src)-rng.IntN(8)]
		dst := make([]uint16, len(src))
		Narrow(dst, src, half)
		for i, v := range dst {
			if want := one(src[i]); v != want {
				t.Fatalf("%s of %#x: %#x, wanted %#x", half, math.Float32bits(src[i]), v, want)
			}
		}
	}
}

func TestBytesAreWidened(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(rng.Uint32())
		}
		for _, zero := range []float32{0, 127, -128, 255} {
			dst := make([]float32, n)
			WidenBytes(dst, src, true, zero)
			for i, v := range dst {
				if v != float32(int8(src[i]))-zero {
					t.Fatalf("%d of I8 less %v: %v", int8(src[i]), zero, v)
				}
			}
			WidenBytes(dst, src, false, zero)
			for i, v := range dst {
				if v != float32(src[i])-zero {
					t.Fatalf("%d of U8 less %v: %v", src[i], zero, v)
				}
			}
		}
	}
}
