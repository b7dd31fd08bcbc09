package onnx_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/tensor"
)

// testCase is a model of testdata with inputs and what ONNX Runtime computes for them (testdata/generate.py).
type testCase struct {
	name, path      string
	inputs, outputs tensor.Named
}

type storedTensor struct {
	DType   tensor.DType
	Shape   tensor.Shape
	Data    string
	Strings []string
}

func (s storedTensor) tensor(t *testing.T) *tensor.Tensor {
	t.Helper()
	var out *tensor.Tensor
	var err error
	if s.DType == tensor.String {
		out, err = tensor.FromStrings(s.Shape, s.Strings)
	} else {
		var data []byte
		if data, err = base64.StdEncoding.DecodeString(s.Data); err == nil {
			aligned := tensor.Aligned(len(data))
			copy(aligned, data)
			out, err = tensor.FromBytes(s.DType, s.Shape, aligned)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func cases(t *testing.T) []testCase {
	t.Helper()
	out := casesOf(t, "testdata")
	if len(out) < 40 {
		t.Fatalf("%d models in testdata", len(out))
	}
	return out
}

// casesOf are the models of a folder.
func casesOf(t *testing.T, dir string) []testCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var out []testCase
	for _, path := range files {
		data, err := os.ReadFile(strings.TrimSuffix(path, ".onnx") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var stored struct{ Inputs, Outputs map[string]storedTensor }
		if err := json.Unmarshal(data, &stored); err != nil {
			t.Fatal(err)
		}
		c := testCase{name: strings.TrimSuffix(filepath.Base(path), ".onnx"), path: path, inputs: tensor.Named{}, outputs: tensor.Named{}}
		for name, s := range stored.Inputs {
			c.inputs[name] = s.tensor(t)
		}
		for name, s := range stored.Outputs {
			c.outputs[name] = s.tensor(t)
		}
		out = append(out, c)
	}
	return out
}
