package attention

import (
	"math"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func attend(t *testing.T, attrs map[string]any, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := optest.Run(t, Table(), optest.Case{Op: "Attention", Opset: 25, Attrs: attrs, In: in, Outputs: 4})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAttentionByHand(t *testing.T) {
	q, k := optest.F32([]float32{2, 0}, 1, 1, 2, 1), optest.F32([]float32{1, 0}, 1, 1, 2, 1)
	v := optest.F32([]float32{10, 20}, 1, 1, 2, 1)
	p := float32(1 / (1 + math.Exp(-2)))
	inf := float32(math.Inf(-1))
	for name, c := range map[string]struct {
		attrs map[string]any
		mask  *tensor.Tensor
		want  []float32
	}{
		"plain":         {nil, nil, []float32{10*p + 20*(1-p), 15}},
		"causal":        {map[string]any{"is_causal": 1}, nil, []float32{10, 15}},
		"window":        {map[string]any{"left_window_size": 0, "right_window_size": 0}, nil, []float32{10, 20}},
		"boolean mask":  {nil, optest.Of(tensor.Bool, []bool{false, true}, 1, 2), []float32{20, 20}},
		"masked whole":  {nil, optest.Of(tensor.Bool, []bool{false, false, true, true}, 2, 2), []float32{0, 15}},
		"additive mask": {nil, optest.F32([]float32{-2, 0, inf, 0}, 2, 2), []float32{15, 20}},
		"short mask":    {nil, optest.F32([]float32{0}, 1), []float32{10, 10}},
		"scaled away":   {map[string]any{"scale": 1e-9}, nil, []float32{15, 15}},
	} {
		out := attend(t, c.attrs, q, k, v, c.mask)
		optest.Same(t, name, out[0], optest.F32(c.want, 1, 1, 2, 1), 1e-6)
	}
}

// Decoding step by step with past keys gives what one causal pass gives, packed layouts and shared heads included.
func TestStepsWithAPastEqualOneCausalPass(t *testing.T) {
	rng := optest.Seeded(t)
	const batch, heads, shared, steps, size = 2, 4, 2, 5, 3
	q := optest.Random(rng, tensor.F64, batch, steps, heads*size)
	k, v := optest.Random(rng, tensor.F64, batch, steps, shared*size), optest.Random(rng, tensor.F64, batch, steps, shared*size)
	attrs := map[string]any{"q_num_heads": heads, "kv_num_heads": shared, "is_causal": 1, "softcap": 2.0}
	whole := attend(t, attrs, q, k, v)
	pastK, pastV := tensor.New(tensor.F64, batch, shared, 0, size), tensor.New(tensor.F64, batch, shared, 0, size)
	at := func(x *tensor.Tensor, step int) *tensor.Tensor {
		one := tensor.New(tensor.F64, batch, 1, x.Dim(2))
		for b := range batch {
			copy(tensor.Of[float64](one)[b*x.Dim(2):][:x.Dim(2)], tensor.Of[float64](x)[(b*steps+step)*x.Dim(2):])
		}
		return one
	}
	for s := range steps {
		out := attend(t, attrs, at(q, s), at(k, s), at(v, s), nil, pastK, pastV)
		optest.Same(t, "step", out[0], at(whole[0], s), 1e-12)
		pastK, pastV = out[1], out[2]
	}
	optest.Same(t, "present keys", pastK, whole[1], 0)
	optest.Same(t, "present values", pastV, whole[2], 0)
}

func TestScoresAreTheFourthOutput(t *testing.T) {
	q, k := optest.F32([]float32{2}, 1, 1, 1, 1), optest.F32([]float32{1, 0}, 1, 1, 2, 1)
	mask := optest.F32([]float32{0, 1}, 1, 2)
	capped := float32(math.Tanh(2))
	e := math.Exp(float64(capped) - 1)
	for mode, want := range [][]float32{{2, 0}, {capped, 0}, {capped, 1}, {float32(e / (1 + e)), float32(1 / (1 + e))}} {
		out := attend(t, map[string]any{"qk_matmul_output_mode": mode, "softcap": 1.0}, q, k, k, mask)
		optest.Same(t, "scores", out[3], optest.F32(want, 1, 1, 1, 2), 1e-6)
	}
}

func TestRotaryEmbeddingTurnsPairs(t *testing.T) {
	x := optest.F32([]float32{1, 0, 0, 2, 9, 8}, 1, 1, 1, 6)
	cos, sin := optest.F32([]float32{1, 1, 0, 1}, 2, 2), optest.F32([]float32{0, 0, 1, 0}, 2, 2)
	ids := optest.Of(tensor.I64, []int64{1}, 1, 1)
	for interleaved, want := range [][]float32{{0, 0, 1, 2, 9, 8}, {0, 1, 0, 2, 9, 8}} {
		got := optest.One(t, Table(), optest.Case{Op: "RotaryEmbedding", Opset: 23, Attrs: map[string]any{"interleaved": interleaved, "rotary_embedding_dim": 4}, In: []*tensor.Tensor{x, cos, sin, ids}})
		optest.Same(t, "RotaryEmbedding", got, optest.F32(want, 1, 1, 1, 6), 0)
	}
	ids = optest.Of(tensor.I64, []int64{2}, 1, 1)
	if _, err := optest.Run(t, Table(), optest.Case{Op: "RotaryEmbedding", Opset: 23, Attrs: map[string]any{"rotary_embedding_dim": 4}, In: []*tensor.Tensor{x, cos, sin, ids}}); err == nil {
		t.Error("a position outside the caches is no error")
	}
}

func TestWrongAttentionIsRefused(t *testing.T) {
	x := tensor.New(tensor.F32, 1, 2, 3, 4)
	for what, c := range map[string]optest.Case{
		"a past key alone":      {In: []*tensor.Tensor{x, x, x, nil, x}},
		"values of other steps": {In: []*tensor.Tensor{x, x, tensor.New(tensor.F32, 1, 2, 2, 4)}},
		"heads that do not fit": {In: []*tensor.Tensor{x, tensor.New(tensor.F32, 1, 3, 3, 4), tensor.New(tensor.F32, 1, 3, 3, 4)}},
		"a mask too wide":       {In: []*tensor.Tensor{x, x, x, tensor.New(tensor.F32, 3, 4)}},
		"an unknown mode":       {In: []*tensor.Tensor{x, x, x}, Attrs: map[string]any{"qk_matmul_output_mode": 4}},
	} {
		c.Op, c.Opset = "Attention", 24
		if out, err := optest.Run(t, Table(), c); err == nil {
			t.Errorf("%s: %v, wanted an error", what, out)
		}
	}
}
