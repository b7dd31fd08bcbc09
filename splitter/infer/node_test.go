package infer_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/infer"
)

// cases is where Debian's libonnx-testdata puts the test cases of the ONNX project.
var cases = flag.String("cases", "/usr/share/libonnx-testdata/data/node", "folder of the ONNX project's node tests")

// TestNodeCasesDeclareWhatIsInferred holds every operator's rule against the models that the ONNX project tests runtimes
// with: the types that they declare for their outputs and the outputs that the reference wrote.
func TestNodeCasesDeclareWhatIsInferred(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(*cases, "*", "model.onnx"))
	if err != nil || len(folders) == 0 {
		t.Skipf("no test cases in %s: install libonnx-testdata", *cases)
	}
	for _, given := range []bool{false, true} {
		t.Run(fmt.Sprintf("inputs=%t", given), func(t *testing.T) { nodeCases(t, folders, given) })
	}
}

// nodeCases infers all models, of their inputs' types alone or with the inputs of the first data set given as constants.
func nodeCases(t *testing.T, folders []string, given bool) {
	read, values, ranked, sized, unknown := 0, 0, 0, 0, map[string]int{}
	for _, path := range folders {
		name := filepath.Base(filepath.Dir(path))
		g := scan(t, path)
		if g == nil {
			continue
		}
		read++
		s := infer.NewScope(g.Opsets)
		for i, in := range g.Inputs {
			if x, ok := reference(t, filepath.Join(filepath.Dir(path), "test_data_set_0", fmt.Sprintf("input_%d.pb", i))); ok && given && in.DType == x.DType() {
				s.Define(in.Name, infer.OfWeight(&graph.Weight{Name: in.Name, DType: x.DType(), Shape: x.Shape(), Data: x.Bytes()}))
			}
		}
		if err := s.Graph(g); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, o := range g.Outputs {
			v := s.Value(o.Name)
			if o.DType == tensor.Invalid {
				continue
			}
			values++
			actual, ok := reference(t, filepath.Join(filepath.Dir(path), "test_data_set_0", fmt.Sprintf("output_%d.pb", i)))
			if err := agrees(v, o, actual, ok); err != nil {
				t.Errorf("%s: output %s (of %s) is inferred as %s: %v", name, o.Name, ops(g), v, err)
			}
			if v.Rank() < 0 {
				unknown[ops(g)]++
				continue
			}
			ranked++
			if !slices.ContainsFunc(v.Dims, func(d infer.Dim) bool { _, fixed := d.Fixed(); return !fixed }) {
				sized++
			}
		}
	}
	t.Logf("%d of %d models read, %d outputs, rank known of %d, every size known of %d; unknown: %v", read, len(folders), values, ranked, sized, unknown)
	if read < len(folders)*8/10 || ranked < values*9/10 {
		t.Errorf("of %d outputs of %d models only %d have a known rank", values, read, ranked)
	}
}

func ops(g *graph.Graph) string {
	var out []string
	for _, n := range g.Nodes {
		out = append(out, n.Op)
	}
	return fmt.Sprint(out[:min(len(out), 3)])
}

func agrees(v infer.Value, o graph.Value, actual *tensor.Tensor, ok bool) error {
	if v.DType != tensor.Invalid && v.DType != o.DType {
		return fmt.Errorf("declared as %s", o.DType)
	}
	if v.Rank() >= 0 && o.Ranked && v.Rank() != len(o.Dims) {
		return fmt.Errorf("declared with %d dimensions", len(o.Dims))
	}
	if v.Rank() < 0 || !ok {
		return nil
	}
	brain := v.DType == tensor.BF16 && actual.DType() == tensor.U16 // numpy, which wrote the files, has no BF16
	if actual.DType() != v.DType && !brain || actual.Rank() != v.Rank() {
		return fmt.Errorf("the reference is %v", actual)
	}
	for i, d := range v.Dims {
		if n, fixed := d.Fixed(); fixed && int64(actual.Dim(i)) != n {
			return fmt.Errorf("the reference is %v", actual)
		}
	}
	return nil
}

// scan reads a model with its constants, nil when the importer does not read its types.
func scan(t *testing.T, path string) *graph.Graph {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Decode(data)
	if err != nil {
		return nil
	}
	return g
}

// reference reads a TensorProto file by making it the only initializer of a model.
func reference(t *testing.T, path string) (*tensor.Tensor, bool) {
	t.Helper()
	proto, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	var g, set, model []byte
	g = protowire.AppendBytes(protowire.AppendTag(g, 5, protowire.BytesType), append(slices.Clone(proto), name("x")...))
	set = protowire.AppendVarint(protowire.AppendTag(set, 2, protowire.VarintType), 17)
	model = protowire.AppendBytes(protowire.AppendTag(model, 7, protowire.BytesType), g)
	model = protowire.AppendBytes(protowire.AppendTag(model, 8, protowire.BytesType), set)
	decoded, err := onnx.Decode(model)
	if err != nil {
		return nil, false
	}
	for _, w := range decoded.Weights {
		if w.DType == tensor.String {
			x, err := tensor.FromStrings(w.Shape, w.Strings)
			return x, err == nil
		}
		data := tensor.Aligned(len(w.Data))
		copy(data, w.Data)
		x, err := tensor.FromBytes(w.DType, w.Shape, data)
		return x, err == nil
	}
	return nil, false
}

// name is the field of a TensorProto that names it.
func name(s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, 8, protowire.BytesType), s)
}
