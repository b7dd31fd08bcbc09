package classic

import (
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/ensemble"
)

// forestClassifier is a compiled TreeEnsembleClassifier.
type forestClassifier struct {
	labels
	trees     *ensemble.Ensemble
	base      []float64
	transform transform
	single    bool // two classes, and all weights are the first one's
	positive  bool // no weight is below 0
}

// treeClassifier is TreeEnsembleClassifier (ai.onnx.ml 1 to today; deprecated from 5 on, still what converters write): the leaves' weights
// of every class are added to base_values; the label is that of the greatest score among the classes that got any, and the
// scores are then transformed.
//
// Two classes whose weights all name the first class have one score s. Where no weight is negative it is the probability of
// the second label: that one is taken where s > 0.5, and the scores are 1 - s and s, whatever the transform. Otherwise the
// second label is taken where s > 0, and the scores are -s and s, or sigmoids of them with LOGISTIC. That is what ONNX Runtime
// does, and what converters count on.
func treeClassifier(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(treeAttributes(s, "base_values", "class_ids", "class_nodeids", "class_treeids", "class_weights", "classlabels_int64s", "classlabels_strings")...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 2); err != nil {
		return nil, err
	}
	m := &forestClassifier{positive: true}
	var err error
	if m.labels, err = labelsOf(s, "classlabels_int64s", "classlabels_strings"); err != nil {
		return nil, err
	}
	if m.transform, err = transformOf(s); err != nil {
		return nil, err
	}
	if m.trees, err = readLists(s, "class", m.count(), ensemble.Sum); err != nil {
		return nil, err
	}
	if m.base, err = reals(s, "base_values"); err != nil {
		return nil, err
	}
	weights, err := reals(s, "class_weights")
	if err != nil {
		return nil, err
	}
	for _, w := range weights {
		m.positive = m.positive && w >= 0
	}
	if err := m.check(s); err != nil {
		return nil, err
	}
	return engine.KernelFunc(m.run), nil
}

// check refuses what two classes make ambiguous.
func (m *forestClassifier) check(s *engine.Site) error {
	n := len(m.base)
	if m.count() > 2 {
		if n != 0 && n != m.count() {
			return s.Refuse("%d base values for %d classes", n, m.count())
		}
		return nil
	}
	ids := map[int64]bool{}
	for _, id := range s.Node.Attrs["class_ids"].Ints {
		ids[id] = true
	}
	m.single = len(ids) == 1 && ids[0]
	switch {
	case n > 1:
		return s.Refuse("%d base values for two classes: runtimes disagree on the scores, wanted one", n)
	case !m.single && n > 0:
		return s.Refuse("base values beside weights of the second of two classes: runtimes disagree on the scores")
	case m.single && m.transform == probit:
		return s.Refuse("post_transform PROBIT of the score of two classes is not defined")
	}
	return nil
}

func (m *forestClassifier) run(c *engine.Call) error {
	rows, err := tableRows(c.In[0])
	if err != nil {
		return err
	}
	x, err := treeInput(c.In[0])
	if err != nil {
		return err
	}
	n := m.count()
	sums := make([]float64, rows*n)
	if err := m.trees.Score(c.Ctx, x, func(r int, scores []float64) { copy(sums[r*n:], scores) }); err != nil {
		return err
	}
	return m.classify(c, rows, n, func(r int, dst []float32) int {
		if m.single {
			return m.two(dst, sums[r*n:r*n+n])
		}
		return m.many(dst, sums[r*n:r*n+n])
	})
}

// many finishes a row with a score for each class; NaN is that of a class without any.
func (m *forestClassifier) many(dst []float32, scores []float64) int {
	class := -1
	for k, v := range scores {
		none := v != v
		if none {
			v = 0
		}
		if len(m.base) > 0 {
			v, none = v+m.base[k], false
		}
		dst[k] = float32(v)
		if !none && (class < 0 || dst[k] > dst[class]) {
			class = k
		}
	}
	m.transform.apply(dst)
	return max(class, 0)
}

// two finishes a row of two classes with one score, that of the first.
func (m *forestClassifier) two(dst []float32, scores []float64) int {
	v := scores[0]
	if v != v {
		v = 0
	}
	if len(m.base) > 0 {
		v += m.base[0]
	}
	s, class := float32(v), 0
	if m.positive && s > 0.5 || !m.positive && s > 0 {
		class = 1
	}
	switch {
	case m.positive:
		dst[0], dst[1] = 1-s, s
	case m.transform == logistic:
		dst[0], dst[1] = sigmoid(-s), sigmoid(s)
	default:
		dst[0], dst[1] = -s, s
	}
	return class
}
