package splitter

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// expertsFile writes a model file of six experts, of which each row takes the best, in the operators of ai.onnx alone.
func expertsFile(t *testing.T) string {
	t.Helper()
	m := newRouteModel(seed(t))
	const count, columns, inner = 6, 48, 1024
	op := func(name, out string, attrs map[string]graph.Attr, in ...string) string {
		m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: out, Op: name, Inputs: in, Outputs: []string{out}, Attrs: attrs})
		return out
	}
	number := func(v int64) graph.Attr { return graph.Attr{Kind: graph.AttrInt, Int: v} }
	ints := func(name string, v ...int64) string {
		x, err := tensor.FromSlice(tensor.I64, v, len(v))
		if err != nil {
			t.Fatal(err)
		}
		return m.weight(name, x)
	}
	x := m.input("x", tensor.F32, -1, columns)
	op("Softmax", "scores", nil, op("MatMul", "logits", nil, x, m.weight("router", m.floats(columns, count))))
	m.g.Nodes = append(m.g.Nodes, &graph.Node{Name: "top", Op: "TopK", Inputs: []string{"scores", ints("k", 1)}, Outputs: []string{"best", "chosen"}})
	y := ""
	for e := range count {
		name := func(s string) string { return fmt.Sprintf("e%d.%s", e, s) }
		hit := op("Cast", name("hit"), map[string]graph.Attr{"to": number(1)}, op("Equal", name("is"), nil, "chosen", ints(name("number"), int64(e))))
		h := op("Relu", name("relu"), nil, op("MatMul", name("up"), nil, x, m.weight(name("w1"), m.floats(columns, inner))))
		part := op("Mul", name("part"), nil, op("Mul", name("gate"), nil, "best", hit), op("MatMul", name("down"), nil, h, m.weight(name("w2"), m.floats(inner, columns))))
		if y == "" {
			y = part
			continue
		}
		y = op("Add", name("sum"), nil, y, part)
	}
	m.typed(y, tensor.F32, -1, columns)
	m.output(y)
	data, err := onnx.Encode(m.g)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "experts.onnx")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
