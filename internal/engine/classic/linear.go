package classic

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// affine are rows of coefficients, and an intercept for each or none.
type affine struct {
	rows, columns            int
	coefficients, intercepts []float32
}

func affineOf(s *engine.Site, rows int) (affine, error) {
	a := affine{rows: rows, coefficients: s.Node.Attrs["coefficients"].Floats, intercepts: s.Node.Attrs["intercepts"].Floats}
	if rows < 1 || len(a.coefficients) == 0 || len(a.coefficients)%rows != 0 || len(a.intercepts) != 0 && len(a.intercepts) != rows {
		return a, s.Refuse("%d coefficients and %d intercepts for %d rows of coefficients", len(a.coefficients), len(a.intercepts), rows)
	}
	a.columns = len(a.coefficients) / rows
	return a, nil
}

// scores fills dst with coefficients·x + intercepts.
func (a affine) scores(dst, x []float32) {
	for k := range a.rows {
		v := dot(a.coefficients[k*a.columns:(k+1)*a.columns], x)
		if len(a.intercepts) > 0 {
			v += float64(a.intercepts[k])
		}
		dst[k] = float32(v)
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
		for r := range rows {
			dst := tensor.Of[float32](c.Out[0])[r*a.rows : (r+1)*a.rows]
			a.scores(dst, x[r*a.columns:(r+1)*a.columns])
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
		return l.classify(c, rows, l.count(), func(r int, scores []float32) int {
			a.scores(scores[:a.rows], x[r*a.columns:(r+1)*a.columns])
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
