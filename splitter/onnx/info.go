package onnx

import (
	"errors"
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
	if err := n.asksAnything(); err != nil {
		return s, err
	}
	for _, v := range n.graph.Inputs {
		if err := errors.Join(checkName("input", v.Name), checkSize("input", v)); err != nil {
			return s, err
		}
		s.Inputs = append(s.Inputs, n.input(v))
	}
	for _, v := range n.graph.Outputs {
		if err := errors.Join(checkName("output", v.Name), checkSize("output", v)); err != nil {
			return s, err
		}
		if !dtypeKnown(v) {
			return s, &layout.RefusalError{Subject: "output " + v.Name, Reason: "its type or rank could not be inferred", Remedy: "run onnx.shape_inference on the model and make its shapes explicit"}
		}
		s.Outputs = append(s.Outputs, n.output(v))
	}
	return s, nil
}

// asksAnything refuses a model that answers the same whatever it is asked.
func (n *net) asksAnything() error {
	if len(n.graph.Outputs) == 0 {
		return &layout.RefusalError{Subject: "the model", Reason: "it has no outputs", Remedy: remedyCheck}
	}
	inputs := map[string]bool{}
	for _, v := range n.graph.Inputs {
		inputs[v.Name] = true
	}
	for _, node := range n.graph.Nodes {
		for _, name := range slices.Concat(node.Inputs, node.Captures()) {
			if inputs[name] {
				return nil
			}
		}
	}
	return &layout.RefusalError{Subject: "the model", Reason: "no output depends on an input: its answer is always the same", Remedy: remedyCheck}
}

// checkSize refuses a tensor of more elements than a JSON number counts.
func checkSize(what string, v graph.Value) error {
	n := 1.0
	for _, d := range v.Dims {
		if d.Size > 0 {
			n *= float64(d.Size)
		}
	}
	if n > 1<<53 {
		return &layout.RefusalError{Subject: what + " " + v.Name, Reason: "its shape has more than 2^53 elements", Remedy: remedyCheck}
	}
	return nil
}

func (n *net) input(v graph.Value) manifest.Input {
	in := manifest.Input{Name: v.Name, DType: v.DType, Shape: n.dims(v.Dims)}
	if v.DType == tensor.F32 {
		in.Accepts = []tensor.DType{tensor.F64}
	}
	return in
}

func (n *net) output(v graph.Value) manifest.Output {
	return manifest.Output{Name: v.Name, DType: v.DType, Shape: n.dims(v.Dims), Default: true,
		Rules: map[string]manifest.Rule{partition.Mode: partition.Rule(v.DType)}}
}

// shown is the signature as far as it is known, for models that cannot be split. An output whose type does not follow from
// the nodes has the one that the file declares.
func (n *net) shown() manifest.Signature {
	var s manifest.Signature
	for _, v := range n.graph.Inputs {
		if dtypeKnown(v) {
			s.Inputs = append(s.Inputs, n.input(v))
		}
	}
	for i, v := range n.graph.Outputs {
		if !dtypeKnown(v) && i < len(n.declared) {
			v = n.declared[i]
		}
		if dtypeKnown(v) {
			s.Outputs = append(s.Outputs, n.output(v))
		}
	}
	return s
}

// maxName is the manifest's limit on names, in bytes.
const maxName = 256

func checkName(what, name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return &layout.RefusalError{Subject: fmt.Sprintf("%s %.80q", what, name), Reason: fmt.Sprintf("a name has 1 to %d bytes without control characters", maxName), Remedy: "rename it in the model"}
	}
	return nil
}
