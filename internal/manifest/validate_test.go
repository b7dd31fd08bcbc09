package manifest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// spoiler breaks a valid manifest in one way; the fault must stand at path.
type spoiler struct {
	name, path string
	spoil      func(m *Manifest)
}

func headSpoilers() []spoiler {
	return []spoiler{
		{"format", "/format", func(m *Manifest) { m.Format = "shardwise/2" }},
		{"capital name", "/name", func(m *Manifest) { m.Name = "Digits" }},
		{"long name", "/name", func(m *Manifest) { m.Name = strings.Repeat("a", 41) }},
		{"dash at the end", "/name", func(m *Manifest) { m.Name = "a-" }},
		{"version with a slash", "/version", func(m *Manifest) { m.Version = "1/2" }},
		{"radix", "/radix", func(m *Manifest) { m.Radix = 8 }},
		{"no sources", "/sources", func(m *Manifest) { m.Sources = nil }},
		{"source path", "/sources/0/file", func(m *Manifest) { m.Sources[0].File = "../model.json" }},
		{"source digest", "/sources/0/sha256", func(m *Manifest) { m.Sources[0].SHA256 = strings.ToUpper(digest("a")) }},
		{"no importer", "/sources/0/importer", func(m *Manifest) { m.Sources[0].Importer = "" }},
		{"requires twice", "/requires", func(m *Manifest) { m.Requires = []string{"merge.topk", "merge.topk"} }},
		{"requires unordered", "/requires", func(m *Manifest) { m.Requires = []string{"merge.vote", "merge.topk"} }},
		{"no modes", "/modes", func(m *Manifest) { m.Modes = nil }},
		{"mode auto", "/modes/1", func(m *Manifest) { m.Modes[1] = "auto" }},
		{"mode twice", "/modes/1", func(m *Manifest) { m.Modes[1] = "exact" }},
	}
}

func signatureSpoilers() []spoiler {
	return []spoiler{
		{"no inputs", "/signature/inputs", func(m *Manifest) { m.Signature.Inputs = nil }},
		{"no outputs", "/signature/outputs", func(m *Manifest) { m.Signature.Outputs = nil }},
		{"empty name", "/signature/inputs/0/name", func(m *Manifest) { m.Signature.Inputs[0].Name = "" }},
		{"control character", "/signature/inputs/0/name", func(m *Manifest) { m.Signature.Inputs[0].Name = "a\nb" }},
		{"output named as input", "/signature/outputs/1/name", func(m *Manifest) { m.Signature.Outputs[1].Name = "features" }},
		{"no dtype", "/signature/inputs/0/dtype", func(m *Manifest) { m.Signature.Inputs[0].DType = tensor.Invalid }},
		{"accepts itself", "/signature/inputs/0/accepts/0", func(m *Manifest) { m.Signature.Inputs[0].Accepts[0] = tensor.F32 }},
		{"missing integers", "/signature/inputs/0/missing", func(m *Manifest) { m.Signature.Inputs[0].DType = tensor.I32 }},
		{"negative dimension", "/signature/outputs/0/shape/1", func(m *Manifest) { m.Signature.Outputs[0].Shape[1].Size = -3 }},
		{"size and symbol", "/signature/outputs/0/shape/1", func(m *Manifest) { m.Signature.Outputs[0].Shape[1].Name = "k" }},
		{"too many elements", "/signature/outputs/0/shape", func(m *Manifest) {
			m.Signature.Outputs[0].Shape = []Dim{{Size: 1 << 30}, {Size: 1 << 30}}
		}},
		{"rank", "/signature/outputs/0/shape", func(m *Manifest) { m.Signature.Outputs[0].Shape = make([]Dim, 17) }},
		{"number of features", "/signature/inputs/0/features", func(m *Manifest) { m.Signature.Inputs[0].Shape[1].Size = 5 }},
		{"feature twice", "/signature/inputs/0/features/1/name", func(m *Manifest) { m.Signature.Inputs[0].Features[1].Name = "age" }},
		{"feature kind", "/signature/inputs/0/features/0/kind", func(m *Manifest) { m.Signature.Inputs[0].Features[0].Kind = "q" }},
		{"no default", "/signature/outputs", func(m *Manifest) { m.Signature.Outputs[0].Default = false }},
		{"no rule", "/signature/outputs/0/rules", func(m *Manifest) { delete(m.Signature.Outputs[0].Rules, "sum") }},
		{"rule of another mode", "/signature/outputs/0/rules", func(m *Manifest) { m.Signature.Outputs[0].Rules["fast"] = Rule{Abs: 1} }},
		{"exact and tolerance", "/signature/outputs/1/rules/exact", func(m *Manifest) { m.Signature.Outputs[1].Rules["exact"] = Rule{Exact: true, Abs: 1} }},
		{"negative tolerance", "/signature/outputs/1/rules/sum", func(m *Manifest) { m.Signature.Outputs[1].Rules["sum"] = Rule{Rel: -1} }},
		{"NaN tolerance", "/signature/outputs/1/rules/sum", func(m *Manifest) { m.Signature.Outputs[1].Rules["sum"] = Rule{Scale: math.NaN()} }},
	}
}

func shardSpoilers() []spoiler {
	return []spoiler{
		{"no shards", "/shards", func(m *Manifest) { m.Shards = nil }},
		{"idle shard", "/shards/2", func(m *Manifest) { m.Shards = append(m.Shards, Shard{}) }},
		{"absolute path", "/shards/0/files/0/path", func(m *Manifest) { m.Shards[0].Files[0].Path = "/etc/passwd" }},
		{"path out of the directory", "/shards/0/files/0/path", func(m *Manifest) { m.Shards[0].Files[0].Path = "a/../../b" }},
		{"unclean path", "/shards/0/files/0/path", func(m *Manifest) { m.Shards[0].Files[0].Path = "./a" }},
		{"backslash", "/shards/0/files/0/path", func(m *Manifest) { m.Shards[0].Files[0].Path = `a\b` }},
		{"drive", "/shards/0/files/0/path", func(m *Manifest) { m.Shards[0].Files[0].Path = "c:b" }},
		{"shared file", "/shards/1/files/0/path", func(m *Manifest) { m.Shards[1].Files[0].Path = m.Shards[0].Files[0].Path }},
		{"file in other case", "/shards/1/files/0/path", func(m *Manifest) { m.Shards[1].Files[0].Path = "SHARD-000.safetensors" }},
		{"the manifest's own path", "/shards/0/files/0/path", func(m *Manifest) { m.Shards[0].Files[0].Path = FileName }},
		{"role", "/shards/0/files/0/role", func(m *Manifest) { m.Shards[0].Files[0].Role = "data" }},
		{"reference in a shard", "/shards/0/files/0/role", func(m *Manifest) { m.Shards[0].Files[0] = File{Role: RoleReference, Path: "r", SHA256: digest("1")} }},
		{"negative size", "/shards/0/files/0/bytes", func(m *Manifest) { m.Shards[0].Files[0].Bytes = -1 }},
		{"no checksums", "/shards/0/files/0/chunks", func(m *Manifest) { m.Shards[0].Files[0].Chunks = nil }},
		{"checksums of a program", "/shards/0/files/1/chunks", func(m *Manifest) { m.Shards[0].Files[1].Chunks = m.Shards[0].Files[0].Chunks }},
		{"chunk size", "/shards/0/files/0/chunks/size", func(m *Manifest) { m.Shards[0].Files[0].Chunks.Size = 0 }},
		{"no program", "/shards/0/programs", func(m *Manifest) { m.Shards[0].Programs = nil }},
		{"two programs", "/shards/0/programs/1/step", func(m *Manifest) { m.Shards[0].Programs = append(m.Shards[0].Programs, m.Shards[0].Programs[0]) }},
		{"program of no step", "/shards/0/programs/0/step", func(m *Manifest) { m.Shards[0].Programs[0].Step = "forest" }},
		{"program of the coordinator", "/shards/0/programs/0/step", func(m *Manifest) { m.Shards[0].Programs[0].Step = "objective" }},
		{"another shard's graph", "/shards/0/programs/0/graph", func(m *Manifest) { m.Shards[0].Programs[0].Graph = "shard-001.onnx" }},
		{"weights as graph", "/shards/0/programs/0/graph", func(m *Manifest) { m.Shards[0].Programs[0].Graph = "shard-000.safetensors" }},
		{"no engine", "/shards/0/programs/0/engine", func(m *Manifest) { m.Shards[0].Programs[0].Engine = "" }},
		{"negative memory", "/shards/0/memory/per_row", func(m *Manifest) { m.Shards[0].Memory.PerRow = -1 }},
		{"huge memory", "/shards/0/memory/weights", func(m *Manifest) { m.Shards[0].Memory.Weights = math.MaxInt64 }},
		{"gap between trees", "/shards/1/trees/first", func(m *Manifest) { m.Shards[1].Trees.First = 4 }},
		{"first trees missing", "/shards/0/trees/first", func(m *Manifest) { m.Shards[0].Trees.First = 1 }},
		{"no trees", "/shards/1/trees/count", func(m *Manifest) { m.Shards[1].Trees.Count = 0 }},
		{"feature order", "/shards/1/trees/features/1", func(m *Manifest) { m.Shards[1].Trees.Features = []int{2, 2} }},
		{"feature range", "/shards/1/trees/features/0", func(m *Manifest) { m.Shards[1].Trees.Features = []int{4} }},
		{"number of leaf sums", "/shards/1/trees", func(m *Manifest) { m.Shards[1].Trees.MaxSum = m.Shards[1].Trees.MaxSum[1:] }},
		{"leaf sums swapped", "/shards/1/trees/min_sum/0", func(m *Manifest) { t := m.Shards[1].Trees; t.MinSum, t.MaxSum = t.MaxSum, t.MinSum }},
		{"leaf sum of other digits", "/shards/1/trees/min_sum/0", func(m *Manifest) { m.Shards[1].Trees.MinSum[0] = HexF32(-1) }},
		{"no coordinator", "/local", func(m *Manifest) { m.Local = nil }},
		{"no coordinator program", "/local/programs", func(m *Manifest) { m.Local.Programs = nil }},
	}
}

// TestValidateFindsEachFault checks every spoiler alone on the tree manifest.
func TestValidateFindsEachFault(t *testing.T) {
	var all []spoiler
	for _, list := range [][]spoiler{headSpoilers(), signatureSpoilers(), shardSpoilers(), stepSpoilers(), mergeSpoilers()} {
		all = append(all, list...)
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			m := treeManifest()
			s.spoil(m)
			var invalid *InvalidError
			if err := m.Validate(); !errors.As(err, &invalid) {
				t.Fatalf("error %v, want an *InvalidError", err)
			}
			if !hasFault(invalid, s.path) {
				t.Errorf("no fault at %s in: %v", s.path, invalid)
			}
		})
	}
}

func TestSourcesMayHaveAnyFileName(t *testing.T) {
	schema := compile(t, manifestSchema)
	for _, name := range []string{"my model:v2.onnx", `a\b.json`, "ünï/gewichte 1.bin", "..model", "a/...", "-"} {
		m := treeManifest()
		m.Sources[0].File = name
		if err := m.Validate(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if err := conforms(t, schema, encode(t, m)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSamplesAreValid(t *testing.T) {
	for name, m := range samples() {
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestValidateReportsAllFaultsAtOnce spoils one manifest in every way that leaves the others visible.
func TestValidateReportsAllFaultsAtOnce(t *testing.T) {
	m := treeManifest()
	var want []string
	for _, s := range headSpoilers() {
		if s.name == "radix" || s.name == "capital name" || s.name == "source digest" || s.name == "version with a slash" {
			s.spoil(m)
			want = append(want, s.path)
		}
	}
	for _, s := range shardSpoilers() {
		if s.name == "gap between trees" || s.name == "negative memory" {
			s.spoil(m)
			want = append(want, s.path)
		}
	}
	var invalid *InvalidError
	if err := m.Validate(); !errors.As(err, &invalid) {
		t.Fatalf("error %v, want an *InvalidError", err)
	}
	if len(invalid.Faults) != len(want) {
		t.Errorf("%d faults, want %d: %v", len(invalid.Faults), len(want), invalid)
	}
	for _, path := range want {
		if !hasFault(invalid, path) || !strings.Contains(invalid.Error(), path) {
			t.Errorf("no fault at %s in: %v", path, invalid)
		}
	}
}

func TestValidateRefusesUnknownFeaturesByName(t *testing.T) {
	m := treeManifest()
	m.Radix, m.Requires = 0, []string{"merge.topk", "scatter.teleport"}
	var feature *FeatureError
	if err := m.Validate(); !errors.As(err, &feature) || len(feature.Names) != 1 || !strings.Contains(err.Error(), "scatter.teleport") {
		t.Errorf("error %v, want a *FeatureError with scatter.teleport alone", err)
	}
}

func TestNamesOfFaultsAreJSONPointers(t *testing.T) {
	if got := at("/rules").key("a/b~c").index(3); got != "/rules/a~1b~0c/3" {
		t.Errorf("pointer %s", got)
	}
}
