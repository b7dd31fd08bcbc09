package recurrent

import (
	"math"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardwise/shardwise/internal/engine/optest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sig(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// One unit and one step, from the definitions.
func TestOneStepByHand(t *testing.T) {
	x, h := optest.F32([]float32{0.5}, 1, 1, 1), optest.F32([]float32{0.25}, 1, 1, 1)
	c := optest.F32([]float32{-0.5}, 1, 1, 1)
	w := func(v ...float32) *tensor.Tensor { return optest.F32(v, 1, len(v), 1) }
	b := func(v ...float32) *tensor.Tensor { return optest.F32(v, 1, len(v)) }
	i, o, f := sig(0.5*1+0.25*0.1+0.1+0.3*-0.5), 0.0, sig(0.5*3+0.25*0.3+0.3+0.1*-0.5)
	cell := f*-0.5 + i*math.Tanh(0.5*4+0.25*0.4+0.4)
	o = sig(0.5*2 + 0.25*0.2 + 0.2 + 0.2*cell)
	z, r := sig(0.5*1+0.25*0.1), sig(0.5*2+0.25*0.2)
	early := math.Tanh(0.5*3 + r*0.25*0.3 + 0.01 + 0.02)
	late := math.Tanh(0.5*3 + r*(0.25*0.3+0.02) + 0.01)
	gru := []*tensor.Tensor{x, w(1, 2, 3), w(.1, .2, .3), b(0, 0, .01, 0, 0, .02), nil, h}
	for _, k := range []struct {
		name string
		optest.Case
		want float64
	}{
		{"RNN", optest.Case{Op: "RNN", Attrs: map[string]any{"activations": []string{"LeakyRelu"}, "activation_alpha": []float64{0.5}},
			In: []*tensor.Tensor{x, w(-2), w(1), b(.25, .25), nil, h}}, -0.125},
		{"clipped", optest.Case{Op: "RNN", Attrs: map[string]any{"clip": 0.25}, In: []*tensor.Tensor{x, w(-2), w(1)}}, math.Tanh(-0.25)},
		{"GRU", optest.Case{Op: "GRU", In: gru}, (1-z)*early + z*0.25},
		{"GRU late", optest.Case{Op: "GRU", Attrs: map[string]any{"linear_before_reset": 1}, In: gru}, (1-z)*late + z*0.25},
		{"LSTM with peepholes", optest.Case{Op: "LSTM", In: []*tensor.Tensor{x, w(1, 2, 3, 4), w(.1, .2, .3, .4), b(.1, .2, .3, .4, 0, 0, 0, 0), nil, h, c, b(.3, .2, .1)}}, o * math.Tanh(cell)},
	} {
		k.Opset = 14
		got := optest.One(t, Table(), k.Case)
		optest.Same(t, k.name, got, optest.F32([]float32{float32(k.want)}, 1, 1, 1, 1), 1e-6)
	}
}

// A bidirectional layer is a forward and a reverse one, layouts are transposes, and a sequence's bits depend on nothing
// but itself: not on its batch and not on the padding behind it.
func TestDirectionsLayoutsAndLengths(t *testing.T) {
	rng := optest.Seeded(t)
	const steps, batch, input, hidden = 6, 3, 5, 4
	for op, gates := range map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4} {
		x := optest.Random(rng, tensor.F32, steps, batch, input)
		w, r := optest.Random(rng, tensor.F32, 2, gates*hidden, input), optest.Random(rng, tensor.F32, 2, gates*hidden, hidden)
		lens := optest.Of(tensor.I32, []int32{6, 2, 4}, batch)
		both := layerOf(t, op, "bidirectional", 0, x, w, r, lens)
		for d, direction := range []string{"forward", "reverse"} {
			wd, _ := w.Rows(d, d+1)
			rd, _ := r.Rows(d, d+1)
			one := layerOf(t, op, direction, 0, x, wd, rd, lens)
			for i, v := range tensor.Of[float32](one[0]) {
				s, rest := i/(batch*hidden), i%(batch*hidden)
				if other := tensor.Of[float32](both[0])[(s*2+d)*batch*hidden+rest]; v != other {
					t.Fatalf("%s %s: element %d is %v, in both directions %v", op, direction, i, v, other)
				}
			}
			// Sequence 1 alone, without its padding.
			short := tensor.New(tensor.F32, 2, 1, input)
			for s := range 2 {
				copy(tensor.Of[float32](short)[s*input:(s+1)*input], tensor.Of[float32](x)[(s*batch+1)*input:])
			}
			alone := layerOf(t, op, direction, 0, short, wd, rd, nil)
			for i, v := range tensor.Of[float32](alone[0]) {
				if other := tensor.Of[float32](one[0])[(i/hidden*batch+1)*hidden+i%hidden]; v != other {
					t.Fatalf("%s %s: element %d is %v alone, %v in the batch", op, direction, i, v, other)
				}
			}
			for i, v := range tensor.Of[float32](alone[1]) {
				if other := tensor.Of[float32](one[1])[hidden+i]; v != other {
					t.Fatalf("%s %s: last state %d is %v alone, %v in the batch", op, direction, i, v, other)
				}
			}
		}
		turned := tensor.New(tensor.F32, batch, steps, input)
		for i := range steps * batch {
			copy(tensor.Of[float32](turned)[(i%batch*steps+i/batch)*input:][:input], tensor.Of[float32](x)[i*input:])
		}
		other := layerOf(t, op, "bidirectional", 1, turned, w, r, lens)
		for i, v := range tensor.Of[float32](both[0]) {
			s, d, b, k := i/(2*batch*hidden), i/(batch*hidden)%2, i/hidden%batch, i%hidden
			if u := tensor.Of[float32](other[0])[((b*steps+s)*2+d)*hidden+k]; u != v {
				t.Fatalf("%s: element %d is %v, with layout 1 %v", op, i, v, u)
			}
		}
	}
}

func layerOf(t *testing.T, op, direction string, layout int, x, w, r, lens *tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := optest.Run(t, Table(), optest.Case{Op: op, Opset: 22, Attrs: map[string]any{"direction": direction, "layout": layout, "hidden_size": r.Dim(2)},
		In: []*tensor.Tensor{x, w, r, nil, lens}, Outputs: 2})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWrongLayersAreRefused(t *testing.T) {
	x, w, r := tensor.New(tensor.F32, 2, 1, 3), tensor.New(tensor.F32, 1, 16, 3), tensor.New(tensor.F32, 1, 16, 4)
	for what, c := range map[string]optest.Case{
		"an unknown activation":       {Attrs: map[string]any{"activations": []string{"Sigmoid", "Tanh", "Cube"}}, In: []*tensor.Tensor{x, w, r}},
		"too few activations":         {Attrs: map[string]any{"activations": []string{"Sigmoid"}}, In: []*tensor.Tensor{x, w, r}},
		"an unknown direction":        {Attrs: map[string]any{"direction": "sideways"}, In: []*tensor.Tensor{x, w, r}},
		"weights of one direction":    {Attrs: map[string]any{"direction": "bidirectional"}, In: []*tensor.Tensor{x, w, r}},
		"another hidden_size":         {Attrs: map[string]any{"hidden_size": 5}, In: []*tensor.Tensor{x, w, r}},
		"a sequence that is too long": {In: []*tensor.Tensor{x, w, r, nil, optest.Of(tensor.I32, []int32{3}, 1)}},
	} {
		c.Op, c.Opset = "LSTM", 22
		if out, err := optest.Run(t, Table(), c); err == nil {
			t.Errorf("%s: %v, wanted an error", what, out)
		}
	}
}
