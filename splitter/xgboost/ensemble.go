package xgboost

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/internal/forest"
	"github.com/shardwise/shardwise/splitter/layout"
)

// maxOutputs bounds the number of margins per row: manifests list bounds for each of them, and memory goes with it.
const maxOutputs = 1 << 14

// ensemble puts what the pass has found together and checks that it agrees.
func (m *document) ensemble() (*forest.Ensemble, error) {
	if err := m.refuseBooster(); err != nil {
		return nil, err
	}
	e := &forest.Ensemble{Library: forest.XGBoost, Version: m.versionText(), Objective: m.objective["name"], Params: m.objective, Trees: m.infos}
	if e.Objective == "" {
		return nil, field("learner.objective.name", "is missing")
	}
	classes, err := m.count("num_class", 0)
	if err != nil {
		return nil, err
	}
	targets, err := m.count("num_target", 1)
	if err != nil {
		return nil, err
	}
	if most := max(classes, targets); most > maxOutputs {
		return nil, &layout.RefusalError{Subject: "learner.learner_model_param", Reason: fmt.Sprintf("num_class or num_target is %d, at most %d outputs per row are supported", most, maxOutputs),
			Remedy: "train several models of fewer classes or targets each"}
	}
	if classes > 1 && targets > 1 {
		return nil, field("learner.learner_model_param", "num_class %d and num_target %d do not go together", classes, targets)
	}
	e.Outputs = max(1, classes, targets)
	if e.Features, err = m.features(); err != nil {
		return nil, err
	}
	if e.Init, err = baseScore(m.param["base_score"], e.Outputs); err != nil {
		return nil, field("learner.learner_model_param.base_score", "%v", err)
	}
	if _, known := links()[e.Objective]; !known {
		return nil, &layout.RefusalError{Subject: "objective " + e.Objective, Reason: "is not known, so neither its base score nor its predictions can be computed",
			Remedy: "train with one of XGBoost's own objectives"}
	}
	scores := slices.Clone(e.Init)
	if err := margins(e.Objective, e.Init); err != nil {
		return nil, field("learner.learner_model_param.base_score", "%v", err)
	}
	if err := m.assign(e); err != nil {
		return nil, err
	}
	m.notes(e, scores)
	return e, nil
}

func field(name, format string, args ...any) error {
	return &FormatError{Field: name, Reason: fmt.Sprintf(format, args...)}
}

func (m *document) count(key string, absent int) (int, error) {
	s, ok := m.param[key]
	if !ok {
		return absent, nil
	}
	v, err := strconv.ParseInt(s, 10, 32)
	if err != nil || v < 0 {
		return 0, field("learner.learner_model_param."+key, "%.60q is not a number from 0", s)
	}
	return int(v), nil
}

func (m *document) refuseBooster() error {
	switch {
	case m.booster == "gblinear" || m.linear:
		return &layout.RefusalError{Subject: "booster gblinear", Reason: "is a linear model, trees are read",
			Remedy: "its weights are few: serve it unsharded, or export it as an ONNX linear model"}
	case m.booster != "gbtree" && m.booster != "dart":
		return &layout.RefusalError{Subject: fmt.Sprintf("booster %.60q", m.booster), Reason: "is not known", Remedy: "train with gbtree or dart"}
	}
	return nil
}

func (m *document) versionText() string {
	parts := make([]string, len(m.version))
	for i, v := range m.version {
		parts[i] = strconv.Itoa(int(v))
	}
	return strings.Join(parts, ".")
}

// features names the input columns and says what kind they are.
func (m *document) features() ([]forest.Feature, error) {
	n, err := m.count("num_feature", 0)
	if err != nil {
		return nil, err
	}
	if len(m.names) != 0 && len(m.names) != n {
		return nil, field("learner.feature_names", "has %d entries, the model has %d features", len(m.names), n)
	}
	if len(m.types) != 0 && len(m.types) != n {
		return nil, field("learner.feature_types", "has %d entries, the model has %d features", len(m.types), n)
	}
	for i := range m.infos {
		if t := m.infos[i].Tests; len(t) > 0 && t[len(t)-1].Feature() >= n {
			return nil, field(fmt.Sprintf("learner.gradient_booster.model.trees[%d].split_indices", i), "tests feature %d, the model has %d features", t[len(t)-1].Feature(), n)
		}
	}
	if n > forest.MaxFeatures {
		return nil, field("learner.learner_model_param.num_feature", "%d is more than the %d features that are supported", n, forest.MaxFeatures)
	}
	if n > maxUnnamed && len(m.names) == 0 {
		return nil, field("learner.learner_model_param.num_feature", "%d features without names are more than %d", n, maxUnnamed)
	}
	features := make([]forest.Feature, n)
	for i := range features {
		if len(m.names) > 0 {
			features[i].Name = m.names[i]
		}
		if len(m.types) > 0 {
			features[i].Kind = featureKind(m.types[i])
		}
	}
	return features, nil
}

// maxUnnamed bounds a number of features that nothing else in the file backs.
const maxUnnamed = 1 << 20

// featureKind translates XGBoost's type letters; what has no rule of its own is a number.
func featureKind(t string) string {
	switch t {
	case "c":
		return "categorical"
	case "int":
		return "int"
	case "i":
		return "indicator"
	}
	return "float"
}

// assign gives each tree its outputs and applies the drop weights to the bounds of its leaves.
func (m *document) assign(e *forest.Ensemble) error {
	n := len(m.infos)
	if want, err := strconv.Atoi(m.treeParam["num_trees"]); err != nil || want != n {
		return field("learner.gradient_booster.model.gbtree_model_param.num_trees", "is %.60q, found %d trees", m.treeParam["num_trees"], n)
	}
	if len(m.treeInfo) != n {
		return field("learner.gradient_booster.model.tree_info", "has %d entries, found %d trees", len(m.treeInfo), n)
	}
	if len(m.drop) != n && (len(m.drop) > 0 || m.booster == "dart") {
		return field("learner.gradient_booster.weight_drop", "has %d entries, found %d trees", len(m.drop), n)
	}
	all := make([]int, e.Outputs)
	for k := range all {
		all[k] = k
	}
	for i := range m.infos {
		info, name := &m.infos[i], "learner.gradient_booster.model.tree_info"
		group := int(m.treeInfo[i])
		switch k := m.records[i].outputs; {
		case k > 1 && k != e.Outputs:
			return field(name, "the leaves of tree %d have %d values, the model has %d outputs", i, k, e.Outputs)
		case k > 1:
			info.Outputs = all
		case group < 0 || group >= e.Outputs:
			return field(name, "tree %d adds to output %d, the model has %d", i, group, e.Outputs)
		default:
			info.Outputs = all[group : group+1]
		}
		if len(m.drop) > 0 {
			w := m.drop[i]
			for k := range info.MinLeaf {
				a, b := info.MinLeaf[k]*w, info.MaxLeaf[k]*w
				info.MinLeaf[k], info.MaxLeaf[k] = min(a, b), max(a, b)
			}
		}
	}
	return nil
}

// notes are facts that surprise people. The base score is one where it is not the first margin itself.
func (m *document) notes(e *forest.Ensemble, scores []float32) {
	note := func(name, format string, args ...any) {
		e.Notes = append(e.Notes, forest.Note{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	booster := m.booster
	if len(m.drop) > 0 {
		booster = "dart (weighted trees)"
	}
	note("booster", "%s", booster)
	if !slices.Equal(scores, e.Init) {
		note("base score", "%s", m.param["base_score"])
	}
	if p := m.treeParam["num_parallel_tree"]; p != "" && p != "1" && p != "0" {
		note("parallel trees", "%s per round", p)
	}
	if b, ok := m.attributes["best_iteration"]; ok {
		note("best iteration", "%.20s, recorded by early stopping", b)
		m.remarkEarlyStopping(e, b)
	}
	if n := m.dictionariesOfCategories(); n > 0 {
		note("category dictionaries", "%d categorical features; inputs are the codes, not the original values", n)
	}
}

// remarkEarlyStopping says that the library's two ways to predict differ, when the file holds rounds behind the best one.
func (m *document) remarkEarlyStopping(e *forest.Ensemble, best string) {
	rounds := 0
	for _, group := range m.treeInfo { // every round has as many trees for the first output as run in parallel
		if group == 0 {
			rounds++
		}
	}
	if parallel, err := strconv.Atoi(m.treeParam["num_parallel_tree"]); err == nil && parallel > 1 {
		rounds /= parallel
	}
	b, err := strconv.Atoi(best)
	if err != nil || b < 0 || b >= rounds-1 {
		return
	}
	e.Remarks = append(e.Remarks, fmt.Sprintf("trained with early stopping: the file holds %d rounds, best_iteration is %d; Booster.predict uses all trees, as is done here; "+
		"scikit-learn's wrapper stops after round %d: save model[:%d] to predict with those", rounds, b, b+1, b+1))
}

// dictionariesOfCategories counts the categorical features that bring a dictionary.
func (m *document) dictionariesOfCategories() int {
	n := 0
	for _, i := range m.dictionaries {
		if i >= len(m.types) || featureKind(m.types[i]) == "categorical" {
			n++
		}
	}
	return n
}
