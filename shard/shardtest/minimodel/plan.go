package minimodel

import (
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// plan is the manifest without files.
func (m *Model) plan() *manifest.Manifest {
	batch := func(n int) []manifest.Dim { return []manifest.Dim{{Name: manifest.Batch}, {Size: n}} }
	rules := map[string]manifest.Rule{"sum": {Rel: 1e-5, Abs: 1e-5}}
	shards := make([]int, m.Shards)
	for i := range shards {
		shards[i] = i
	}
	wide := Bounds(m.Wide, m.Shards)
	hidden := &manifest.Stage{
		Shards: shards,
		Inputs: []manifest.StageInput{{Name: "part", Value: "x", Scatter: manifest.Scatter{Kind: manifest.ScatterSlice, Dim: 1, Bounds: Bounds(m.Features, m.Shards)}}},
		Outputs: []manifest.StageOutput{{
			Value: "hsum", Placement: manifest.Placement{Kind: manifest.PlacePartial, Op: "sum"},
			Merge:      manifest.Merge{Kind: manifest.MergeSum, DType: tensor.F32, Acc: tensor.F32},
			Components: []manifest.Component{{Role: manifest.RoleValue, Name: "h", DType: tensor.F32, Shape: batch(m.Hidden)}},
		}},
	}
	columns := &manifest.Stage{
		Shards: shards,
		Inputs: []manifest.StageInput{{Name: "prediction", Value: "prediction", Scatter: manifest.Scatter{Kind: manifest.ScatterReplicate}}},
		Outputs: []manifest.StageOutput{{
			Value: "wide", Placement: manifest.Placement{Kind: manifest.PlaceShard, Dim: 1},
			Merge:      manifest.Merge{Kind: manifest.MergeConcat, DType: tensor.F32, Dim: 1, Bounds: wide},
			Components: []manifest.Component{{Role: manifest.RoleValue, Name: "columns", DType: tensor.F32, Shape: []manifest.Dim{{Name: manifest.Batch}, {Name: "columns"}}}},
		}},
	}
	memory := manifest.Memory{Weights: int64(m.Ballast), Fixed: 32 << 20, PerRow: m.PerRow}
	list := make([]manifest.Shard, m.Shards)
	for i := range list {
		list[i].Memory = memory
	}
	return &manifest.Manifest{
		Format: manifest.Format, Name: m.Name, Version: "1", Radix: manifest.Radix, Modes: []string{"sum"},
		Sources: []manifest.Source{{File: "mini.model", SHA256: strings.Repeat("0", 64), Importer: "minimodel", Library: "none"}},
		Signature: manifest.Signature{
			Inputs: []manifest.Input{{Name: "x", DType: tensor.F32, Accepts: []tensor.DType{tensor.F64}, Shape: batch(m.Features)}},
			Outputs: []manifest.Output{
				{Name: "prediction", DType: tensor.F32, Shape: batch(m.Hidden), Default: true, Rules: rules},
				{Name: "wide", DType: tensor.F32, Shape: batch(m.Wide), Rules: rules},
			},
		},
		Shards: list,
		Local:  &manifest.Local{Memory: manifest.Memory{Fixed: 32 << 20}},
		Steps: []manifest.Step{
			{Name: "hidden", Stage: hidden},
			{Name: "head", Local: &manifest.LocalStep{Inputs: []string{"hsum"}, Outputs: []string{"prediction"}}},
			{Name: "wide", Stage: columns},
		},
	}
}

// Reference computes prediction and wide for the rows of x in float64 and rounds at the end. It equals the model's
// answer exactly when weights and x are small integers, and nearly otherwise.
func (m *Model) Reference(x []float32) (prediction, wide []float32) {
	rows := len(x) / m.Features
	for r := range rows {
		h := make([]float64, m.Hidden)
		for j := range h {
			for i := range m.Features {
				h[j] += float64(x[r*m.Features+i]) * float64(m.W[i*m.Hidden+j])
			}
			h[j] += float64(m.B[j])
			prediction = append(prediction, float32(h[j]))
		}
		for k := range m.Wide {
			sum := 0.0
			for j := range h {
				sum += h[j] * float64(m.V[j*m.Wide+k])
			}
			wide = append(wide, float32(sum))
		}
	}
	return prediction, wide
}
