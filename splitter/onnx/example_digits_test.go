package onnx_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// table reads a CSV file of numbers with a header row.
func table(t *testing.T, path string) *tensor.Tensor {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, error %v", path, len(rows), err)
	}
	out := tensor.New(tensor.F32, len(rows)-1, len(rows[0]))
	for r, row := range rows[1:] {
		for c, text := range row {
			v, err := strconv.ParseFloat(text, 32)
			if err != nil {
				t.Fatal(err)
			}
			tensor.Of[float32](out)[r*len(row)+c] = float32(v)
		}
	}
	return out
}

// The perceptron of examples/digits-mlp gives ONNX Runtime's probabilities at 1 to 8 shards, in one round.
func TestTheDigitsExampleEqualsONNXRuntime(t *testing.T) {
	const example = "../../examples/digits-mlp/"
	in := tensor.Named{"pixels": table(t, example+"input.csv")}
	want := table(t, example+"expected.csv")
	for n := 1; n <= 8; n++ {
		dir, m := split(t, example+"model.onnx", n)
		rounds := 0
		for _, s := range m.Steps {
			if s.Stage != nil {
				rounds++
			}
		}
		if rounds != 1 || m.Signature.Inputs[0].Shape[0].Name != manifest.Batch {
			t.Errorf("%d shards: %d rounds, input %v", n, rounds, m.Signature.Inputs[0].Shape)
		}
		compare(t, fmt.Sprintf("%d shards", n), open(t, dir, m).run(in)["probabilities"], want, manifest.Rule{Scale: 1e-5})
	}
}
