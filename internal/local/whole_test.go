package local_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/local"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/layout"
)

// single splits a model of testdata into one shard and serves it.
func single(t *testing.T, name string) *local.Deployment {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "parts")
	if _, err := splitter.Split(t.Context(), filepath.Join("testdata", name+".onnx"), dir, layout.Options{Shards: 1}, nil); err != nil {
		t.Fatal(err)
	}
	return start(t, load(t, dir))
}

// given opens the inputs of a model of testdata.
func given(t *testing.T, d *local.Deployment, name string) *dataset.Reader {
	t.Helper()
	r, err := dataset.Open(filepath.Join("testdata", name+".in.npz"), dataset.Auto, d.Manifest.Signature, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// all reads everything.
func all(t *testing.T, r *dataset.Reader) tensor.Named {
	t.Helper()
	in, err := r.Next(math.MaxInt32)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(1); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one batch: %v", err)
	}
	return in
}

// The testdata are models and what ONNX Runtime computes for them (testdata/generate.py): a recurrent cell with fixed shapes,
// token ids of two symbolic dimensions, two inputs of different lengths, a scalar output, and inputs without rows.
func TestAnyModelRunsAsOneShard(t *testing.T) {
	for _, c := range []struct {
		name, rows, signature string
	}{
		{"lstm", manifest.RowsNone, "x [1 5 3], h0 [1 4], c0 [1 4] -> sequence [1 5 4], memory [1 4]"},
		{"tokens", "", "ids [batch words] -> scores [batch 3], hidden [batch words 6]"},
		{"pairs", "", "a [batch 3], b [m 3] -> products [batch m]"},
		{"total", manifest.RowsNone, "x [batch 4] -> mean [], shifted [batch 2]"},
		{"vector", manifest.RowsNone, "v [6], factor [] -> scaled [6], best []"},
		{"folded", "", "x [batch words 80] -> shifted [batch words 40]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := single(t, c.name)
			sig := d.Manifest.Signature
			if sig.Rows != c.rows || describe(sig) != c.signature {
				t.Fatalf("rows %q, signature %s; wanted %q, %s", sig.Rows, describe(sig), c.rows, c.signature)
			}
			want, err := dataset.OpenExpected(filepath.Join("testdata", c.name+".out.npz"), dataset.Auto, sig.Outputs)
			if err != nil {
				t.Fatal(err)
			}
			defer want.Close()
			expected := all(t, want)
			chunks := 0
			err = d.Stream(t.Context(), given(t, d, c.name), local.Request{}, func(k local.Chunk) error {
				chunks++
				for _, o := range sig.Outputs {
					near(t, o, k.Outputs[o.Name], expected[o.Name])
				}
				return nil
			})
			if err != nil || chunks != 1 {
				t.Fatalf("%d chunks, error %v", chunks, err)
			}
		})
	}
}

func describe(s manifest.Signature) string {
	var in, out []string
	for _, i := range s.Inputs {
		in = append(in, fmt.Sprint(i.Name, " ", i.Shape))
	}
	for _, o := range s.Outputs {
		out = append(out, fmt.Sprint(o.Name, " ", o.Shape))
	}
	return strings.Join(in, ", ") + " -> " + strings.Join(out, ", ")
}

// near holds an output against ONNX Runtime's: floats within 1e-5 of the largest value, other types the same.
func near(t *testing.T, o manifest.Output, got, want *tensor.Tensor) {
	t.Helper()
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s is %v, wanted %v", o.Name, got, want)
	}
	a, err1 := tensor.Convert(got, tensor.F64)
	b, err2 := tensor.Convert(want, tensor.F64)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	scale := 0.0
	for _, v := range tensor.Of[float64](b) {
		scale = max(scale, math.Abs(v))
	}
	if !got.DType().Float() {
		scale = 0
	}
	for i, v := range tensor.Of[float64](b) {
		if diff := math.Abs(tensor.Of[float64](a)[i] - v); diff > 1e-5*scale {
			t.Fatalf("%s: element %d is %v, wanted %v", o.Name, i, tensor.Of[float64](a)[i], v)
		}
	}
}

// A symbol has one size in a request, and a fixed dimension is met exactly: what does not is refused before any shard is
// asked.
func TestShapesOfARequestMustFit(t *testing.T) {
	for name, c := range map[string]struct {
		model string
		in    tensor.Named
		want  string
	}{
		"another batch than the fixed one": {"lstm", tensor.Named{"x": tensor.New(tensor.F32, 2, 5, 3), "h0": tensor.New(tensor.F32, 1, 4), "c0": tensor.New(tensor.F32, 1, 4)},
			`input "x": wanted shape [1, 5, 3], found [2, 5, 3]`},
		"an input too few":  {"lstm", tensor.Named{"x": tensor.New(tensor.F32, 1, 5, 3)}, `input "h0": is missing`},
		"rank":              {"tokens", tensor.Named{"ids": tensor.New(tensor.I64, 3)}, `wanted shape [batch, words], found [3]`},
		"dtype":             {"tokens", tensor.Named{"ids": tensor.New(tensor.F32, 3, 2)}, `wanted dtype I64, found F32`},
		"a vector's length": {"vector", tensor.Named{"v": tensor.New(tensor.F32, 5), "factor": tensor.New(tensor.F32)}, `wanted shape [6], found [5]`},
		"no scalar":         {"vector", tensor.Named{"v": tensor.New(tensor.F32, 6), "factor": tensor.New(tensor.F32, 1)}, `wanted shape [], found [1]`},
	} {
		t.Run(name, func(t *testing.T) {
			d := single(t, c.model)
			_, err := d.Predict(t.Context(), c.in, local.Request{})
			if shard.KindOf(err) != shard.BadInput || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, wanted a bad input with %q", err, c.want)
			}
			if n := d.Processes()[d.Functions[1].Name]; n != 0 {
				t.Fatalf("%d processes of the shard were started", n)
			}
		})
	}
}

// Independent rows are cut into blocks, with inputs that have no rows beside each; the rows of other models stay together.
func TestOnlyIndependentRowsAreCut(t *testing.T) {
	const many = 300_000
	d := single(t, "pairs")
	a, b := tensor.New(tensor.F32, many, 3), tensor.New(tensor.F32, 1, 3)
	for i := range tensor.Of[float32](a) {
		tensor.Of[float32](a)[i] = float32(i % 7)
	}
	copy(tensor.Of[float32](b), []float32{1, 10, 100})
	rows, chunks := 0, 0
	src := &table{in: tensor.Named{"a": a, "b": b}, cut: "a"}
	err := d.Stream(t.Context(), src, local.Request{}, func(k local.Chunk) error {
		x, y := tensor.Of[float32](k.Inputs["a"]), tensor.Of[float32](k.Outputs["products"])
		for i := range y {
			if want := x[3*i] + 10*x[3*i+1] + 100*x[3*i+2]; y[i] != want {
				return fmt.Errorf("row %d is %v, wanted %v", rows+i, y[i], want)
			}
		}
		rows, chunks = rows+k.Rows, chunks+1
		return nil
	})
	if err != nil || rows != many || chunks < 2 {
		t.Fatalf("%d rows in %d chunks, error %v", rows, chunks, err)
	}

	d = single(t, "total")
	x := tensor.New(tensor.F32, 5000, 4)
	for i := range tensor.Of[float32](x) {
		tensor.Of[float32](x)[i] = 1
	}
	err = d.Stream(t.Context(), &table{in: tensor.Named{"x": x}, cut: "x"}, local.Request{}, func(k local.Chunk) error {
		if mean := tensor.Of[float32](k.Outputs["mean"])[0]; mean != 1 || k.Outputs["shifted"].Dim(0) != 5000 || k.Report.Blocks != 1 {
			return fmt.Errorf("mean %v, %v, in %d blocks", mean, k.Outputs["shifted"], k.Report.Blocks)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// table is a Source of the rows of one input, with the others whole.
type table struct {
	in  tensor.Named
	cut string
	at  int
}

func (s *table) Next(maxRows int) (tensor.Named, error) {
	x := s.in[s.cut]
	if s.at == x.Dim(0) {
		return nil, io.EOF
	}
	hi := min(x.Dim(0), s.at+maxRows)
	part, err := x.Rows(s.at, hi)
	s.at = hi
	out := tensor.Named{}
	for name, t := range s.in {
		out[name] = t
	}
	out[s.cut] = part
	return out, err
}
