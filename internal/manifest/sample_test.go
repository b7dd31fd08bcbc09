package manifest

import (
	"strings"

	"github.com/shardwise/shardwise/internal/tensor"
)

// digest is some SHA-256.
func digest(digit string) string { return strings.Repeat(digit, 64) }

func batchBy(n int) []Dim { return []Dim{{Name: Batch}, {Size: n}} }

func weightsFile(path string) File {
	return File{Role: RoleWeights, Path: path, Bytes: 1 << 20, SHA256: digest("a"), Chunks: &Chunks{Tensor: "__crc32c", Size: 1 << 20, SHA256: digest("b")}}
}

func programFile(path string) File {
	return File{Role: RoleProgram, Path: path, Bytes: 4096, SHA256: digest("c")}
}

// treeManifest is a valid manifest of two tree shards with three outputs per row, exact and sum mode.
func treeManifest() *Manifest {
	shard := func(first, count int, name string) Shard {
		return Shard{
			Files:    []File{weightsFile(name + ".safetensors"), programFile(name + ".onnx")},
			Programs: []Program{{Step: "trees", Engine: "native", Graph: name + ".onnx"}},
			Memory:   Memory{Weights: 1 << 20, Fixed: 48 << 20, PerRow: 400},
			Trees: &Trees{First: first, Count: count, Features: []int{first / 3, 3},
				MinSum: []string{HexF64(-1), HexF64(-2), HexF64(0)}, MaxSum: []string{HexF64(1), HexF64(2), HexF64(0)}},
		}
	}
	init := []string{HexF32(0.5), HexF32(0.5), HexF32(0.5)}
	return &Manifest{
		Format: Format, Requires: []string{}, Name: "digits", Version: "1", Radix: Radix, Modes: []string{"exact", "sum"},
		Sources: []Source{{File: "model.json", SHA256: digest("d"), Importer: "xgboost", Library: "xgboost 3.2.0"}},
		Signature: Signature{
			Inputs: []Input{{Name: "features", DType: tensor.F32, Shape: batchBy(4), Accepts: []tensor.DType{tensor.F64}, Missing: true,
				Features: []Feature{{Name: "age"}, {Name: "sex", Kind: "categorical"}, {Name: "bmi", Kind: "float"}, {Name: "s/1"}}}},
			Outputs: []Output{
				{Name: "prediction", DType: tensor.F32, Shape: batchBy(3), Default: true, Rules: map[string]Rule{"exact": {Rel: 1e-6}, "sum": {Rel: 1e-5}}},
				{Name: "margin", DType: tensor.F32, Shape: batchBy(3), Rules: map[string]Rule{"exact": {Exact: true}, "sum": {Abs: 1e-5}}},
				{Name: "leaf", DType: tensor.I32, Shape: batchBy(5), Rules: map[string]Rule{"exact": {Exact: true}, "sum": {Exact: true}}},
			},
		},
		Shards: []Shard{shard(0, 3, "shard-000"), shard(3, 2, "shard-001")},
		Local: &Local{
			Files:    []File{weightsFile("coordinator.safetensors"), programFile("coordinator.onnx")},
			Programs: []Program{{Step: "objective", Engine: "native", Graph: "coordinator.onnx"}},
			Memory:   Memory{Weights: 4096, Fixed: 1 << 20},
		},
		Steps: []Step{
			{Name: "trees", Stage: &Stage{
				Shards: []int{0, 1},
				Inputs: []StageInput{{Name: "features", Value: "features", Scatter: Scatter{Kind: ScatterSelect}}},
				Outputs: []StageOutput{
					{Value: "margin", Modes: []string{"exact"}, Placement: Placement{Kind: PlacePartial, Op: "sum"},
						Merge:      Merge{Kind: MergeOrderedSum, DType: tensor.F32, Acc: tensor.F32, Init: init, Table: "tree_outputs"},
						Components: []Component{{Role: RoleValue, Name: "leaf_values", DType: tensor.F32, Shape: []Dim{{Name: Batch}, {Name: "trees"}}}}},
					{Value: "margin", Modes: []string{"sum"}, Placement: Placement{Kind: PlacePartial, Op: "sum"},
						Merge:      Merge{Kind: MergeSum, DType: tensor.F32, Acc: tensor.F64, Init: []string{HexF64(0.5), HexF64(0.5), HexF64(0.5)}},
						Components: []Component{{Role: RoleValue, Name: "margin_sum", DType: tensor.F64, Shape: batchBy(3)}}},
					{Value: "leaf", Placement: Placement{Kind: PlaceShard, Dim: 1},
						Merge:      Merge{Kind: MergeConcat, DType: tensor.I32, Dim: 1, Bounds: []int{0, 3, 5}},
						Components: []Component{{Role: RoleValue, Name: "leaf", DType: tensor.I32, Shape: []Dim{{Name: Batch}, {Name: "trees"}}}}},
				},
			}},
			{Name: "objective", Local: &LocalStep{Inputs: []string{"margin"}, Outputs: []string{"prediction"}}},
		},
	}
}

// denseManifest is a valid manifest of a perceptron: a column-then-row pair over three shards, a local epilogue.
func denseManifest() *Manifest {
	m := &Manifest{
		Format: Format, Name: "mlp", Version: "2024-05", Radix: Radix, Modes: []string{"sum"},
		Sources: []Source{{File: "model.onnx", SHA256: digest("e"), Importer: "onnx"}, {File: "data/model.bin", SHA256: digest("f"), Importer: "onnx"}},
		Signature: Signature{
			Inputs: []Input{{Name: "X", DType: tensor.F32, Shape: batchBy(8)}},
			Outputs: []Output{{Name: "Y", DType: tensor.F32, Shape: batchBy(2), Default: true,
				Rules: map[string]Rule{"sum": {Scale: 1e-5}}}},
		},
		Local: &Local{
			Files: []File{weightsFile("coordinator.safetensors"), programFile("coordinator.onnx"),
				{Role: RoleReference, Path: "reference.onnx", Bytes: 10, SHA256: digest("0")}},
			Programs: []Program{{Step: "epilogue", Engine: "native", Graph: "coordinator.onnx"}},
		},
		Steps: []Step{
			{Name: "stage-0", Stage: &Stage{Shards: []int{0, 1, 2},
				Inputs: []StageInput{{Name: "X", Value: "X", Scatter: Scatter{Kind: ScatterSlice, Dim: 1, Bounds: []int{0, 3, 5, 8}}}},
				Outputs: []StageOutput{{Value: "h", Placement: Placement{Kind: PlacePartial, Op: "sum"},
					Merge:      Merge{Kind: MergeSum, DType: tensor.F32, Acc: tensor.F32},
					Components: []Component{{Role: RoleValue, Name: "h", DType: tensor.F32, Shape: batchBy(2)}}}}}},
			{Name: "epilogue", Local: &LocalStep{Inputs: []string{"h"}, Outputs: []string{"Y"}}},
		},
	}
	for _, name := range []string{"shard-000", "shard-001", "shard-002"} {
		m.Shards = append(m.Shards, Shard{Files: []File{weightsFile(name + ".safetensors"), programFile(name + ".onnx")},
			Programs: []Program{{Step: "stage-0", Engine: "native", Graph: name + ".onnx"}}})
	}
	return m
}
