package parity

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sbinet/npyio/npy"

	"github.com/shardwise/shardwise/internal/tensor"
)

// testCase is what case.json says: a model with inputs and the library's own outputs, as array name -> .npy file.
type testCase struct {
	Name      string
	Kind      string // "xgboost", "onnx", "sklearn", "ensemble" or "network"
	Library   string
	Version   string
	Seed      int
	Model     string
	Objective string // XGBoost
	Trees     int    // XGBoost
	Members   int    // ensembles
	Inputs    map[string]string
	Outputs   map[string]string

	dir string
}

// parityDir is the directory of the cases. Without one the test is skipped, unless it is required.
func parityDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SHARDWISE_PARITY_DIR")
	if dir != "" {
		return dir
	}
	const how = "SHARDWISE_PARITY_DIR names no directory; run tests/reference/run.sh DIR and set it to DIR"
	if os.Getenv("SHARDWISE_REQUIRE_PARITY") == "1" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// readCases reads every case of one kind, in the order of their names. Fewer than least is a failure.
func readCases(t *testing.T, kind string, least int) []testCase {
	t.Helper()
	dir := parityDir(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	for _, e := range entries {
		c, err := readCase(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if c.Kind == kind {
			cases = append(cases, c)
		}
	}
	if len(cases) < least {
		t.Fatalf("%s holds %d cases of %s, at least %d were wanted; run tests/reference/run.sh again", dir, len(cases), kind, least)
	}
	return cases
}

func readCase(dir string) (testCase, error) {
	c := testCase{dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", dir, err)
	}
	if len(c.Inputs) == 0 || len(c.Outputs) == 0 || c.Model == "" {
		return c, fmt.Errorf("%s: case.json names no model, inputs or outputs", dir)
	}
	return c, nil
}

func (c testCase) model() string { return filepath.Join(c.dir, c.Model) }

// arrays reads the named arrays.
func (c testCase) arrays(t *testing.T, files map[string]string) tensor.Named {
	t.Helper()
	out := tensor.Named{}
	for name, file := range files {
		a, err := readArray(filepath.Join(c.dir, file))
		if err != nil {
			t.Fatalf("%s: array %s: %v", c.Name, name, err)
		}
		out[name] = a
	}
	return out
}

// readArray reads a .npy file, or a .json file of strings.
func readArray(path string) (*tensor.Tensor, error) {
	if filepath.Ext(path) == ".json" {
		return readStrings(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := npy.NewReader(f)
	if err != nil {
		return nil, err
	}
	if r.Header.Descr.Fortran {
		return nil, errors.New("the array is in Fortran order")
	}
	shape := slices.Clone(r.Header.Descr.Shape)
	switch d := r.Header.Descr.Type; d {
	case "<f4":
		return elements[float32](r, tensor.F32, shape)
	case "<f8":
		return elements[float64](r, tensor.F64, shape)
	case "|b1":
		return elements[bool](r, tensor.Bool, shape)
	case "|u1":
		return elements[uint8](r, tensor.U8, shape)
	case "<i4":
		return elements[int32](r, tensor.I32, shape)
	case "<i8":
		return elements[int64](r, tensor.I64, shape)
	default:
		return nil, fmt.Errorf("arrays of dtype %s are not read here", d)
	}
}

func readStrings(path string) (*tensor.Tensor, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var array struct {
		Shape   tensor.Shape
		Strings []string
	}
	if err := json.Unmarshal(text, &array); err != nil {
		return nil, err
	}
	return tensor.FromStrings(array.Shape, array.Strings)
}

func elements[T tensor.Element](r *npy.Reader, d tensor.DType, shape []int) (*tensor.Tensor, error) {
	var values []T
	if err := r.Read(&values); err != nil {
		return nil, err
	}
	return tensor.FromSlice(d, values, shape...)
}
