package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shape2 is a random two-dimensional window.
type shape2 struct {
	n, group, in, out      int // images; channels of one group
	h, w, kh, kw           int
	stride, dilation, pads []int
	outH, outW             int
	attrs                  map[string]any
}

func randomShape(rng *rand.Rand) shape2 {
	for {
		s := shape2{n: 1 + rng.IntN(3), group: 1 + rng.IntN(3), in: 1 + rng.IntN(4), out: 1 + rng.IntN(4), h: 1 + rng.IntN(12), w: 1 + rng.IntN(40),
			kh: 1 + rng.IntN(3), kw: 1 + rng.IntN(4), stride: []int{1 + rng.IntN(3), 1 + rng.IntN(3)}, dilation: []int{1 + rng.IntN(2), 1 + rng.IntN(3)},
			pads: []int{rng.IntN(3), rng.IntN(3), rng.IntN(3), rng.IntN(3)}}
		h, w := s.h+s.pads[0]+s.pads[2]-(s.kh-1)*s.dilation[0]-1, s.w+s.pads[1]+s.pads[3]-(s.kw-1)*s.dilation[1]-1
		if h < 0 || w < 0 {
			continue
		}
		s.outH, s.outW = h/s.stride[0]+1, w/s.stride[1]+1
		s.attrs = map[string]any{"group": s.group, "strides": s.stride, "dilations": s.dilation, "pads": s.pads}
		return s
	}
}

// naive is the definition of Conv in float64, image by image and element by element.
func naive(s shape2, x, w, b []float64) []float64 {
	m := s.group * s.out
	out := make([]float64, s.n*m*s.outH*s.outW)
	for i := range out {
		ox, oy := i%s.outW, i/s.outW%s.outH
		f, n := i/s.outW/s.outH%m, i/s.outW/s.outH/m
		sum := b[f]
		for c := range s.in {
			for ky := range s.kh {
				for kx := range s.kw {
					y, z := oy*s.stride[0]-s.pads[0]+ky*s.dilation[0], ox*s.stride[1]-s.pads[1]+kx*s.dilation[1]
					if y >= 0 && y < s.h && z >= 0 && z < s.w {
						channel := n*s.group*s.in + f/s.out*s.in + c
						sum += x[(channel*s.h+y)*s.w+z] * w[((f*s.in+c)*s.kh+ky)*s.kw+kx]
					}
				}
			}
		}
		out[i] = sum
	}
	return out
}

func TestConvEqualsTheNaiveLoops(t *testing.T) {
	rng := optest.Seeded(t)
	for range 150 {
		s := randomShape(rng)
		x := optest.Random(rng, tensor.F64, s.n, s.group*s.in, s.h, s.w)
		w := optest.Random(rng, tensor.F64, s.group*s.out, s.in, s.kh, s.kw)
		b := optest.Random(rng, tensor.F64, s.group*s.out)
		got := optest.One(t, Table(), optest.Case{Op: "Conv", Opset: 22, Attrs: s.attrs, In: []*tensor.Tensor{x, w, b}})
		want := optest.Of(tensor.F64, naive(s, tensor.Of[float64](x), tensor.Of[float64](w), tensor.Of[float64](b)), s.n, s.group*s.out, s.outH, s.outW)
		optest.Same(t, fmt.Sprintf("%+v", s), got, want, 1e-12)
	}
}

// <Conv(x), y> = <x, ConvTranspose(y)> for the same weights.
func TestConvTransposeIsTheAdjointOfConv(t *testing.T) {
	rng := optest.Seeded(t)
	for range 150 {
		s := randomShape(rng)
		x := optest.Random(rng, tensor.F64, s.n, s.group*s.in, s.h, s.w)
		w := optest.Random(rng, tensor.F64, s.group*s.out, s.in, s.kh, s.kw)
		y := optest.Random(rng, tensor.F64, s.n, s.group*s.out, s.outH, s.outW)
		forward := optest.One(t, Table(), optest.Case{Op: "Conv", Opset: 11, Attrs: s.attrs, In: []*tensor.Tensor{x, w}})
		rest := func(in, out, k, axis int) int {
			return in - (s.stride[axis]*(out-1) + (k-1)*s.dilation[axis] + 1 - s.pads[axis] - s.pads[axis+2])
		}
		s.attrs["output_padding"] = []int{rest(s.h, s.outH, s.kh, 0), rest(s.w, s.outW, s.kw, 1)}
		back := optest.One(t, Table(), optest.Case{Op: "ConvTranspose", Opset: 11, Attrs: s.attrs, In: []*tensor.Tensor{y, w}})
		if !back.Shape().Equal(x.Shape()) {
			t.Fatalf("%+v: the transpose is %v, wanted %v", s, back, x)
		}
		left, right := dot(forward, y), dot(x, back)
		if math.Abs(left-right) > 1e-9*(1+math.Abs(left)) {
			t.Fatalf("%+v: %v and %v", s, left, right)
		}
	}
}

func dot(a, b *tensor.Tensor) float64 {
	sum := 0.0
	for i, v := range tensor.Of[float64](a) {
		sum += v * tensor.Of[float64](b)[i]
	}
	return sum
}

// An image's bits are the same alone and in a batch, and an element's bits the same wherever its window stands.
func TestConvBitsDependOnTheWindowAlone(t *testing.T) {
	rng := optest.Seeded(t)
	w := optest.Random(rng, tensor.F32, 5, 7, 3, 3)
	run := func(op string, x *tensor.Tensor) *tensor.Tensor {
		return optest.One(t, Table(), optest.Case{Op: op, Opset: 22, In: []*tensor.Tensor{x, w}})
	}
	x := optest.Random(rng, tensor.F32, 3, 7, 70, 90)
	whole := run("Conv", x)
	for i := range 3 {
		one, err := x.Rows(i, i+1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := whole.Rows(i, i+1)
		if err != nil {
			t.Fatal(err)
		}
		optest.Same(t, "alone", run("Conv", one), want, 0)
	}
	// The same 3 x 3 patch at a random place gives the same bits.
	for range 20 {
		n, oy, ox := rng.IntN(3), rng.IntN(68), rng.IntN(88)
		patch := tensor.New(tensor.F32, 1, 7, 3, 3)
		for i := range tensor.Of[float32](patch) {
			tensor.Of[float32](patch)[i] = tensor.Of[float32](x)[((n*7+i/9)*70+oy+i/3%3)*90+ox+i%3]
		}
		got := tensor.Of[float32](run("Conv", patch))
		for f := range 5 {
			if want := tensor.Of[float32](whole)[((n*5+f)*68+oy)*88+ox]; got[f] != want {
				t.Fatalf("filter %d at %d,%d: %v, wanted %v", f, oy, ox, got[f], want)
			}
		}
	}
	y := optest.Random(rng, tensor.F32, 2, 5, 20, 30)
	w = optest.Random(rng, tensor.F32, 5, 6, 3, 3)
	both := run("ConvTranspose", y)
	second, _ := y.Rows(1, 2)
	want, _ := both.Rows(1, 2)
	optest.Same(t, "transposed alone", run("ConvTranspose", second), want, 0)
}

func TestConvPadsToSame(t *testing.T) {
	x, w := optest.F32([]float32{1, 2, 3, 4}, 1, 1, 4), optest.F32([]float32{1, 10}, 1, 1, 2)
	for mode, want := range map[string][]float32{"SAME_UPPER": {21, 32, 43, 4}, "SAME_LOWER": {10, 21, 32, 43}, "VALID": {21, 32, 43}} {
		got := optest.One(t, Table(), optest.Case{Op: "Conv", Opset: 1, Attrs: map[string]any{"auto_pad": mode}, In: []*tensor.Tensor{x, w}})
		optest.Same(t, mode, got, optest.F32(want, 1, 1, len(want)), 0)
	}
}

func TestZeroPaddingTimesInfinityIsNaN(t *testing.T) {
	x, w := optest.F32([]float32{1}, 1, 1, 1), optest.F32([]float32{float32(math.Inf(1)), 1, 1}, 1, 1, 3)
	got := optest.One(t, Table(), optest.Case{Op: "Conv", Opset: 22, Attrs: map[string]any{"pads": []int{1, 1}}, In: []*tensor.Tensor{x, w}})
	if v := tensor.Of[float32](got)[0]; v == v {
		t.Errorf("%v, wanted NaN", v)
	}
}

func TestWrongConvolutionsAreErrors(t *testing.T) {
	x, w := tensor.New(tensor.F32, 1, 4, 5, 5), tensor.New(tensor.F32, 2, 4, 3, 3)
	for what, c := range map[string]optest.Case{
		"weights of another type":      {In: []*tensor.Tensor{x, tensor.New(tensor.F64, 2, 4, 3, 3)}},
		"groups that do not divide":    {In: []*tensor.Tensor{x, w}, Attrs: map[string]any{"group": 3}},
		"kernel_shape of no weights":   {In: []*tensor.Tensor{x, w}, Attrs: map[string]any{"kernel_shape": []int{3, 2}}},
		"window larger than input":     {In: []*tensor.Tensor{x, w}, Attrs: map[string]any{"dilations": []int{3, 3}}},
		"negative pads":                {In: []*tensor.Tensor{x, w}, Attrs: map[string]any{"pads": []int{-1, 0, 0, 0}}},
		"huge pads":                    {In: []*tensor.Tensor{x, w}, Attrs: map[string]any{"pads": []int{1 << 29, 1 << 29, 0, 0}}},
		"strides of another rank":      {In: []*tensor.Tensor{x, w}, Attrs: map[string]any{"strides": []int{1}}},
		"a bias of another length":     {In: []*tensor.Tensor{x, w, tensor.New(tensor.F32, 3)}},
		"an attribute that is not its": {In: []*tensor.Tensor{x, w}, Attrs: map[string]any{"output_padding": []int{0, 0}}},
	} {
		c.Op, c.Opset = "Conv", 22
		if out, err := optest.Run(t, Table(), c); err == nil {
			t.Errorf("%s: %v, wanted an error", what, out)
		}
	}
}
