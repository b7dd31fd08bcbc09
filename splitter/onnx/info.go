package onnx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/partition"
	"github.com/shardwise/shardwise/splitter/plan"
)

// dims translates a value's dimensions for a signature.
func (n *net) dims(list []graph.Dim) []manifest.Dim {
	out := make([]manifest.Dim, len(list))
	for i, d := range list {
		switch {
		case d.Size >= 0:
			out[i].Size = d.Size
		case n.mixes == "" && d.Symbol == n.batch:
			out[i].Name = manifest.Batch
		case n.mixes == "" && d.Symbol == manifest.Batch:
			out[i].Name = manifest.Batch + "_" // the model calls something else so
		case d.Symbol == "":
			out[i].Name = fmt.Sprintf("unknown_%d", i)
		default:
			out[i].Name = d.Symbol
		}
	}
	return out
}

// signature is what users of the model see. Float32 inputs also accept float64, the type that most programs hold
// numbers in, and round it.
func (n *net) signature() (manifest.Signature, error) {
	var s manifest.Signature
	if n.mixes != "" {
		s.Rows = manifest.RowsNone
	}
	for _, v := range n.graph.Inputs {
		if err := checkName("input", v.Name); err != nil {
			return s, err
		}
		in := manifest.Input{Name: v.Name, DType: v.DType, Shape: n.dims(v.Dims)}
		if v.DType == tensor.F32 {
			in.Accepts = []tensor.DType{tensor.F64}
		}
		s.Inputs = append(s.Inputs, in)
	}
	for _, v := range n.graph.Outputs {
		if err := checkName("output", v.Name); err != nil {
			return s, err
		}
		if !dtypeKnown(v) {
			return s, &layout.RefusalError{Subject: "output " + v.Name, Reason: "its type or rank could not be inferred", Remedy: "run onnx.shape_inference on the model and make its shapes explicit"}
		}
		s.Outputs = append(s.Outputs, manifest.Output{Name: v.Name, DType: v.DType, Shape: n.dims(v.Dims), Default: true,
			Rules: map[string]manifest.Rule{partition.Mode: partition.Rule(v.DType)}})
	}
	return s, nil
}

// maxName is the manifest's limit on names, in bytes.
const maxName = 256

func checkName(what, name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return &layout.RefusalError{Subject: fmt.Sprintf("%s %.80q", what, name), Reason: fmt.Sprintf("a name has 1 to %d bytes without control characters", maxName), Remedy: "rename it in the model"}
	}
	return nil
}

// describe gathers what inspect shows.
func (m *model) describe() layout.Info {
	g := m.net.graph
	info := layout.Info{Format: "onnx", Library: library(m.scanned), Operators: map[string]int{}, Dtypes: map[string]int64{}}
	for _, n := range g.Nodes {
		op := n.Op
		if n.Domain != "" {
			op = n.Domain + "." + n.Op
		}
		info.Operators[op]++
	}
	for _, name := range sorted(g.Weights) {
		w := g.Weights[name]
		n, err := w.Shape.Elements()
		if err != nil {
			continue
		}
		bytes := int64(n) * int64(w.DType.Size())
		info.Bytes += bytes
		info.Dtypes[w.DType.String()] += bytes
		if w.DType.Float() {
			info.Parameters += int64(n)
		}
		info.Largest = append(info.Largest, layout.LargestTensor{Name: name, DType: w.DType, Shape: w.Shape})
	}
	slices.SortStableFunc(info.Largest, func(a, b layout.LargestTensor) int { return cmp.Compare(size(b), size(a)) })
	info.Largest = info.Largest[:min(len(info.Largest), 10)]
	for _, r := range m.net.refused {
		info.Opaque = append(info.Opaque, r.Subject)
	}
	info.Facts = m.facts()
	if s, err := m.net.signature(); err == nil {
		info.Signature = s
	}
	if in, err := m.input(); err == nil && len(m.net.refused) == 0 {
		info.MaxShards = plan.MaxShards(in)
	}
	return info
}

func size(t layout.LargestTensor) int {
	n, err := t.Shape.Elements()
	if err != nil {
		return 0
	}
	return n * t.DType.Size()
}

func (m *model) facts() []layout.Fact {
	facts := []layout.Fact{{Name: "IR version", Value: fmt.Sprint(m.scanned.IRVersion)}}
	for _, domain := range sorted(m.net.graph.Opsets) {
		name := domain
		if name == "" {
			name = "ai.onnx"
		}
		facts = append(facts, layout.Fact{Name: "operator set " + name, Value: fmt.Sprint(m.net.graph.Opsets[domain])})
	}
	if m.net.mixes == "" {
		facts = append(facts, layout.Fact{Name: "rows", Value: "each stands for itself: batches may be cut"})
	} else {
		facts = append(facts, layout.Fact{Name: "rows", Value: "a batch is never cut: " + m.net.mixes})
	}
	if m.net.zipMaps > 0 {
		facts = append(facts, layout.Fact{Name: "ZipMap", Value: "taken away: the output is the tensor of probabilities, columns in the order of the labels"})
	}
	for _, location := range m.store.locations() {
		facts = append(facts, layout.Fact{Name: "external data", Value: location})
	}
	for _, r := range m.net.refused {
		facts = append(facts, layout.Fact{Name: "not covered", Value: r.Error()})
	}
	return facts
}
