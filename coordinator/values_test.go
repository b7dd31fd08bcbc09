package coordinator

import (
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

func f64Table(t *testing.T, values ...float64) *tensor.Tensor {
	t.Helper()
	x, err := tensor.FromSlice(tensor.F64, values, len(values)/2, 2)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func f32Table(t *testing.T, values ...float64) *tensor.Tensor {
	t.Helper()
	x, err := tensor.Convert(f64Table(t, values...), tensor.F32)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestNonFiniteInputs(t *testing.T) {
	inf, nan, top := math.Inf(1), math.NaN(), float64(math.MaxFloat32)
	for name, c := range map[string]struct {
		in      *tensor.Tensor
		dtype   tensor.DType
		missing bool
		want    string // "" when it is accepted
	}{
		"largest":                  {f64Table(t, top, -top), tensor.F32, false, ""},
		"rounds to the largest":    {f64Table(t, top*(1+1.0/(1<<26)), 0), tensor.F32, true, ""},
		"half a step too large":    {f64Table(t, 1, 2, 0, top+math.Ldexp(1, 103)), tensor.F32, false, `input "x": row 1, column 1 "width" (from 0) is 3.402`},
		"too large":                {f64Table(t, 1, 2, -1e39, 0), tensor.F32, true, `input "x": row 1, column 0 "height" (from 0) is -1e+39, too large for F32`},
		"too large after infinity": {f64Table(t, inf, 2, 3, 1e300), tensor.F32, false, `column 1 "width" (from 0) is 1e+300, too large for F32`},
		"too large for F16":        {f32Table(t, 65504, 65520), tensor.F16, false, `is 65520, too large for F16`},
		"infinity as it is":        {f32Table(t, 1, inf), tensor.F32, false, ""},
		"infinity converted":       {f64Table(t, 1, -inf), tensor.F32, false, ""},
		"infinity, F32 trees":      {f32Table(t, 1, nan, 3, -inf), tensor.F32, true, `row 1, column 1 "width" (from 0) is infinite`},
		"infinity, F64 trees":      {f64Table(t, inf, nan), tensor.F32, true, `row 0, column 0 "height" (from 0) is infinite`},
		"missing":                  {f64Table(t, nan, 1), tensor.F32, true, ""},
		"NaN":                      {f64Table(t, 0, nan), tensor.F32, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sig := &manifest.Signature{Inputs: []manifest.Input{{Name: "x", DType: c.dtype, Accepts: []tensor.DType{tensor.F64, tensor.F32},
				Shape: []manifest.Dim{{Name: manifest.Batch}, {Size: 2}}, Missing: c.missing, Features: []manifest.Feature{{Name: "height"}, {Name: "width"}}}}}
			out, _, err := checkInputs(sig, tensor.Named{"x": c.in}, 0)
			if c.want == "" {
				if err != nil || out["x"].DType() != c.dtype {
					t.Fatalf("wanted it accepted, found %v", err)
				}
				return
			}
			if shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("wanted %q, found %v", c.want, err)
			}
		})
	}
}
