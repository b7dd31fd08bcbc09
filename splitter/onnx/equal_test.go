package onnx_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/onnx"
)

// These models are not cut: one column, operators that stay what they are.
var whole = []string{"linear", "ml-linear-zero", "skl-boosting-binary", "skl-forest-strings"}

// Every model of testdata, cut into every number of shards, computes what ONNX Runtime computes, and so does its
// unsharded form.
func TestShardedModelsEqualONNXRuntime(t *testing.T) {
	for _, c := range cases(t) {
		model, err := onnx.Open(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		most := model.Info().MaxShards
		if err := model.Close(); err != nil {
			t.Error(err)
		}
		for _, n := range slices.Compact([]int{1, 2, 3, most}) {
			if n > most {
				continue
			}
			t.Run(fmt.Sprintf("%s/shards=%d", c.name, n), func(t *testing.T) {
				dir, m := split(t, c.path, n)
				got := open(t, dir, m).run(c.inputs)
				plain := reference(t, dir, m, c.inputs)
				if len(m.Signature.Outputs) != len(c.outputs) {
					t.Errorf("%d outputs, wanted %d", len(m.Signature.Outputs), len(c.outputs))
				}
				for _, o := range m.Signature.Outputs {
					compare(t, o.Name+" sharded", got[o.Name], c.outputs[o.Name], o.Rules["sum"])
					compare(t, o.Name+" unsharded", plain[o.Name], c.outputs[o.Name], o.Rules["sum"])
				}
			})
		}
		if most < 2 && !slices.Contains(whole, c.name) {
			t.Errorf("%s: cannot be cut at all", c.name)
		}
		_, _, err = trySplit(t, c.path, layout.Options{Shards: most + 1})
		var refused *layout.RefusalError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %d shards: error %v, wanted a refusal", c.name, most+1, err)
		}
	}
}

// Rows stand for themselves: a model that says so computes the same bits for a row alone, also through the shards.
func TestARowAloneHasTheSameBits(t *testing.T) {
	for _, c := range cases(t) {
		_, m := split(t, c.path, 1)
		if m.Signature.Rows == manifest.RowsNone {
			// skl2onnx flattens the predictions of several targets into one column, so that the rows are lost.
			if !slices.Contains([]string{"branches", "fixed-batch", "mixed-rows", "odd-constant-output", "odd-slice-empty", "odd-squeeze", "skl-mlpr"}, c.name) {
				t.Errorf("%s: it is taken to mix rows", c.name)
			}
			continue
		}
		shards := 2
		if slices.Contains(whole, c.name) {
			shards = 1
		}
		dir, m := split(t, c.path, shards)
		e := open(t, dir, m)
		all := e.run(c.inputs)
		for row := range c.inputs[m.Signature.Inputs[0].Name].Dim(0) {
			in := tensor.Named{}
			for name, v := range c.inputs {
				r, err := v.Rows(row, row+1)
				if err != nil {
					t.Fatal(err)
				}
				in[name] = r
			}
			for _, o := range m.Signature.Outputs {
				want, err := all[o.Name].Rows(row, row+1)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, fmt.Sprintf("%s, %s of row %d", c.name, o.Name, row), e.run(in)[o.Name], want, manifest.Rule{Exact: true})
			}
		}
	}
}
