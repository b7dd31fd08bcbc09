package norm

import (
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestNormalisationsByHand(t *testing.T) {
	x := optest.F32([]float32{1, 3, 2, 6}, 1, 2, 2)
	ones, zeros := optest.F32([]float32{1, 1}, 2), optest.F32([]float32{0, 0}, 2)
	exact := map[string]any{"epsilon": 0.0}
	with := func(name string, v any) map[string]any { return map[string]any{"epsilon": 0.0, name: v} }
	for _, c := range []struct {
		name string
		optest.Case
		want []float32
	}{
		{"by channel", optest.Case{Op: "BatchNormalization", Opset: 15, Attrs: exact,
			In: []*tensor.Tensor{x, optest.F32([]float32{1, 2}, 2), optest.F32([]float32{0, 1}, 2), optest.F32([]float32{1, 2}, 2), optest.F32([]float32{4, 16}, 2)}},
			[]float32{0, 1, 1, 3}},
		{"by element", optest.Case{Op: "BatchNormalization", Opset: 7, Attrs: with("spatial", 0),
			In: []*tensor.Tensor{x, optest.F32([]float32{1, 1, 1, 1}, 2, 2), optest.F32([]float32{0, 0, 0, 5}, 2, 2), optest.F32([]float32{1, 2, 2, 2}, 2, 2), optest.F32([]float32{1, 1, 4, 4}, 2, 2)}},
			[]float32{0, 1, 0, 7}},
		{"", optest.Case{Op: "InstanceNormalization", Opset: 6, Attrs: exact, In: []*tensor.Tensor{x, optest.F32([]float32{1, 2}, 2), optest.F32([]float32{0, 1}, 2)}},
			[]float32{-1, 1, -1, 3}},
		{"parameters by group", optest.Case{Op: "GroupNormalization", Opset: 18, Attrs: with("num_groups", 2), In: []*tensor.Tensor{x, optest.F32([]float32{1, 2}, 2), zeros}},
			[]float32{-1, 1, -2, 2}},
		{"one group, parameters by channel", optest.Case{Op: "GroupNormalization", Opset: 21, Attrs: with("num_groups", 1), In: []*tensor.Tensor{x, optest.F32([]float32{1, 2}, 2), zeros}},
			[]float32{-2 / float32(math.Sqrt(3.5)), 0, -2 / float32(math.Sqrt(3.5)), 6 / float32(math.Sqrt(3.5))}},
		{"last axis", optest.Case{Op: "LayerNormalization", Opset: 17, Attrs: exact, In: []*tensor.Tensor{x, ones, zeros}}, []float32{-1, 1, -1, 1}},
		{"scale that broadcasts", optest.Case{Op: "LayerNormalization", Opset: 17, Attrs: with("axis", 1), In: []*tensor.Tensor{x, optest.F32([]float32{1, 0}, 2, 1)}},
			[]float32{-2 / float32(math.Sqrt(3.5)), 0, 0, 0}},
		{"", optest.Case{Op: "RMSNormalization", Opset: 23, Attrs: exact, In: []*tensor.Tensor{x, ones}},
			[]float32{1 / float32(math.Sqrt(5)), 3 / float32(math.Sqrt(5)), 2 / float32(math.Sqrt(20)), 6 / float32(math.Sqrt(20))}},
		{"two channels", optest.Case{Op: "LRN", Opset: 13, Attrs: map[string]any{"size": 2, "alpha": 2.0, "beta": 1.0}, In: []*tensor.Tensor{x}},
			[]float32{1. / 6, 3. / 46, 2. / 5, 6. / 37}},
	} {
		optest.Same(t, c.Op+" "+c.name, optest.One(t, Table(), c.Case), optest.F32(c.want, 1, 2, 2), 1e-6)
	}
}

func TestLayerNormalizationGivesItsMoments(t *testing.T) {
	half := optest.Of(tensor.F16, []uint16{0x3c00, 0x4200}, 1, 2) // 1 and 3
	scale := optest.Of(tensor.F16, []uint16{0x3c00, 0x3c00}, 2)
	out, err := optest.Run(t, Table(), optest.Case{Op: "LayerNormalization", Opset: 17, Attrs: map[string]any{"epsilon": 0.0}, In: []*tensor.Tensor{half, scale}, Outputs: 3})
	if err != nil {
		t.Fatal(err)
	}
	optest.Same(t, "Y", out[0], optest.Of(tensor.F16, []uint16{0xbc00, 0x3c00}, 1, 2), 0)
	optest.Same(t, "mean", out[1], optest.F32([]float32{2}, 1, 1), 0)
	optest.Same(t, "1 / deviation", out[2], optest.F32([]float32{1}, 1, 1), 0)
}

// A normalised row has mean 0 and variance 1, whatever its scale and place, and large offsets do no harm.
func TestNormalisedRowsHaveMeanZeroAndVarianceOne(t *testing.T) {
	rng := optest.Seeded(t)
	x := optest.Random(rng, tensor.F64, 20, 200)
	for i := range tensor.Of[float64](x) {
		tensor.Of[float64](x)[i] += 1e6
	}
	scale := tensor.New(tensor.F64, 200)
	for i := range 200 {
		tensor.Of[float64](scale)[i] = 1
	}
	y := tensor.Of[float64](optest.One(t, Table(), optest.Case{Op: "LayerNormalization", Opset: 17, Attrs: map[string]any{"epsilon": 0.0}, In: []*tensor.Tensor{x, scale}}))
	for r := range 20 {
		mean, squares := 0.0, 0.0
		for _, v := range y[r*200 : (r+1)*200] {
			mean, squares = mean+v/200, squares+v*v/200
		}
		if math.Abs(mean) > 1e-8 || math.Abs(squares-1) > 1e-8 {
			t.Fatalf("row %d has mean %v and variance %v", r, mean, squares)
		}
	}
}

func TestWrongNormalisationsAreRefused(t *testing.T) {
	x, p := tensor.New(tensor.F32, 2, 3, 4), tensor.New(tensor.F32, 3)
	for what, c := range map[string]optest.Case{
		"training":               {Op: "BatchNormalization", Opset: 15, Attrs: map[string]any{"training_mode": 1}, In: []*tensor.Tensor{x, p, p, p, p}},
		"training before 7":      {Op: "BatchNormalization", Opset: 6, In: []*tensor.Tensor{x, p, p, p, p}},
		"spatial after 8":        {Op: "BatchNormalization", Opset: 9, Attrs: map[string]any{"spatial": 0}, In: []*tensor.Tensor{x, p, p, p, p}},
		"groups that do not fit": {Op: "GroupNormalization", Opset: 21, Attrs: map[string]any{"num_groups": 2}, In: []*tensor.Tensor{x, p, p}},
		"a scale too short":      {Op: "LayerNormalization", Opset: 17, In: []*tensor.Tensor{x, p}},
		"an axis outside":        {Op: "RMSNormalization", Opset: 23, Attrs: map[string]any{"axis": 3}, In: []*tensor.Tensor{x, p}},
		"no size":                {Op: "LRN", Opset: 13, In: []*tensor.Tensor{x}},
	} {
		if out, err := optest.Run(t, Table(), c); err == nil {
			t.Errorf("%s: %v, wanted an error", what, out)
		}
	}
}
