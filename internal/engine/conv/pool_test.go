package conv

import (
	"fmt"
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// naivePool gives the elements of each window, element by element, and how many of it lie in the padded input.
func naivePool(s shape2, x []float64, f func(values []float64, at []int, padded int)) {
	for p := range s.outH * s.outW {
		var values []float64
		var at []int
		padded := 0
		for k := range s.kh * s.kw {
			y := p/s.outW*s.stride[0] - s.pads[0] + k/s.kw*s.dilation[0]
			z := p%s.outW*s.stride[1] - s.pads[1] + k%s.kw*s.dilation[1]
			if y < s.h+s.pads[2] && z < s.w+s.pads[3] {
				padded++
			}
			if y >= 0 && y < s.h && z >= 0 && z < s.w {
				values, at = append(values, x[y*s.w+z]), append(at, y*s.w+z)
			}
		}
		f(values, at, padded)
	}
}

func TestPoolingEqualsTheNaiveLoops(t *testing.T) {
	rng := optest.Seeded(t)
	for range 200 {
		s := randomShape(rng)
		for i, k := range []int{s.kh, s.kw} {
			s.pads[i], s.pads[i+2] = min(s.pads[i], k/2), min(s.pads[i+2], k/2)
		}
		s.outH = (s.h+s.pads[0]+s.pads[2]-(s.kh-1)*s.dilation[0]-1)/s.stride[0] + 1
		s.outW = (s.w+s.pads[1]+s.pads[3]-(s.kw-1)*s.dilation[1]-1)/s.stride[1] + 1
		if s.h+s.pads[0]+s.pads[2] <= (s.kh-1)*s.dilation[0] || s.w+s.pads[1]+s.pads[3] <= (s.kw-1)*s.dilation[1] {
			continue
		}
		x := optest.Random(rng, tensor.F64, 1, 1, s.h, s.w)
		attrs := map[string]any{"kernel_shape": []int{s.kh, s.kw}, "strides": s.stride, "dilations": s.dilation, "pads": s.pads}
		include := rng.IntN(2)
		var greatest, index, mean, norm []float64
		naivePool(s, tensor.Of[float64](x), func(values []float64, at []int, padded int) {
			best, from, sum, squares := math.Inf(-1), -1, 0.0, 0.0
			for i, v := range values {
				sum, squares = sum+v, squares+v*v
				if v > best {
					best, from = v, at[i]
				}
			}
			count := len(values)
			if include == 1 {
				count = padded
			}
			greatest, index = append(greatest, best), append(index, float64(from))
			mean, norm = append(mean, sum/float64(count)), append(norm, math.Sqrt(squares))
		})
		view := func(v []float64) *tensor.Tensor { return optest.Of(tensor.F64, v, 1, 1, s.outH, s.outW) }
		out, err := optest.Run(t, Table(), optest.Case{Op: "MaxPool", Opset: 12, Attrs: attrs, In: []*tensor.Tensor{x}, Outputs: 2})
		if err != nil {
			t.Fatal(err)
		}
		optest.Same(t, fmt.Sprintf("MaxPool %+v", s), out[0], view(greatest), 0)
		at, err := tensor.Convert(out[1], tensor.F64)
		if err != nil {
			t.Fatal(err)
		}
		optest.Same(t, fmt.Sprintf("indices %+v", s), at, view(index), 0)
		optest.Same(t, "LpPool", optest.One(t, Table(), optest.Case{Op: "LpPool", Opset: 18, Attrs: attrs, In: []*tensor.Tensor{x}}), view(norm), 1e-12)
		attrs["count_include_pad"] = include
		optest.Same(t, fmt.Sprintf("AveragePool %+v", s), optest.One(t, Table(), optest.Case{Op: "AveragePool", Opset: 19, Attrs: attrs, In: []*tensor.Tensor{x}}), view(mean), 1e-12)
	}
}

func TestPoolingByHand(t *testing.T) {
	nan := float32(math.NaN())
	x := optest.F32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 1, 1, 4, 4)
	line := optest.F32([]float32{1, 5, 5, nan, 2}, 1, 1, 5)
	for _, c := range []struct {
		name string
		optest.Case
		want *tensor.Tensor
	}{
		{"ceil", optest.Case{Op: "MaxPool", Opset: 10, Attrs: map[string]any{"kernel_shape": []int{3, 3}, "strides": []int{2, 2}, "ceil_mode": 1}, In: []*tensor.Tensor{x}},
			optest.F32([]float32{11, 12, 15, 16}, 1, 1, 2, 2)},
		{"NaN", optest.Case{Op: "MaxPool", Opset: 22, Attrs: map[string]any{"kernel_shape": []int{2}}, In: []*tensor.Tensor{line}},
			optest.F32([]float32{5, 5, nan, nan}, 1, 1, 4)},
		{"bytes", optest.Case{Op: "MaxPool", Opset: 12, Attrs: map[string]any{"kernel_shape": []int{2}}, In: []*tensor.Tensor{optest.Of(tensor.I8, []int8{-3, -2, -128}, 1, 1, 3)}},
			optest.Of(tensor.I8, []int8{-2, -2}, 1, 1, 2)},
		{"no padding counted in the overhang", optest.Case{Op: "AveragePool", Opset: 19, Attrs: map[string]any{"kernel_shape": []int{2}, "strides": []int{2}, "ceil_mode": 1, "count_include_pad": 1},
			In: []*tensor.Tensor{optest.F32([]float32{1, 2, 3}, 1, 1, 3)}}, optest.F32([]float32{1.5, 3}, 1, 1, 2)},
		{"global", optest.Case{Op: "GlobalAveragePool", Opset: 1, In: []*tensor.Tensor{x}}, optest.F32([]float32{8.5}, 1, 1, 1, 1)},
		{"global", optest.Case{Op: "GlobalMaxPool", Opset: 1, In: []*tensor.Tensor{line}}, optest.F32([]float32{nan}, 1, 1, 1)},
		{"global", optest.Case{Op: "GlobalLpPool", Opset: 2, Attrs: map[string]any{"p": 1}, In: []*tensor.Tensor{x}}, optest.F32([]float32{136}, 1, 1, 1, 1)},
		{"a float p", optest.Case{Op: "GlobalLpPool", Opset: 1, Attrs: map[string]any{"p": 1.0}, In: []*tensor.Tensor{x}}, optest.F32([]float32{136}, 1, 1, 1, 1)},
	} {
		optest.Same(t, c.Op+" "+c.name, optest.One(t, Table(), c.Case), c.want, 1e-7)
	}
}

func TestMaxUnpoolUndoesMaxPool(t *testing.T) {
	rng := optest.Seeded(t)
	x := optest.Random(rng, tensor.F32, 2, 3, 6, 8)
	attrs := map[string]any{"kernel_shape": []int{2, 2}, "strides": []int{2, 2}}
	pooled, err := optest.Run(t, Table(), optest.Case{Op: "MaxPool", Opset: 22, Attrs: attrs, In: []*tensor.Tensor{x}, Outputs: 2})
	if err != nil {
		t.Fatal(err)
	}
	back := optest.One(t, Table(), optest.Case{Op: "MaxUnpool", Opset: 22, Attrs: attrs, In: pooled})
	kept := 0
	for i, v := range tensor.Of[float32](back) {
		if v != 0 && v != tensor.Of[float32](x)[i] {
			t.Fatalf("element %d is %v, wanted 0 or %v", i, v, tensor.Of[float32](x)[i])
		}
		if v != 0 {
			kept++
		}
	}
	if !back.Shape().Equal(x.Shape()) || kept != pooled[0].Len() {
		t.Errorf("%v with %d elements, wanted %v with %d", back, kept, x, pooled[0].Len())
	}
	tensor.Of[int64](pooled[1])[0] = 1 << 40
	if _, err := optest.Run(t, Table(), optest.Case{Op: "MaxUnpool", Opset: 22, Attrs: attrs, In: pooled}); err == nil {
		t.Error("an index outside is no error")
	}
}
