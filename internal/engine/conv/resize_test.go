package conv

import (
	"fmt"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestResizeByHand(t *testing.T) {
	x := optest.F32([]float32{1, 2, 3, 4}, 1, 4)
	scales := func(v float32) []*tensor.Tensor {
		return []*tensor.Tensor{x, nil, optest.F32([]float32{1, v}, 2)}
	}
	sizes := func(n int64) []*tensor.Tensor {
		return []*tensor.Tensor{x, nil, nil, optest.Of(tensor.I64, []int64{1, n}, 2)}
	}
	for _, c := range []struct {
		attrs map[string]any
		in    []*tensor.Tensor
		want  []float32
	}{
		{map[string]any{}, scales(2), []float32{1, 1, 2, 2, 3, 3, 4, 4}},
		{map[string]any{}, scales(0.5), []float32{1, 3}}, // positions 0.5 and 2.5, floor preferred
		{map[string]any{"nearest_mode": "round_prefer_ceil"}, scales(0.5), []float32{2, 4}},
		{map[string]any{"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}, sizes(3), []float32{1, 2, 3}},
		{map[string]any{"nearest_mode": "ceil", "coordinate_transformation_mode": "asymmetric"}, sizes(3), []float32{1, 3, 4}},
		{map[string]any{"mode": "linear"}, scales(2), []float32{1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4}},
		{map[string]any{"mode": "linear", "coordinate_transformation_mode": "align_corners"}, sizes(7), []float32{1, 1.5, 2, 2.5, 3, 3.5, 4}},
		{map[string]any{"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}, sizes(1), []float32{1}},
		{map[string]any{"mode": "linear", "antialias": 1}, sizes(2), []float32{1.625, 3.375}},
		{map[string]any{"mode": "cubic", "coordinate_transformation_mode": "asymmetric"}, scales(2), []float32{1, 1.40625, 2, 2.5, 3, 3.59375, 4, 4.09375}},
	} {
		got := optest.One(t, Table(), optest.Case{Op: "Resize", Opset: 19, Attrs: c.attrs, In: c.in})
		optest.Same(t, fmt.Sprint("Resize ", c.attrs), got, optest.F32(c.want, 1, len(c.want)), 1e-5)
	}
}

func TestResizeMovesAndRoundsEveryType(t *testing.T) {
	bytes := optest.Of(tensor.U8, []uint8{0, 255}, 2)
	halves := optest.Of(tensor.F16, []uint16{0x3c00, 0x4000}, 2) // 1 and 2
	in := func(x *tensor.Tensor) []*tensor.Tensor {
		return []*tensor.Tensor{x, nil, optest.F32([]float32{2}, 1)}
	}
	for mode, wants := range map[string][]*tensor.Tensor{
		"nearest": {optest.Of(tensor.U8, []uint8{0, 0, 255, 255}, 4), optest.Of(tensor.F16, []uint16{0x3c00, 0x3c00, 0x4000, 0x4000}, 4)},
		"linear":  {optest.Of(tensor.U8, []uint8{0, 63, 191, 255}, 4), optest.Of(tensor.F16, []uint16{0x3c00, 0x3d00, 0x3f00, 0x4000}, 4)},
	} {
		for i, x := range []*tensor.Tensor{bytes, halves} {
			got := optest.One(t, Table(), optest.Case{Op: "Resize", Opset: 13, Attrs: map[string]any{"mode": mode}, In: in(x)})
			optest.Same(t, mode, got, wants[i], 0)
		}
	}
}

// Numbers are ONNX Runtime 1.23.2's.
func TestResizeCutsLinearIntegersAndRoundsOthers(t *testing.T) {
	x := []int32{-265, 684, 278, 134, -209, -467, -628, 220}
	for i, c := range []struct {
		attrs map[string]any
		in    *tensor.Tensor
		size  int64
		want  *tensor.Tensor
	}{
		{optest.Attrs("mode", "linear"), optest.Of(tensor.I32, x, 2, 4), 3, optest.Of(tensor.I32, []int32{-106, 481, 158, -252, -547, 78}, 2, 3)},
		{optest.Attrs("mode", "linear"), optest.Of(tensor.U8, []uint8{59, 227, 2}, 1, 3), 4, optest.Of(tensor.U8, []uint8{59, 164, 142, 2}, 1, 4)},
		{optest.Attrs("mode", "linear"), optest.Of(tensor.U8, []uint8{100, 100, 100}, 1, 3), 7, optest.Of(tensor.U8, []uint8{100, 100, 100, 100, 100, 100, 100}, 1, 7)},
		{optest.Attrs("mode", "linear", "antialias", 1), optest.Of(tensor.I32, x, 2, 4), 3, optest.Of(tensor.I32, []int32{-6, 481, 173, -279, -548, -11}, 2, 3)},
		{optest.Attrs("mode", "cubic", "antialias", 1), optest.Of(tensor.I32, x, 2, 4), 3, optest.Of(tensor.I32, []int32{-6, 548, 135, -257, -615, 5}, 2, 3)},
	} {
		rows := int64(c.in.Dim(0))
		got := optest.One(t, Table(), optest.Case{Op: "Resize", Opset: 18, Attrs: c.attrs, In: []*tensor.Tensor{c.in, nil, nil, optest.I64([]int64{rows, c.size}, 2)}})
		optest.Same(t, fmt.Sprint("case ", i), got, c.want, 0)
	}
}

func TestOlderResizesAndUpsample(t *testing.T) {
	x := optest.F32([]float32{1, 2, 3, 4}, 1, 4)
	scale := func(v float32) *tensor.Tensor { return optest.F32([]float32{1, v}, 2) }
	for _, c := range []struct {
		optest.Case
		want []float32
	}{
		{optest.Case{Op: "Resize", Opset: 10, In: []*tensor.Tensor{x, scale(0.6)}}, []float32{1, 3}},
		{optest.Case{Op: "Upsample", Opset: 9, In: []*tensor.Tensor{x, scale(1.5)}}, []float32{1, 1, 2, 3, 3, 4}},
		{optest.Case{Op: "Upsample", Opset: 7, Attrs: map[string]any{"scales": []float64{1, 2}, "mode": "linear"}, In: []*tensor.Tensor{x}}, []float32{1, 1.5, 2, 2.5, 3, 3.5, 4, 4}},
	} {
		optest.Same(t, c.Op, optest.One(t, Table(), c.Case), optest.F32(c.want, 1, len(c.want)), 1e-6)
	}
}

func TestWrongResizesAreErrors(t *testing.T) {
	x := tensor.New(tensor.F32, 2, 3)
	for what, c := range map[string]optest.Case{
		"neither scales nor sizes": {In: []*tensor.Tensor{x}},
		"both":                     {In: []*tensor.Tensor{x, nil, optest.F32([]float32{1, 1}, 2), optest.Of(tensor.I64, []int64{2, 3}, 2)}},
		"a scale too few":          {In: []*tensor.Tensor{x, nil, optest.F32([]float32{1}, 1)}},
		"a scale of 0":             {In: []*tensor.Tensor{x, nil, optest.F32([]float32{1, 0}, 2)}},
		"a huge size":              {In: []*tensor.Tensor{x, nil, nil, optest.Of(tensor.I64, []int64{1 << 40, 1 << 40}, 2)}},
		"no roi":                   {In: []*tensor.Tensor{x, nil, optest.F32([]float32{1, 1}, 2)}, Attrs: map[string]any{"coordinate_transformation_mode": "tf_crop_and_resize"}},
		"an unknown mode":          {In: []*tensor.Tensor{x, nil, optest.F32([]float32{1, 1}, 2)}, Attrs: map[string]any{"mode": "lanczos"}},
	} {
		c.Op, c.Opset = "Resize", 19
		if out, err := optest.Run(t, Table(), c); err == nil {
			t.Errorf("%s: %v, wanted an error", what, out)
		}
	}
}

// Sampling at the centres of the elements gives the input back, with every mode and padding.
func TestGridSampleOfTheAffineIdentity(t *testing.T) {
	rng := optest.Seeded(t)
	x := optest.Random(rng, tensor.F32, 2, 3, 5, 7)
	theta := optest.F32([]float32{1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0}, 2, 2, 3)
	for _, corners := range []int{0, 1} {
		grid := optest.One(t, Table(), optest.Case{Op: "AffineGrid", Opset: 20, Attrs: map[string]any{"align_corners": corners},
			In: []*tensor.Tensor{theta, optest.Of(tensor.I64, []int64{2, 3, 5, 7}, 4)}})
		for _, mode := range []string{"nearest", "linear", "cubic"} {
			for _, padding := range []string{"zeros", "border", "reflection"} {
				got := optest.One(t, Table(), optest.Case{Op: "GridSample", Opset: 20, In: []*tensor.Tensor{x, grid},
					Attrs: map[string]any{"align_corners": corners, "mode": mode, "padding_mode": padding}})
				optest.Same(t, mode+" "+padding, got, x, 1e-4)
			}
		}
	}
}

// Without offsets and mask DeformConv is Conv.
func TestDeformConvWithoutOffsetsIsConv(t *testing.T) {
	rng := optest.Seeded(t)
	x, w, b := optest.Random(rng, tensor.F64, 2, 4, 6, 7), optest.Random(rng, tensor.F64, 6, 2, 3, 2), optest.Random(rng, tensor.F64, 6)
	attrs := map[string]any{"group": 2, "pads": []int{1, 0, 1, 1}, "strides": []int{2, 1}}
	want := optest.One(t, Table(), optest.Case{Op: "Conv", Opset: 22, Attrs: attrs, In: []*tensor.Tensor{x, w, b}})
	attrs["offset_group"] = 2
	offset := tensor.New(tensor.F64, 2, 2*6*2, want.Dim(2), want.Dim(3))
	got := optest.One(t, Table(), optest.Case{Op: "DeformConv", Opset: 22, Attrs: attrs, In: []*tensor.Tensor{x, w, offset, b}})
	optest.Same(t, "DeformConv", got, want, 1e-12)
}

func TestRegionsByHand(t *testing.T) {
	x := optest.F32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 1, 3, 3)
	rois := optest.F32([]float32{0, 0, 0, 2, 2, 0, 1, 1, 1, 1}, 2, 5)
	got := optest.One(t, Table(), optest.Case{Op: "MaxRoiPool", Opset: 1, Attrs: map[string]any{"pooled_shape": []int{1, 1}}, In: []*tensor.Tensor{x, rois}})
	optest.Same(t, "MaxRoiPool", got, optest.F32([]float32{9, 5}, 2, 1, 1, 1), 0)
	box, image := optest.F32([]float32{0.5, 0.5, 2.5, 2.5}, 1, 4), optest.Of(tensor.I64, []int64{0}, 1)
	got = optest.One(t, Table(), optest.Case{Op: "RoiAlign", Opset: 16, Attrs: map[string]any{"output_height": 1, "output_width": 1, "sampling_ratio": 2}, In: []*tensor.Tensor{x, box, image}})
	optest.Same(t, "RoiAlign", got, optest.F32([]float32{5}, 1, 1, 1, 1), 1e-6)
	image = optest.Of(tensor.I64, []int64{1}, 1)
	if _, err := optest.Run(t, Table(), optest.Case{Op: "RoiAlign", Opset: 16, In: []*tensor.Tensor{x, box, image}}); err == nil {
		t.Error("a region of no image is no error")
	}
}

func TestCenterCropPadByHand(t *testing.T) {
	x := optest.Of(tensor.I32, []int32{1, 2, 3, 4, 5, 6}, 2, 3)
	got := optest.One(t, Table(), optest.Case{Op: "CenterCropPad", Opset: 18, In: []*tensor.Tensor{x, optest.Of(tensor.I64, []int64{3, 1}, 2)}})
	optest.Same(t, "CenterCropPad", got, optest.Of(tensor.I32, []int32{2, 5, 0}, 3, 1), 0)
}
