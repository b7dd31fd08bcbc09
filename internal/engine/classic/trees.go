package classic

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/engine/ensemble"
	"github.com/shardwise/shardwise/internal/tensor"
)

// treeRegressor is TreeEnsembleRegressor (ai.onnx.ml 1 to today; deprecated from 5 on, still what converters write): the leaves' weights of
// every target added, averaged, or the least or greatest of them, plus base_values, then post_transform. A target that no leaf
// adds to is 0 before that. post_transform changes a single target with PROBIT only, as in ONNX Runtime.
func treeRegressor(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only(treeAttributes(s, "aggregate_function", "base_values", "n_targets", "target_ids", "target_nodeids", "target_treeids", "target_weights")...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	t, err := transformOf(s)
	if err != nil {
		return nil, err
	}
	folds := map[string]ensemble.Fold{"SUM": ensemble.Sum, "AVERAGE": ensemble.Average, "MIN": ensemble.Min, "MAX": ensemble.Max}
	fold, ok := folds[s.Node.Text("aggregate_function", "SUM")]
	if !ok {
		return nil, s.Refuse("aggregate_function %q is not known", s.Node.Text("aggregate_function", ""))
	}
	targets := int(s.Node.Int("n_targets", 1))
	e, err := readLists(s, "target", targets, fold)
	if err != nil {
		return nil, err
	}
	base, err := reals(s, "base_values")
	if err != nil {
		return nil, err
	}
	if len(base) != 0 && len(base) != targets {
		return nil, s.Refuse("%d base values for %d targets", len(base), targets)
	}
	return engine.KernelFunc(func(c *engine.Call) error { return regress(c, e, base, t, tensor.F32) }), nil
}

// treeEnsemble is TreeEnsemble (ai.onnx.ml 5 to today), which gives the input's type; otherwise as TreeEnsembleRegressor without
// base values.
func treeEnsemble(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("aggregate_function", "leaf_targetids", "leaf_weights", "membership_values", "n_targets", "nodes_falseleafs", "nodes_falsenodeids",
		"nodes_featureids", "nodes_hitrates", "nodes_missing_value_tracks_true", "nodes_modes", "nodes_splits", "nodes_trueleafs",
		"nodes_truenodeids", "post_transform", "tree_roots"); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	folds := []ensemble.Fold{ensemble.Average, ensemble.Sum, ensemble.Min, ensemble.Max}
	transforms := []transform{none, softmax, logistic, softmaxZero, probit}
	fold, kind := s.Node.Int("aggregate_function", 1), s.Node.Int("post_transform", 0)
	if fold < 0 || int(fold) >= len(folds) || kind < 0 || int(kind) >= len(transforms) {
		return nil, s.Refuse("aggregate_function %d or post_transform %d is not known", fold, kind)
	}
	t := ensemble.Tensors{Targets: int(s.Node.Int("n_targets", 1)), Fold: folds[fold]}
	for name, list := range map[string]*[]int64{"tree_roots": &t.Roots, "nodes_featureids": &t.Features, "nodes_truenodeids": &t.True,
		"nodes_trueleafs": &t.TrueLeaf, "nodes_falsenodeids": &t.False, "nodes_falseleafs": &t.FalseLeaf,
		"nodes_missing_value_tracks_true": &t.Missing, "leaf_targetids": &t.LeafTargets} {
		*list = s.Node.Attrs[name].Ints
	}
	for name, list := range map[string]*[]float64{"nodes_splits": &t.Values, "membership_values": &t.Sets, "leaf_weights": &t.LeafWeights} {
		var err error
		if *list, err = wide(s, name); err != nil {
			return nil, err
		}
	}
	a, ok := s.Node.Attrs["nodes_modes"]
	if !ok || a.Tensor == nil || a.Tensor.DType != tensor.U8 {
		return nil, s.Refuse("nodes_modes is no tensor of U8")
	}
	modes, err := engine.Inline(a.Tensor)
	if err != nil {
		return nil, s.Refuse("nodes_modes: %v", err)
	}
	t.Modes = tensor.Of[uint8](modes)
	e, err := ensemble.ReadTensors(t)
	if err != nil {
		return nil, s.Refuse("%v", err)
	}
	return engine.KernelFunc(func(c *engine.Call) error { return regress(c, e, nil, transforms[kind], c.In[0].DType()) }), nil
}

// treeAttributes are the attributes of the nodes' lists and of the given further ones, which in version 3 have forms as tensors.
func treeAttributes(s *engine.Site, more ...string) []string {
	names := append([]string{"nodes_falsenodeids", "nodes_featureids", "nodes_hitrates", "nodes_missing_value_tracks_true", "nodes_modes", "nodes_nodeids",
		"nodes_treeids", "nodes_truenodeids", "nodes_values", "post_transform"}, more...)
	if s.Opset >= 3 {
		for _, name := range []string{"base_values", "nodes_hitrates", "nodes_values", "target_weights", "class_weights"} {
			names = append(names, name+"_as_tensor")
		}
	}
	return names
}

// readLists reads the ensemble of a node whose weights' attributes begin with role.
func readLists(s *engine.Site, role string, targets int, fold ensemble.Fold) (*ensemble.Ensemble, error) {
	ints := func(name string) []int64 { return s.Node.Attrs[name].Ints }
	l := ensemble.Lists{TreeIDs: ints("nodes_treeids"), NodeIDs: ints("nodes_nodeids"), Features: ints("nodes_featureids"), True: ints("nodes_truenodeids"),
		False: ints("nodes_falsenodeids"), Modes: s.Node.Attrs["nodes_modes"].Strs, Missing: ints("nodes_missing_value_tracks_true"),
		WeightTrees: ints(role + "_treeids"), WeightNodes: ints(role + "_nodeids"), WeightTargets: ints(role + "_ids"), Targets: targets, Fold: fold}
	var err error
	if l.Values, err = reals(s, "nodes_values"); err != nil {
		return nil, err
	}
	if l.Weights, err = reals(s, role+"_weights"); err != nil {
		return nil, err
	}
	e, err := ensemble.Read(l)
	if err != nil {
		return nil, s.Refuse("%v", err)
	}
	return e, nil
}

// reals is the list of floats in an attribute, or in its form as a tensor.
func reals(s *engine.Site, name string) ([]float64, error) {
	list := s.Node.Attrs[name].Floats
	if _, ok := s.Node.Attrs[name+"_as_tensor"]; ok {
		if len(list) > 0 {
			return nil, s.Refuse("%s stands as a list and as a tensor", name)
		}
		return wide(s, name+"_as_tensor")
	}
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v)
	}
	return out, nil
}

// wide reads a tensor of floats in an attribute; one that is absent is empty.
func wide(s *engine.Site, name string) ([]float64, error) {
	a, ok := s.Node.Attrs[name]
	if !ok {
		return nil, nil
	}
	if a.Tensor == nil || !a.Tensor.DType.Float() {
		return nil, s.Refuse("%s is no tensor of floats", name)
	}
	t, err := engine.Inline(a.Tensor)
	if err != nil {
		return nil, s.Refuse("%s: %v", name, err)
	}
	if t, err = tensor.Convert(t, tensor.F64); err != nil {
		return nil, s.Refuse("%s: %v", name, err)
	}
	return tensor.Of[float64](t), nil
}

// treeInput is the input in the type in which tests compare: integers as F32, as ONNX Runtime has it.
func treeInput(x *tensor.Tensor) (*tensor.Tensor, error) {
	if x.DType().Float() {
		return x, nil
	}
	return tensor.Convert(x, tensor.F32)
}

// tableRows is the number of rows of an input; a vector is one.
func tableRows(x *tensor.Tensor) (int, error) {
	switch x.Rank() {
	case 1:
		return 1, nil
	case 2:
		return x.Dim(0), nil
	}
	return 0, fmt.Errorf("input is %v, wanted [columns] or [rows, columns]", x)
}

// regress is the run of a regressor whose output has the dtype F32 or F64.
func regress(c *engine.Call, e *ensemble.Ensemble, base []float64, t transform, d tensor.DType) error {
	rows, err := tableRows(c.In[0])
	if err != nil {
		return err
	}
	x, err := treeInput(c.In[0])
	if err != nil {
		return err
	}
	n := e.Targets()
	c.Out[0] = c.New(d, rows, n)
	single := make([]float32, n)
	return e.Score(c.Ctx, x, func(r int, scores []float64) {
		for k, v := range scores {
			if v != v {
				scores[k] = 0
			}
			if len(base) > 0 {
				scores[k] += base[k]
			}
		}
		if d == tensor.F64 && t == none {
			copy(tensor.Of[float64](c.Out[0])[r*n:], scores)
			return
		}
		for k, v := range scores {
			single[k] = float32(v)
		}
		t.regress(single)
		if d == tensor.F32 {
			copy(tensor.Of[float32](c.Out[0])[r*n:], single)
			return
		}
		for k, v := range single {
			tensor.Of[float64](c.Out[0])[r*n+k] = float64(v)
		}
	})
}
