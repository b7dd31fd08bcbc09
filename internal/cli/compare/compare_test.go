package compare_test

import (
	"math"
	"testing"

	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

func f32(t *testing.T, values ...float32) *tensor.Tensor {
	t.Helper()
	v, err := tensor.FromSlice(tensor.F32, values, len(values))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerdictFollowsTheRule(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	next := math.Float32frombits(math.Float32bits(1) + 3)
	negativeZero := float32(math.Copysign(0, -1))
	for _, c := range []struct {
		name      string
		rule      manifest.Rule
		got, want []float32
		within    bool
		ulp       uint64
		unlike    int64
	}{
		{"equal bits", manifest.Rule{Exact: true}, []float32{1, nan, inf}, []float32{1, nan, inf}, true, 0, 0},
		{"exact refuses the smallest difference", manifest.Rule{Exact: true}, []float32{next}, []float32{1}, false, 3, 0},
		{"exact refuses the other zero", manifest.Rule{Exact: true}, []float32{negativeZero}, []float32{0}, false, 1, 0},
		{"zeros are equal values", manifest.Rule{}, []float32{negativeZero}, []float32{0}, true, 1, 0},
		{"relative", manifest.Rule{Rel: 1e-6}, []float32{next}, []float32{1}, true, 3, 0},
		{"relative is of the reference", manifest.Rule{Rel: 0.5}, []float32{2}, []float32{1}, false, 1 << 23, 0},
		{"absolute", manifest.Rule{Abs: 1}, []float32{2}, []float32{1}, true, 1 << 23, 0},
		{"scale is of the largest reference", manifest.Rule{Scale: 0.01}, []float32{0.5, 100}, []float32{1, 100}, true, 1 << 23, 0},
		{"NaN against a number", manifest.Rule{Abs: 1e9}, []float32{nan}, []float32{1}, false, 0, 1},
		{"number against NaN", manifest.Rule{Abs: 1e9}, []float32{1}, []float32{nan}, false, 0, 1},
		{"infinity against a number", manifest.Rule{Rel: 1e9}, []float32{inf}, []float32{1}, false, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := compare.New("y", c.rule)
			if err := o.Add(f32(t, c.got...), f32(t, c.want...)); err != nil {
				t.Fatal(err)
			}
			r := o.Result()
			if r.Within != c.within || r.MaxULP != c.ulp || r.Unlike != c.unlike {
				t.Errorf("got within %v, %d ulp, %d unlike; wanted %v, %d, %d", r.Within, r.MaxULP, r.Unlike, c.within, c.ulp, c.unlike)
			}
		})
	}
}

// An empty answer is right when an empty one is wanted; a comparison that never took place is not.
func TestNothingIsEqualToNothingOnceItWasCompared(t *testing.T) {
	for _, rule := range []manifest.Rule{{Exact: true}, {Scale: 1e-5}} {
		o := compare.New("y", rule)
		if o.Result().Within {
			t.Errorf("%+v: within before anything was compared", rule)
		}
		if err := o.Add(tensor.New(tensor.F32, 0, 3), tensor.New(tensor.F32, 0, 3)); err != nil {
			t.Fatal(err)
		}
		if r := o.Result(); !r.Within || r.Values != 0 {
			t.Errorf("%+v: %+v", rule, r)
		}
	}
}

func TestBatchesDoNotChangeTheVerdict(t *testing.T) {
	want := []float32{1, 2, 3, 400, 5, 6}
	got := []float32{1.5, 2, 3, 400, 5, 6}
	rule := manifest.Rule{Scale: 1e-3, Abs: 0.2} // 0.5 <= 0.2 + 0.4 only because of the 400 that comes later
	whole := compare.New("y", rule)
	if err := whole.Add(f32(t, got...), f32(t, want...)); err != nil {
		t.Fatal(err)
	}
	cut := compare.New("y", rule)
	for i := range want {
		if err := cut.Add(f32(t, got[i]), f32(t, want[i])); err != nil {
			t.Fatal(err)
		}
	}
	a, b := whole.Result(), cut.Result()
	if !a.Within || !b.Within {
		t.Errorf("within: whole %v, cut %v; wanted both", a.Within, b.Within)
	}
	if *a.Worst != *b.Worst || a.Worst.Row != 0 {
		t.Errorf("worst: whole %+v, cut %+v; wanted row 0 in both", *a.Worst, *b.Worst)
	}
	a.Worst, b.Worst = nil, nil
	if a != b {
		t.Errorf("results differ:\n%+v\n%+v", a, b)
	}
}

func TestIntegersAndStringsCompareByValue(t *testing.T) {
	one, err := tensor.FromSlice(tensor.I64, []int64{1<<62 + 1, 7}, 2)
	if err != nil {
		t.Fatal(err)
	}
	two, err := tensor.FromSlice(tensor.I64, []int64{1 << 62, 7}, 2) // the same float64
	if err != nil {
		t.Fatal(err)
	}
	o := compare.New("label", manifest.Rule{Exact: true})
	if err := o.Add(one, two); err != nil {
		t.Fatal(err)
	}
	if r := o.Result(); r.Within || r.BitEqual != 1 || r.Worst.Got != "4611686018427387905" {
		t.Errorf("integers that differ in the last digit pass: %+v", r)
	}
	a, err := tensor.FromStrings(tensor.Shape{2}, []string{"x", "y"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := tensor.FromStrings(tensor.Shape{2}, []string{"x", "z"})
	if err != nil {
		t.Fatal(err)
	}
	s := compare.New("class", manifest.Rule{Exact: true})
	if err := s.Add(a, b); err != nil {
		t.Fatal(err)
	}
	if r := s.Result(); r.Within || r.Unlike != 1 || r.Worst.Row != 1 {
		t.Errorf("strings that differ pass: %+v", r)
	}
}

func TestShapesMustAgree(t *testing.T) {
	o := compare.New("y", manifest.Rule{Exact: true})
	if err := o.Add(f32(t, 1, 2), f32(t, 1)); err == nil {
		t.Error("two rows compared with one")
	}
	wide, err := f32(t, 1, 2, 3, 4).Reshape(2, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Add(wide, wide); err != nil {
		t.Fatal(err)
	}
	if err := o.Add(f32(t, 1), f32(t, 1)); err == nil {
		t.Error("batches of two widths compared")
	}
	if r := o.Result(); r.Columns != 2 || r.Rows != 2 || r.Values != 4 {
		t.Errorf("got %d rows of %d columns, %d values", r.Rows, r.Columns, r.Values)
	}
}
