package infer_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// types is a folder that testdata/shapes.py wrote.
var types = flag.String("types", "", "folder of models with what onnx.shape_inference knows of them")

// TestTypesAgreeWithONNX compares every value's type with what onnx.shape_inference finds: dtypes and ranks that both know
// are the same, and so are sizes.
func TestTypesAgreeWithONNX(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(*types, "*.json"))
	if *types == "" || err != nil || len(paths) == 0 {
		t.Skip("no -types folder: run testdata/shapes.py")
	}
	both, less, more := 0, map[string]int{}, 0
	for _, path := range paths {
		g := scan(t, strings.TrimSuffix(path, ".json")+".onnx")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var known map[string]struct {
			Type int64
			Dims []int64
		}
		if err := json.Unmarshal(data, &known); err != nil {
			t.Fatal(err)
		}
		if g == nil {
			continue
		}
		s := infer.NewScope(g.Opsets)
		if err := s.Graph(g); err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		for name, k := range known {
			v := s.Value(name)
			d, _ := onnx.DTypeOf(k.Type)
			if d != tensor.Invalid && v.DType != tensor.Invalid && d != v.DType {
				t.Errorf("%s: %s is inferred as %s, by onnx as %s", filepath.Base(path), name, v, d)
			}
			switch {
			case k.Dims == nil && v.Rank() >= 0:
				more++
				continue
			case v.Rank() < 0 && k.Dims != nil:
				less[ops(g)]++
				continue
			case k.Dims == nil:
				continue
			case v.Rank() != len(k.Dims):
				t.Errorf("%s: %s is inferred as %s, by onnx with sizes %v", filepath.Base(path), name, v, k.Dims)
				continue
			}
			for i, n := range k.Dims {
				mine, fixed := v.Dims[i].Fixed()
				switch {
				case fixed && n >= 0 && mine != n:
					t.Errorf("%s: %s is inferred as %s, by onnx with sizes %v", filepath.Base(path), name, v, k.Dims)
				case fixed && n < 0:
					more++
				case !fixed && n >= 0:
					less[ops(g)]++
				default:
					both++
				}
			}
		}
	}
	t.Logf("%d models: %d sizes alike, %d more known than onnx knows, less known: %v", len(paths), both, more, less)
}
