package trees

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine/trees"
	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// transformed is the promise for predictions: the library's exponential and this one's are within one unit in the last place
// of each other, and a division and an addition follow. Below the least normal number float32 has no relative precision.
func transformed() manifest.Rule { return manifest.Rule{Rel: 1e-6, Abs: 0x1p-126} }

// sumErrors bounds how far sum mode can lie from the library's margin: the library adds n leaves in float32, and each addition
// errs by at most 2^-24 of its result, whose magnitude the leaves' bounds limit, and by at most the leaf: not to add it would
// be no farther off. Sum mode itself rounds once, and its float64 additions are counted as one rounding more.
func sumErrors(e *forest.Ensemble) float64 {
	reach, err := make([]float64, e.Outputs), make([]float64, e.Outputs)
	for k, v := range e.Init {
		reach[k] = math.Abs(float64(v))
	}
	for i := range e.Trees {
		t := &e.Trees[i]
		for j, o := range t.Outputs {
			leaf := max(math.Abs(float64(t.MinLeaf[j])), math.Abs(float64(t.MaxLeaf[j])))
			reach[o] += leaf
			err[o] += min(reach[o]*0x1p-24, leaf)
		}
	}
	worst := 0.0
	for k := range err {
		worst = max(worst, err[k]+2*reach[k]*0x1p-24)
	}
	return worst
}

// summed is the promise for predictions in sum mode, given that of the margins.
func summed(t trees.Transform, margin float64, k int) manifest.Rule {
	switch t {
	case trees.Identity, trees.Sort:
		return manifest.Rule{Abs: margin}
	case trees.Sigmoid: // slope at most 1/4
		return manifest.Rule{Rel: 1e-6, Abs: margin / 4}
	case trees.Softmax: // an exponent moves by at most twice the error, a probability by at most half of that
		return manifest.Rule{Rel: 1e-6, Abs: margin}
	case trees.Exp:
		return manifest.Rule{Rel: math.Expm1(min(margin, 1)) + 1e-6, Abs: 0x1p-126}
	case trees.Expectiles:
		return manifest.Rule{Rel: 1e-6, Abs: margin * float64(k)}
	case trees.Argmax: // margins nearer to each other than the error may change places
		return manifest.Rule{Abs: float64(k - 1)}
	}
	return manifest.Rule{Abs: 1} // hinge: a margin nearer to 0 than the error may change sides
}

// exact is the promise for predictions in exact mode: bits where nothing is computed.
func exact(t trees.Transform) manifest.Rule {
	switch t {
	case trees.Identity, trees.Sort, trees.Argmax, trees.Hinge:
		return manifest.Rule{Exact: true}
	}
	return transformed()
}

// signature is what users of the model see.
func (m *model) signature(t trees.Transform, sumError float64, k int) manifest.Signature {
	shape := func(columns int, squeeze bool) []manifest.Dim {
		if squeeze && columns == 1 {
			return []manifest.Dim{{Name: manifest.Batch}}
		}
		return []manifest.Dim{{Name: manifest.Batch}, {Size: columns}}
	}
	bits := manifest.Rule{Exact: true}
	margin := bits
	if t == trees.Expectiles && k > 1 { // its first margins come from expm1f, whose last bit differs between C libraries
		margin = manifest.Rule{Rel: 1e-6, Abs: 1e-6}
	}
	return manifest.Signature{
		Inputs: []manifest.Input{{Name: inputName, DType: m.e.Library.InputDType(), Shape: shape(len(m.e.Features), false),
			Accepts: []tensor.DType{tensor.F64}, Features: m.features(), Missing: true}},
		Outputs: []manifest.Output{
			{Name: outPrediction, DType: tensor.F32, Shape: shape(t.Columns(k), true), Default: true,
				Rules: map[string]manifest.Rule{modeExact: exact(t), modeSum: summed(t, sumError, k)}},
			{Name: outMargin, DType: tensor.F32, Shape: shape(k, true), Rules: map[string]manifest.Rule{modeExact: margin, modeSum: {Rel: margin.Rel, Abs: margin.Abs + sumError}}},
			{Name: outLeaf, DType: tensor.I32, Shape: shape(len(m.e.Trees), false), Rules: map[string]manifest.Rule{modeExact: bits, modeSum: bits}},
		},
	}
}
