package dataset

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// streamed are outputs of every kind that CSV writes in its own way, and a batch of them.
func streamed(t *testing.T) ([]manifest.Output, tensor.Named) {
	t.Helper()
	rows := manifest.Dim{Name: manifest.Batch}
	outputs := []manifest.Output{
		{Name: "p", DType: tensor.F32, Shape: []manifest.Dim{rows, {Size: 2}}},
		{Name: "label", DType: tensor.String, Shape: []manifest.Dim{rows}},
		{Name: "id", DType: tensor.I64, Shape: []manifest.Dim{rows}},
		{Name: "flag", DType: tensor.Bool, Shape: []manifest.Dim{rows}},
	}
	inf := float32(math.Inf(1))
	p, err1 := tensor.FromSlice(tensor.F32, []float32{inf, -inf, float32(math.NaN()), 16777216}, 2, 2)
	label, err2 := tensor.FromStrings(tensor.Shape{2}, []string{` a "b"`, "c,d"})
	id, err3 := tensor.FromSlice(tensor.I64, []int64{-9007199254740993, 7}, 2)
	flag, err4 := tensor.FromSlice(tensor.Bool, []bool{true, false}, 2)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return outputs, tensor.Named{"p": p, "label": label, "id": id, "flag": flag}
}

func TestAStreamOfCSVHasTheBytesOfAFile(t *testing.T) {
	outputs, batch := streamed(t)
	path := filepath.Join(t.TempDir(), "x.csv")
	file, err := Create(path, Auto, outputs)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	stream, err := NewCSV(&out, "standard output", outputs)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, w := range []interface{ Write(tensor.Named) error }{file, stream} {
			if err := w.Write(batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) || !strings.Contains(out.String(), "\ninf,-inf,") || strings.Count(out.String(), "label") != 1 {
		t.Errorf("the stream has\n%s\nthe file\n%s", out.String(), want)
	}
}

func TestAStreamOfCSVChecksBatches(t *testing.T) {
	outputs, batch := streamed(t)
	var out bytes.Buffer
	stream, err := NewCSV(&out, "standard output", outputs)
	if err != nil {
		t.Fatal(err)
	}
	delete(batch, "id")
	if err := stream.Write(batch); err == nil || !strings.Contains(err.Error(), `write standard output: output "id" is missing`) {
		t.Errorf("a batch without an output: %v", err)
	}
	whole := []manifest.Output{{Name: "w", DType: tensor.F32, Shape: []manifest.Dim{{Size: 2}}}, {Name: "s", DType: tensor.F32}}
	if _, err := NewCSV(&out, "standard output", whole); err == nil || !strings.Contains(err.Error(), "npz") {
		t.Errorf("an output without rows: %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("refused batches left %q", out.String())
	}
}
