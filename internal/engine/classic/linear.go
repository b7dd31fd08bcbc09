package classic

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/kernel"
	"github.com/shardwise/shardwise/internal/tensor"
)

// affine are rows of coefficients, and an intercept for each or none.
type affine struct {
	rows, columns int
	coefficients  []float64 // of F32, widened once
	intercepts    []float32
	dense         kernel.Dense[float64]
}

func affineOf(s *engine.Site, rows int) (affine, error) {
	coefficients := s.Node.Attrs["coefficients"].Floats
	a := affine{rows: rows, coefficients: make([]float64, len(coefficients)), intercepts: s.Node.Attrs["intercepts"].Floats,
		dense: &kernel.Blocked[float64]{}}
	if rows < 1 || len(coefficients) == 0 || len(coefficients)%rows != 0 || len(a.intercepts) != 0 && len(a.intercepts) != rows {
		return a, s.Refuse("%d coefficients and %d intercepts for %d rows of coefficients", len(coefficients), len(a.intercepts), rows)
	}
	widen(a.coefficients, coefficients)
	a.columns = len(coefficients) / rows
	return a, nil
}

func widen(dst []float64, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float64(v)
	}
}

// scores are the rows' coefficients·x + intercepts, added in float64.
func (a affine) scores(c *engine.Call, x []float32, rows int) []float64 {
	wide := tensor.Of[float64](c.New(tensor.F64, rows, a.columns))
	widen(wide, x)
	out := tensor.Of[float64](c.New(tensor.F64, rows, a.rows))
	a.dense.MulT(out, wide, a.coefficients, rows, a.rows, a.columns)
	if len(a.intercepts) > 0 {
		for i := range out {
			out[i] += float64(a.intercepts[i%a.rows])
		}
	}
	return out
}

func narrow(dst []float32, x []float64) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(v)
	}
}

// linearRegressor is LinearRegressor (ai.onnx.ml 1 to today): X·coefficientsᵀ + intercepts, then post_transform, which changes a
// single target with PROBIT only.
func linearRegressor(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("coefficients", "intercepts", "post_transform", "targets"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	t, err := transformOf(s)
	if err != nil {
		return nil, err
	}
	a, err := affineOf(s, int(s.Node.Int("targets", 1)))
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x, rows, err := singles(c.In[0], a.columns)
		if err != nil {
			return err
		}
		c.Out[0] = c.New(tensor.F32, rows, a.rows)
		scores := a.scores(c, x, rows)
		for r := range rows {
			dst := tensor.Of[float32](c.Out[0])[r*a.rows : (r+1)*a.rows]
			narrow(dst, scores[r*a.rows:])
			t.regress(dst)
		}
		return nil
	}), nil
}

// linearClassifier is LinearClassifier (ai.onnx.ml 1 to today): scores X·coefficientsᵀ + intercepts, the label of the greatest,
// and the scores after post_transform. One row of coefficients for two labels gives one score s: the label is the second
// where s > 0, and the scores are 1 - s and s, whatever the transform, as in ONNX Runtime; PROBIT is not defined for it.
// The attribute multi_class changes nothing.
func linearClassifier(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("classlabels_ints", "classlabels_strings", "coefficients", "intercepts", "multi_class", "post_transform"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 2); err != nil {
		return nil, err
	}
	t, err := transformOf(s)
	if err != nil {
		return nil, err
	}
	l, err := labelsOf(s, "classlabels_ints", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	rows := l.count()
	if rows == 2 && len(s.Node.Attrs["intercepts"].Floats) == 1 {
		rows = 1
	}
	if rows == 1 && t == probit {
		return nil, s.Refuse("post_transform PROBIT of a single row of coefficients is not defined")
	}
	a, err := affineOf(s, rows)
	if err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) error {
		x, rows, err := singles(c.In[0], a.columns)
		if err != nil {
			return err
		}
		all := a.scores(c, x, rows)
		return l.classify(c, rows, l.count(), func(r int, scores []float32) int {
			narrow(scores[:a.rows], all[r*a.rows:])
			if a.rows > 1 {
				class := best(scores)
				t.apply(scores)
				return class
			}
			v := scores[0]
			scores[0], scores[1] = 1-v, v
			if v > 0 {
				return 1
			}
			return 0
		})
	}), nil
}
