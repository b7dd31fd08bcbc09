package classic

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/tensor"
)

// transform is what a model's post_transform does to the scores of a row.
type transform string

// The transforms. SOFTMAX_ZERO is SOFTMAX over the scores that are not about 0; the others become score·exp(-max) over the
// same sum. PROBIT is the quantile of the normal distribution, by ONNX Runtime's approximation.
const (
	none        transform = "NONE"
	logistic    transform = "LOGISTIC"
	softmax     transform = "SOFTMAX"
	softmaxZero transform = "SOFTMAX_ZERO"
	probit      transform = "PROBIT"
)

// transformOf is the node's post_transform.
func transformOf(s *engine.Site) (transform, error) {
	switch t := transform(s.Node.Text("post_transform", string(none))); t {
	case none, logistic, softmax, softmaxZero, probit:
		return t, nil
	default:
		return "", s.Refuse("post_transform %q is not known", t)
	}
}

// regress transforms the row of a regressor. Of a single score only PROBIT changes anything, as in ONNX Runtime.
func (t transform) regress(row []float32) {
	if len(row) > 1 || t == probit {
		t.apply(row)
	}
}

// apply transforms a row in place.
func (t transform) apply(row []float32) {
	switch t {
	case logistic:
		for i, v := range row {
			row[i] = sigmoid(v)
		}
	case probit:
		for i, v := range row {
			row[i] = float32(math.Sqrt2) * inverseErf(2*v-1)
		}
	case softmax, softmaxZero:
		exponentials(row, t == softmaxZero)
	}
}

// sigmoid is 1 / (1 + exp(-v)), computed from the side where exp is small.
func sigmoid(v float32) float32 {
	s := float32(1 / (1 + math.Exp(-math.Abs(float64(v)))))
	if v < 0 {
		return 1 - s
	}
	return s
}

func exponentials(row []float32, skip bool) {
	const zero = 1e-7
	top := float32(math.Inf(-1))
	for _, v := range row {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range row {
		if skip && v <= zero && v >= -zero {
			row[i] = v * float32(math.Exp(float64(-top)))
			continue
		}
		e := math.Exp(float64(v - top))
		row[i] = float32(e)
		sum += e
	}
	for i, v := range row {
		row[i] = float32(float64(v) / sum)
	}
}

// inverseErf is ONNX Runtime's approximation of the inverse error function, in its own float32 steps.
func inverseErf(x float32) float32 {
	sign := float32(1)
	if x < 0 {
		sign = -1
	}
	log := float32(math.Log(float64((1 - x) * (1 + x))))
	v := 2/(float32(3.14159)*float32(0.147)) + float32(0.5*log)
	w := 1 / float32(0.147) * log
	return sign * float32(math.Sqrt(float64(-v+float32(math.Sqrt(float64(float32(v*v)-w))))))
}

// labels are the classes of a classifier, of one kind.
type labels struct {
	ints  []int64
	words []string
}

func labelsOf(s *engine.Site, ints, words string) (labels, error) {
	l := labels{s.Node.Attrs[ints].Ints, s.Node.Attrs[words].Strs}
	if (len(l.ints) == 0) == (len(l.words) == 0) {
		return l, s.Refuse("%d integer and %d string labels, wanted one kind", len(l.ints), len(l.words))
	}
	if l.count() < 2 {
		return l, s.Refuse("one class, wanted at least two")
	}
	return l, nil
}

func (l labels) count() int { return len(l.ints) + len(l.words) }

// pick makes the vector of the classes' labels.
func (l labels) pick(c *engine.Call, classes []int) (*tensor.Tensor, error) {
	if len(l.words) > 0 {
		words := make([]string, len(classes))
		for i, k := range classes {
			words[i] = l.words[k]
		}
		return tensor.FromStrings(tensor.Shape{len(words)}, words)
	}
	t := c.New(tensor.I64, len(classes))
	for i, k := range classes {
		tensor.Of[int64](t)[i] = l.ints[k]
	}
	return t, nil
}

// classify sets the outputs of a classifier: labels, and scores of width columns, which f fills row by row; it returns the
// row's class.
func (l labels) classify(c *engine.Call, rows, width int, f func(row int, scores []float32) int) (err error) {
	scores := c.New(tensor.F32, rows, width)
	classes := make([]int, rows)
	for r := range rows {
		classes[r] = f(r, tensor.Of[float32](scores)[r*width:(r+1)*width])
	}
	if c.Out[0], err = l.pick(c, classes); err == nil && len(c.Out) > 1 {
		c.Out[1] = scores
	}
	return err
}

// best is the position of the first greatest score.
func best(scores []float32) int {
	at := 0
	for i, v := range scores {
		if v > scores[at] {
			at = i
		}
	}
	return at
}

// singles reads the input as F32 rows; a vector is one row.
func singles(x *tensor.Tensor, columns int) ([]float32, int, error) {
	if x.Rank() < 1 || x.Rank() > 2 || x.Dim(x.Rank()-1) != columns {
		return nil, 0, fmt.Errorf("input is %v, wanted rows of %d columns", x, columns)
	}
	rows := 1
	if x.Rank() == 2 {
		rows = x.Dim(0)
	}
	t, err := tensor.Convert(x, tensor.F32)
	if err != nil {
		return nil, 0, err
	}
	return tensor.Of[float32](t), rows, nil
}

// dot is the product of two vectors of equal length, added in float64.
func dot(a, b []float32) float64 {
	b = b[:len(a)]
	var p, q, r, s float64
	for ; len(a) >= 4; a, b = a[4:], b[4:] {
		p += float64(float64(a[0]) * float64(b[0]))
		q += float64(float64(a[1]) * float64(b[1]))
		r += float64(float64(a[2]) * float64(b[2]))
		s += float64(float64(a[3]) * float64(b[3]))
	}
	for i, v := range a {
		p += float64(float64(v) * float64(b[i]))
	}
	return (p + q) + (r + s)
}
