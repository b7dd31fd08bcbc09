package classic

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// similarity is the kernel function of a support vector machine.
type similarity struct {
	kind                 string
	gamma, coef0, degree float32
}

func similarityOf(s *engine.Site) (similarity, error) {
	k := similarity{kind: s.Node.Text("kernel_type", "LINEAR")}
	switch p := s.Node.Attrs["kernel_params"].Floats; len(p) {
	case 0:
	case 3:
		k.gamma, k.coef0, k.degree = p[0], p[1], p[2]
	default:
		return k, s.Refuse("%d kernel_params, wanted gamma, coef0 and degree", len(p))
	}
	switch k.kind {
	case "LINEAR", "POLY", "RBF", "SIGMOID":
		return k, nil
	}
	return k, s.Refuse("kernel_type is %q, wanted LINEAR, POLY, RBF or SIGMOID", k.kind)
}

// of compares two vectors: a·b, (gamma·a·b + coef0)^degree, exp(-gamma·|a-b|²) or tanh(gamma·a·b + coef0).
func (k similarity) of(a, b []float32) float32 {
	if k.kind == "RBF" {
		total := 0.0
		for i, v := range a {
			d := float64(v) - float64(b[i])
			total += float64(d * d)
		}
		return float32(math.Exp(-float64(k.gamma) * total))
	}
	v := dot(a, b)
	switch k.kind {
	case "POLY":
		return float32(math.Pow(float64(k.gamma)*v+float64(k.coef0), float64(k.degree)))
	case "SIGMOID":
		return float32(math.Tanh(float64(k.gamma)*v + float64(k.coef0)))
	}
	return float32(v)
}

// svmRegressor is SVMRegressor (ai.onnx.ml 1 to today): the sum of coefficients·kernel(x, support vector), plus rho; without
// support vectors x·coefficients + rho. one_class gives 1 where that exceeds 0, else -1. post_transform changes nothing, as in
// ONNX Runtime.
func svmRegressor(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("coefficients", "kernel_params", "kernel_type", "n_supports", "one_class", "post_transform", "rho", "support_vectors"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	if _, err := transformOf(s); err != nil {
		return nil, err
	}
	kernel, err := similarityOf(s)
	if err != nil {
		return nil, err
	}
	supports, weights, rho := s.Node.Attrs["support_vectors"].Floats, s.Node.Attrs["coefficients"].Floats, s.Node.Attrs["rho"].Floats
	n := int(s.Node.Int("n_supports", 0))
	if n == 0 {
		n, supports, weights, kernel = 1, weights, []float32{1}, similarity{kind: "LINEAR"}
	}
	if n < 1 || len(rho) < 1 || len(supports) == 0 || len(supports)%n != 0 || len(weights) != n {
		return nil, s.Refuse("%d coefficients, %d numbers of support vectors and %d of rho for %d support vectors", len(weights), len(supports), len(rho), n)
	}
	columns := len(supports) / n
	one := s.Node.Int("one_class", 0) != 0
	return engine.KernelFunc(func(c *engine.Call) error {
		x, rows, err := singles(c.In[0], columns)
		if err != nil {
			return err
		}
		c.Out[0] = c.New(tensor.F32, rows, 1)
		dst := tensor.Of[float32](c.Out[0])
		for r := range rows {
			total := float64(rho[0])
			for k, w := range weights {
				total += float64(float64(w) * float64(kernel.of(x[r*columns:(r+1)*columns], supports[k*columns:(k+1)*columns])))
			}
			dst[r] = float32(total)
			if one {
				dst[r] = float32(math.Copysign(1, -1))
				if total > 0 {
					dst[r] = 1
				}
			}
		}
		return nil
	}), nil
}
