package reference_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/cli/reference"
	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

const examples = "../../../examples"

// all reads a whole file.
func all(t *testing.T, r *dataset.Reader, err error) tensor.Named {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Next(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTheReferenceIsTheLibrarysOwn holds the yardstick of verify against what the libraries wrote.
func TestTheReferenceIsTheLibrarysOwn(t *testing.T) {
	for _, e := range []struct{ name, model, mode string }{
		{"digits-xgboost", "model.json", "exact"},
		{"diabetes-xgboost", "model.ubj", "exact"},
		{"breast-cancer-xgboost", "model.json", "exact"},
		{"vote-xgboost", "model.json", "exact"},
		{"digits-mlp", "model.onnx", "sum"},
	} {
		t.Run(e.name, func(t *testing.T) {
			folder, dir := filepath.Join(examples, e.name), filepath.Join(t.TempDir(), "parts")
			m, err := splitter.Split(t.Context(), filepath.Join(folder, e.model), dir, layout.Options{Shards: 5}, nil)
			if err != nil {
				t.Fatal(err)
			}
			ref, err := reference.Open(dir, m)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := ref.Close(); err != nil {
					t.Error(err)
				}
			}()
			in, err := dataset.Open(filepath.Join(folder, "input.csv"), dataset.Auto, m.Signature, dataset.Options{})
			rows := all(t, in, err)
			expected, err := dataset.OpenExpected(filepath.Join(folder, "expected.csv"), dataset.Auto, m.Signature.Outputs)
			want := all(t, expected, err)
			got, err := ref.Predict(t.Context(), rows, want.Names())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range m.Signature.Outputs {
				if want[o.Name] != nil {
					judge(t, o, o.Rules[e.mode], got[o.Name], want[o.Name])
				}
			}
			if _, err := ref.Predict(t.Context(), rows, []string{"nothing of the kind"}); err == nil || !strings.Contains(err.Error(), "nothing of the kind") {
				t.Errorf("an unknown output gives %v", err)
			}
		})
	}
}

func judge(t *testing.T, o manifest.Output, rule manifest.Rule, got, want *tensor.Tensor) {
	t.Helper()
	c := compare.New(o.Name, rule)
	if err := c.Add(got, want); err != nil {
		t.Fatal(err)
	}
	if r := c.Result(); !r.Within || o.Name == "margin" && r.BitEqual != r.Values {
		t.Errorf("%s: %+v", o.Name, r)
	}
}

func TestADirectoryWithoutAReferenceIsRefused(t *testing.T) {
	_, err := reference.Open(t.TempDir(), &manifest.Manifest{Shards: []manifest.Shard{{}}})
	if err == nil || !strings.Contains(err.Error(), "predict --expect") {
		t.Errorf("got %v", err)
	}
}
