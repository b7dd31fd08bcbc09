package onnx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/splitter/layout"
)

// zeroed is a weight of zeros.
func zeroed(d tensor.DType, shape ...int) *graph.Weight {
	return &graph.Weight{DType: d, Shape: shape, Data: tensor.New(d, shape...).Bytes()}
}

func axisAttr(v int64) map[string]graph.Attr {
	return map[string]graph.Attr{"axis": {Kind: graph.AttrInt, Int: v}}
}

// What no request could ever run is refused when the model is split, by the name of the node.
func TestWhatNoRequestCouldRunIsRefused(t *testing.T) {
	activation := func(op string, attrs map[string]graph.Attr, weights ...*graph.Weight) func(*graph.Graph) {
		return func(g *graph.Graph) {
			g.Nodes[1].Op, g.Nodes[1].Attrs = op, attrs
			for i, w := range weights {
				name := string(rune('a' + i))
				g.Weights[name] = w
				g.Nodes[1].Inputs = append(g.Nodes[1].Inputs, name)
			}
		}
	}
	gemm := func(c *graph.Weight) func(*graph.Graph) {
		return func(g *graph.Graph) {
			g.Nodes[2].Op, g.Nodes[2].Inputs = "Gemm", append(g.Nodes[2].Inputs, "c")
			g.Weights["c"] = c
		}
	}
	for name, c := range map[string]struct {
		change func(*graph.Graph)
		want   string
	}{
		"booleans": {func(g *graph.Graph) {
			g.Inputs[0].DType, g.Outputs[0].DType = tensor.Bool, tensor.Bool
			g.Weights["w0"], g.Weights["w1"] = zeroed(tensor.Bool, 4, 6), zeroed(tensor.Bool, 6, 3)
		}, "node first (MatMul): its input 0 (x) is BOOL, wanted"},
		"two half types": {func(g *graph.Graph) {
			g.Nodes[2].Inputs[0] = "h16"
			g.Nodes[1].Op, g.Nodes[1].Outputs[0] = "Cast", "h16"
			g.Nodes[1].Attrs = map[string]graph.Attr{"to": {Kind: graph.AttrInt, Int: onnx.TypeNumber(tensor.BF16)}}
			g.Weights["w1"], g.Outputs[0].DType = zeroed(tensor.F16, 6, 3), tensor.BF16
		}, "node second (MatMul): its inputs 0 (h16) and 1 (w1) are BF16 and F16"},
		"integers through an activation": {func(g *graph.Graph) {
			g.Nodes[0] = &graph.Node{Name: "first", Op: "Shape", Inputs: []string{"x"}, Outputs: []string{"h"}}
			g.Nodes, g.Outputs = g.Nodes[:2], []graph.Value{{Name: "z", DType: tensor.I64}}
			g.Nodes[1].Op = "Sigmoid"
		}, "node act (Sigmoid)"},
		"softmax axis":      {activation("Softmax", axisAttr(2)), "node act (Softmax): axis 2 does not exist"},
		"log softmax axis":  {activation("LogSoftmax", axisAttr(-3)), "node act (LogSoftmax): axis"},
		"flatten axis":      {activation("Flatten", axisAttr(3)), "node act (Flatten): axis 3 does not exist"},
		"argmax axis":       {activation("ArgMax", axisAttr(2)), "node act (ArgMax): axis 2"},
		"concat types":      {activation("Concat", axisAttr(0), zeroed(tensor.F64, 1, 6)), "node act (Concat): its inputs 0 and 1 are F32 and F64"},
		"concat shapes":     {activation("Concat", axisAttr(0), zeroed(tensor.F32, 1, 5)), "node act (Concat)"},
		"gather index":      {activation("Gather", axisAttr(1), indices(0, 1, 2, 3, 4, 6)), "node act (Gather): index 6"},
		"perm":              {activation("Transpose", map[string]graph.Attr{"perm": {Kind: graph.AttrInts, Ints: []int64{1, 1}}}), "node act (Transpose): perm"},
		"clip bound":        {activation("Clip", nil, zeroed(tensor.F32, 2)), "node act (Clip): bound"},
		"unsqueeze":         {activation("Unsqueeze", nil, indices(0, 0)), "node act (Unsqueeze): axis 0 stands twice in [0 0]"},
		"product":           {func(g *graph.Graph) { g.Weights["w1"] = zeroed(tensor.F32, 5, 3) }, "node second (MatMul): its operands F32[batch, 6] and F32[5, 3] cannot be multiplied"},
		"gemm product":      {func(g *graph.Graph) { gemm(zeroed(tensor.F32, 3))(g); g.Weights["w1"] = zeroed(tensor.F32, 5, 3) }, "node second (Gemm): the inner"},
		"gemm C columns":    {gemm(zeroed(tensor.F32, 4)), "node second (Gemm): its input 2 is F32[4]"},
		"gemm C rows":       {gemm(zeroed(tensor.F32, 5, 3)), "node second (Gemm): C has shape [5 3]"},
		"gemm C rank":       {gemm(zeroed(tensor.F32, 1, 1, 3)), "node second (Gemm): its input 2 is F32[1, 1, 3]"},
		"gemm C type":       {gemm(zeroed(tensor.F64, 3)), "node second (Gemm): its inputs 0 and 2 are F32 and F64"},
		"declared type":     {func(g *graph.Graph) { g.Outputs[0].DType = tensor.F64 }, "output y: the file declares it as F64, its nodes compute F32"},
		"channels":          {activation("BatchNormalization", nil, zeroed(tensor.F32, 5), zeroed(tensor.F32, 5), zeroed(tensor.F32, 5), zeroed(tensor.F32, 5)), "node act (BatchNormalization)"},
		"softmax of scalar": {activation("Softmax", axisAttr(5)), "axis 5"},
	} {
		t.Run(name, func(t *testing.T) {
			g := layers()
			c.change(g)
			data, err := onnx.Encode(g)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = trySplit(t, write(t, data), layout.Options{Shards: 1, Engine: "native"})
			var refused *layout.RefusalError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || refused.Remedy == "" {
				t.Errorf("error %v, wanted a refusal with %q and a remedy", err, c.want)
			}
		})
	}
}

// What runs stays: every shape of C that broadcasts, and a dead node that could not run.
func TestWhatRunsIsNotRefused(t *testing.T) {
	for name, change := range map[string]func(*graph.Graph){
		"scalar C":      func(g *graph.Graph) { g.Weights["c"] = zeroed(tensor.F32) },
		"one column":    func(g *graph.Graph) { g.Weights["c"] = zeroed(tensor.F32, 1) },
		"columns":       func(g *graph.Graph) { g.Weights["c"] = zeroed(tensor.F32, 3) },
		"one row":       func(g *graph.Graph) { g.Weights["c"] = zeroed(tensor.F32, 1, 3) },
		"fixed rows":    func(g *graph.Graph) { g.Weights["c"], g.Inputs[0].Dims[0].Size = zeroed(tensor.F32, 5, 3), 5 },
		"one of a kind": func(g *graph.Graph) { g.Weights["c"] = zeroed(tensor.F32, 1, 1) },
		"a dead node": func(g *graph.Graph) {
			g.Weights["c"] = zeroed(tensor.F32, 3)
			g.Nodes = append(g.Nodes, &graph.Node{Name: "dead", Op: "Softmax", Inputs: []string{"h"}, Outputs: []string{"dead"}, Attrs: axisAttr(7)})
		},
	} {
		g := layers()
		g.Nodes[2].Op, g.Nodes[2].Inputs = "Gemm", append(g.Nodes[2].Inputs, "c")
		change(g)
		data, err := onnx.Encode(g)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := trySplit(t, write(t, data), layout.Options{Shards: 2}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func indices(v ...int64) *graph.Weight {
	w := zeroed(tensor.I64, len(v))
	for i, x := range v {
		w.Data[8*i] = byte(x)
	}
	return w
}
