package coordinator

import (
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/shard/wire"
)

// Description is what a coordinator says of its model: the Open Inference Protocol's model metadata, and more.
type Description struct {
	Name        string        `json:"name"`
	Versions    []string      `json:"versions"`
	Platform    string        `json:"platform"` // "shardwise"
	Inputs      []TensorFacts `json:"inputs"`
	Outputs     []TensorFacts `json:"outputs"`
	Fingerprint string        `json:"fingerprint"`
	Modes       []string      `json:"modes"` // best first
	Shards      int           `json:"shards"`
	MaxRequest  int           `json:"max_request_bytes"`
	MaxReply    int           `json:"max_reply_bytes"`
}

// TensorFacts describe one input or output; -1 in a shape is a size that the request chooses.
type TensorFacts struct {
	Name     string   `json:"name"`
	Datatype string   `json:"datatype"`
	Shape    []int    `json:"shape"`
	Accepts  []string `json:"accepts,omitempty"`  // further datatypes that are converted on entry
	Features []string `json:"features,omitempty"` // names of the last dimension's columns
	Missing  bool     `json:"missing,omitempty"`  // NaN or null means missing
	Default  bool     `json:"default,omitempty"`  // returned when a request names no outputs
}

// Describe returns the model's facts.
func (c *Coordinator) Describe() Description {
	m := c.manifest
	d := Description{
		Name: m.Name, Versions: []string{m.Version}, Platform: "shardwise", Fingerprint: c.fingerprint, Modes: m.Modes, Shards: len(m.Shards),
		MaxRequest: wire.MaxRequest, MaxReply: wire.MaxReply,
	}
	for _, in := range m.Signature.Inputs {
		f := TensorFacts{Name: in.Name, Datatype: in.DType.OIP(), Shape: openShape(in.Shape), Missing: in.Missing}
		for _, a := range in.Accepts {
			f.Accepts = append(f.Accepts, a.OIP())
		}
		for _, column := range in.Features {
			f.Features = append(f.Features, column.Name)
		}
		d.Inputs = append(d.Inputs, f)
	}
	for _, out := range m.Signature.Outputs {
		d.Outputs = append(d.Outputs, TensorFacts{Name: out.Name, Datatype: out.DType.OIP(), Shape: openShape(out.Shape), Default: out.Default})
	}
	return d
}

func openShape(dims []manifest.Dim) []int {
	shape := make([]int, len(dims))
	for i, d := range dims {
		if shape[i] = d.Size; d.Name != "" {
			shape[i] = -1
		}
	}
	return shape
}
