package classic

import (
	"math"

	"github.com/shardwise/shardwise/internal/engine"
)

// svc is a compiled SVMClassifier.
type svc struct {
	labels
	kernel            similarity
	transform         transform
	columns, vectors  int
	starts            []int // first vector of each class, then their number
	supports, weights []float32
	rho, probA, probB []float32
	linear, probable  bool
}

// svmClassifier is SVMClassifier (ai.onnx.ml 1 to today), as ONNX Runtime computes it. Every pair of classes has a score, the
// sum of coefficients·kernel(x, support vector) over both classes' vectors, plus its rho, and votes for one class; the
// label is that of most votes. The scores are those of the pairs, for two classes -s and s (1 - s and s with a transform);
// with prob_a and prob_b they are the classes' probabilities. Without vectors_per_class there is one row of coefficients for
// each class and one rho, and the label is that of the greatest score.
func svmClassifier(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("classlabels_ints", "classlabels_strings", "coefficients", "kernel_params", "kernel_type", "post_transform", "prob_a", "prob_b",
		"rho", "support_vectors", "vectors_per_class"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 2); err != nil {
		return nil, err
	}
	m := &svc{supports: s.Node.Attrs["support_vectors"].Floats, weights: s.Node.Attrs["coefficients"].Floats,
		rho: s.Node.Attrs["rho"].Floats, probA: s.Node.Attrs["prob_a"].Floats, probB: s.Node.Attrs["prob_b"].Floats}
	var err error
	if m.labels, err = labelsOf(s, "classlabels_ints", "classlabels_strings"); err != nil {
		return nil, err
	}
	if m.kernel, err = similarityOf(s); err != nil {
		return nil, err
	}
	if m.transform, err = transformOf(s); err != nil {
		return nil, err
	}
	if err := m.check(s); err != nil {
		return nil, err
	}
	return engine.KernelFunc(m.run), nil
}

// check compares the sizes of the attributes.
func (m *svc) check(s *engine.Site) error {
	classes := m.count()
	per := s.Node.Attrs["vectors_per_class"].Ints
	for _, n := range per {
		if n < 0 || n > math.MaxInt32 {
			return s.Refuse("a class of %d support vectors", n)
		}
		m.starts = append(m.starts, m.vectors)
		m.vectors += int(n)
	}
	m.starts = append(m.starts, m.vectors)
	pairs := classes * (classes - 1) / 2
	m.probable = len(m.probA) > 0
	switch {
	case m.vectors == 0 && classes == 2:
		return s.Refuse("two classes without support vectors: runtimes disagree on the labels")
	case m.vectors == 0 && m.probable:
		return s.Refuse("probabilities without support vectors")
	case m.vectors == 0:
		m.linear, m.kernel = true, similarity{kind: "LINEAR"}
		m.supports, m.vectors = m.weights, classes
		pairs = 1
	case len(per) != classes || len(m.weights) != (classes-1)*m.vectors:
		return s.Refuse("%d numbers of support vectors and %d coefficients for %d classes and %d vectors", len(per), len(m.weights), classes, m.vectors)
	case m.probable && (len(m.probA) != pairs || len(m.probB) != pairs):
		return s.Refuse("%d of prob_a and %d of prob_b for %d pairs of classes", len(m.probA), len(m.probB), pairs)
	case classes == 2 && !m.probable && m.transform == probit:
		return s.Refuse("post_transform PROBIT of the score of two classes is not defined")
	}
	if len(m.rho) < pairs || len(m.supports) == 0 || len(m.supports)%m.vectors != 0 {
		return s.Refuse("%d numbers of rho and %d of support vectors for %d classes and %d vectors", len(m.rho), len(m.supports), classes, m.vectors)
	}
	m.columns = len(m.supports) / m.vectors
	return nil
}

func (m *svc) run(c *engine.Call) error {
	x, rows, err := singles(c.In[0], m.columns)
	if err != nil {
		return err
	}
	classes := m.count()
	pairs := classes * (classes - 1) / 2
	width := max(pairs, 2)
	if m.probable || m.linear {
		width = classes
	}
	kernels, votes := make([]float32, m.vectors), make([]int, classes)
	pair, matrix := make([]float32, pairs), make([]float32, classes*classes)
	return m.classify(c, rows, width, func(r int, scores []float32) int {
		row := x[r*m.columns : (r+1)*m.columns]
		for k := range kernels {
			kernels[k] = m.kernel.of(row, m.supports[k*m.columns:(k+1)*m.columns])
		}
		if m.linear {
			for k, v := range kernels {
				scores[k] = v + m.rho[0]
			}
			class := best(scores)
			m.transform.apply(scores)
			return class
		}
		clear(votes)
		m.compare(pair, votes, kernels)
		m.finish(scores, pair, matrix)
		class := 0
		for k, n := range votes {
			if n > votes[class] {
				class = k
			}
		}
		return class
	})
}

// compare computes the score of each pair of classes and counts the votes.
func (m *svc) compare(pair []float32, votes []int, kernels []float32) {
	at := 0
	for i := range votes {
		for j := i + 1; j < len(votes); j++ {
			total := 0.0
			for v := m.starts[i]; v < m.starts[i+1]; v++ {
				total += float64(float64(m.weights[(j-1)*m.vectors+v]) * float64(kernels[v]))
			}
			for v := m.starts[j]; v < m.starts[j+1]; v++ {
				total += float64(float64(m.weights[i*m.vectors+v]) * float64(kernels[v]))
			}
			total += float64(m.rho[at])
			pair[at] = float32(total)
			at++
			if total > 0 {
				votes[i]++
			} else {
				votes[j]++
			}
		}
	}
}

// finish turns the scores of pairs into those that the node gives.
func (m *svc) finish(scores, pair, matrix []float32) {
	switch {
	case m.probable:
		m.fillPairs(matrix, pair)
		couple(scores, matrix)
		m.transform.apply(scores)
	case len(pair) > 1:
		copy(scores, pair)
		m.transform.apply(scores)
	case m.transform == none:
		scores[0], scores[1] = -pair[0], pair[0]
	default:
		scores[0], scores[1] = 1-pair[0], pair[0]
	}
}

// fillPairs sets matrix[i, j] to the probability of class i against class j.
func (m *svc) fillPairs(matrix, pair []float32) {
	const least = 1e-7
	n, at := m.count(), 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			p := 1 - sigmoid(float32(pair[at]*m.probA[at])+m.probB[at])
			p = min(max(p, least), 1-least)
			matrix[i*n+j], matrix[j*n+i] = p, 1-p
			at++
		}
	}
}
