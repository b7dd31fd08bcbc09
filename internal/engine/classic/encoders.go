package classic

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// firstLabelEncoder is LabelEncoder of ai.onnx.ml 1: a string becomes its position in classes_strings, a position its string;
// what is unknown becomes default_int64 or default_string.
func firstLabelEncoder(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("classes_strings", "default_int64", "default_string"); err != nil {
		return nil, err
	}
	words := s.Node.Attrs["classes_strings"].Strs
	places := make([]int64, len(words))
	for i := range places {
		places[i] = int64(i)
	}
	return bothWays(s, words, places)
}

// categoryMapper is CategoryMapper (ai.onnx.ml 1 to today): from the strings to the integers beside them, or back.
func categoryMapper(s *engine.Site) (engine.Kernel, error) {
	if err := s.Only("cats_int64s", "cats_strings", "default_int64", "default_string"); err != nil {
		return nil, err
	}
	words, ints := s.Node.Attrs["cats_strings"].Strs, s.Node.Attrs["cats_int64s"].Ints
	if len(words) != len(ints) {
		return nil, s.Refuse("%d strings for %d integers", len(words), len(ints))
	}
	return bothWays(s, words, ints)
}

func bothWays(s *engine.Site, words []string, ints []int64) (engine.Kernel, error) {
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	toWord, toInt := dictionary{ints: map[int64]int{}}, dictionary{words: map[string]int{}}
	for i := range words {
		if toWord.add(ints[i], i) || toInt.add(words[i], i) {
			return nil, s.Refuse("%q or %d is listed twice", words[i], ints[i])
		}
	}
	var err error
	if toWord.values, err = tensor.FromStrings(tensor.Shape{len(words) + 1}, append(slices.Clone(words), s.Node.Text("default_string", unused))); err != nil {
		return nil, err
	}
	if toInt.values, err = tensor.FromSlice(tensor.I64, append(slices.Clone(ints), s.Node.Int("default_int64", -1)), len(ints)+1); err != nil {
		return nil, err
	}
	return engine.KernelFunc(func(c *engine.Call) (err error) {
		if c.In[0].DType() == tensor.String {
			return toInt.run(c)
		}
		return toWord.run(c)
	}), nil
}

// unused is the standard's default string.
const unused = "_Unused"

// labelEncoder is LabelEncoder (ai.onnx.ml 2 to today): each element becomes the value beside its key, or the default. Keys and
// values are lists of floats, integers or strings, or, from version 4, tensors. NaN equals the key NaN from version 4 on, as
// in ONNX Runtime; before it has the default.
func labelEncoder(s *engine.Site) (engine.Kernel, error) {
	allowed := []string{"default_float", "default_int64", "default_string", "keys_floats", "keys_int64s", "keys_strings", "values_floats", "values_int64s", "values_strings"}
	if s.Opset >= 4 {
		allowed = append(allowed, "keys_tensor", "values_tensor", "default_tensor")
	}
	if err := s.Only(allowed...); err != nil {
		return nil, err
	}
	if err := s.Arity(1, 1, 1); err != nil {
		return nil, err
	}
	keys, err := listed(s, "keys")
	if err != nil {
		return nil, err
	}
	values, err := listed(s, "values")
	if err != nil {
		return nil, err
	}
	if keys.Len() != values.Len() {
		return nil, s.Refuse("%d keys for %d values", keys.Len(), values.Len())
	}
	rest, err := defaultOf(s, values.DType())
	if err != nil {
		return nil, err
	}
	d, err := newDictionary(keys)
	if err != nil {
		return nil, s.Refuse("%v", err)
	}
	if s.Opset < 4 {
		d.nan = 0
	}
	if d.values, err = joined(values, rest); err != nil {
		return nil, s.Refuse("%v", err)
	}
	return engine.KernelFunc(d.run), nil
}

// listed is the one attribute of the kinds that role has (keys_floats, keys_tensor ...) as a vector.
func listed(s *engine.Site, role string) (*tensor.Tensor, error) {
	var found []*tensor.Tensor
	for _, kind := range []string{"_floats", "_int64s", "_strings", "_tensor"} {
		a, ok := s.Node.Attrs[role+kind]
		if !ok {
			continue
		}
		t, err := vector(a)
		if err != nil {
			return nil, s.Refuse("attribute %s%s: %v", role, kind, err)
		}
		found = append(found, t)
	}
	if len(found) != 1 {
		return nil, s.Refuse("%d attributes have the %s, wanted one", len(found), role)
	}
	return found[0], nil
}

// vector is a list or a tensor in an attribute as a vector.
func vector(a graph.Attr) (*tensor.Tensor, error) {
	switch a.Kind {
	case graph.AttrFloats:
		return tensor.FromSlice(tensor.F32, a.Floats, len(a.Floats))
	case graph.AttrInts:
		return tensor.FromSlice(tensor.I64, a.Ints, len(a.Ints))
	case graph.AttrStrings:
		return tensor.FromStrings(tensor.Shape{len(a.Strs)}, a.Strs)
	case graph.AttrTensor:
		t, err := engine.Inline(a.Tensor)
		if err != nil {
			return nil, err
		}
		return t.Reshape(t.Len())
	}
	return nil, errors.New("wanted a list or a tensor")
}

// defaultOf is the value of unknown keys, of the values' dtype.
func defaultOf(s *engine.Site, d tensor.DType) (*tensor.Tensor, error) {
	if a, ok := s.Node.Attrs["default_tensor"]; ok {
		t, err := vector(a)
		if err == nil && (t.Len() != 1 || t.DType() != d) {
			err = fmt.Errorf("it is %v, wanted one element of %s", t, d)
		}
		if err != nil {
			return nil, s.Refuse("attribute default_tensor: %v", err)
		}
		return t, nil
	}
	switch {
	case d == tensor.String:
		return tensor.FromStrings(tensor.Shape{1}, []string{s.Node.Text("default_string", unused)})
	case d.Float():
		t, err := tensor.FromSlice(tensor.F32, []float32{s.Node.Float("default_float", float32(math.Copysign(0, -1)))}, 1)
		if err != nil {
			return nil, err
		}
		return tensor.Convert(t, d)
	}
	t, err := tensor.FromSlice(tensor.I64, []int64{s.Node.Int("default_int64", -1)}, 1)
	if err != nil {
		return nil, err
	}
	return tensor.Convert(t, d)
}

// joined are the elements of a and then those of b, both vectors of one dtype.
func joined(a, b *tensor.Tensor) (*tensor.Tensor, error) {
	if a.DType() != tensor.String {
		data := tensor.Aligned(len(a.Bytes()) + len(b.Bytes()))
		copy(data[copy(data, a.Bytes()):], b.Bytes())
		return tensor.FromBytes(a.DType(), tensor.Shape{a.Len() + b.Len()}, data)
	}
	var words []string
	for _, t := range []*tensor.Tensor{a, b} {
		for i := range t.Len() {
			words = append(words, t.StringAt(i))
		}
	}
	return tensor.FromStrings(tensor.Shape{len(words)}, words)
}
