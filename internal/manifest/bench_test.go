package manifest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// wideManifest has many shards and features: what a large tree ensemble's manifest looks like.
func wideManifest(shards, features int) *Manifest {
	m := treeManifest()
	in := &m.Signature.Inputs[0]
	in.Shape[1].Size, in.Features = features, nil
	all := make([]int, features)
	for f := range features {
		in.Features = append(in.Features, Feature{Name: fmt.Sprintf("feature_%05d", f), Kind: "float"})
		all[f] = f
	}
	stage := m.Steps[0].Stage
	stage.Shards, stage.Outputs = nil, stage.Outputs[:2]
	m.Signature.Outputs = m.Signature.Outputs[:2]
	first := m.Shards[0]
	m.Shards = nil
	for i := range shards {
		s := first
		name := fmt.Sprintf("shard-%03d", i)
		s.Files = []File{weightsFile(name + ".safetensors"), programFile(name + ".onnx")}
		s.Programs = []Program{{Step: "trees", Engine: "native", Graph: name + ".onnx"}}
		trees := *first.Trees
		trees.First, trees.Count, trees.Features = 10*i, 10, all
		s.Trees = &trees
		m.Shards = append(m.Shards, s)
		stage.Shards = append(stage.Shards, i)
	}
	return m
}

// BenchmarkDecode reads a manifest of 64 shards and 200 features, strictly and validated, against encoding/json alone.
func BenchmarkDecode(b *testing.B) {
	data := encode(b, wideManifest(64, 200))
	var own, other time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
		mid := time.Now()
		if err := json.Unmarshal(data, new(Manifest)); err != nil {
			b.Fatal(err)
		}
		own += mid.Sub(start)
		other += time.Since(mid)
	}
	b.ReportMetric(float64(own)/float64(other), "×encoding/json")
	b.ReportMetric(float64(own.Microseconds())/float64(b.N), "µs/manifest")
	b.ReportMetric(float64(len(data)), "bytes")
	b.ReportMetric(0, "ns/op")
}
