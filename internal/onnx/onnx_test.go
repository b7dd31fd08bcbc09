package onnx

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// sample is a graph that uses everything that graph.Graph can say.
func sample() *graph.Graph {
	body := sampleBody("body")
	return &graph.Graph{
		Name:   "sample",
		Opsets: map[string]int64{"": 17, "ai.onnx.ml": 3, graph.ShardwiseDomain: 1},
		Inputs: []graph.Value{{Name: "x", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1, Symbol: "batch"}, {Size: 4}}},
			{Name: "any", DType: tensor.F64}, {Name: "scalar", DType: tensor.Bool, Ranked: true}},
		Outputs: []graph.Value{{Name: "y", DType: tensor.F32, Ranked: true, Dims: []graph.Dim{{Size: -1}, {Size: 2}}}},
		Nodes: []*graph.Node{
			{Name: "n0", Op: "Gemm", Inputs: []string{"x", "w", "", "b"}, Outputs: []string{"h"}, Attrs: map[string]graph.Attr{
				"alpha": {Kind: graph.AttrFloat, Float: 0.5}, "transB": {Kind: graph.AttrInt, Int: -1},
				"s": {Kind: graph.AttrString, Str: "a\xffb"}, "ints": {Kind: graph.AttrInts, Ints: []int64{1, -2, 1 << 40}},
				"floats": {Kind: graph.AttrFloats, Floats: []float32{1, -0.25}}, "strs": {Kind: graph.AttrStrings, Strs: []string{"", "x"}},
				"none": {Kind: graph.AttrInts},
				"t":    {Kind: graph.AttrTensor, Tensor: &graph.Weight{DType: tensor.I64, Shape: tensor.Shape{2}, Data: make([]byte, 16)}},
				"g":    {Kind: graph.AttrGraph, Graph: body}, "graphs": {Kind: graph.AttrGraphs, Graphs: []*graph.Graph{sampleBody("first"), sampleBody("second")}},
				"tensors": {Kind: graph.AttrTensors, Tensors: []*graph.Weight{{Name: "t0", DType: tensor.U8, Shape: tensor.Shape{1}, Data: []byte{1}}}},
				"ref":     {Kind: graph.AttrRef, Str: "alpha"}}},
			{Op: "TreeEnsemble", Overload: "v", Domain: graph.ShardwiseDomain, Inputs: []string{"h"}, Outputs: []string{"y", ""}},
		},
		Weights: map[string]*graph.Weight{
			"w":     {Name: "w", DType: tensor.F32, Shape: tensor.Shape{2, 4}, Location: "sub/shard-000.safetensors", Offset: 4096, Length: 32},
			"b":     {Name: "b", DType: tensor.F16, Shape: tensor.Shape{2}, Data: []byte{1, 2, 3, 4}},
			"empty": {Name: "empty", DType: tensor.F32, Shape: tensor.Shape{0}, Data: []byte{}},
			"s":     {Name: "s", DType: tensor.String, Shape: tensor.Shape{2}, Strings: []string{"a", ""}},
			"one":   {Name: "one", DType: tensor.Bool, Data: []byte{1}},
		},
	}
}

// sampleBody reads x of the graph around it and has weights of its own, in the model and in a file.
func sampleBody(name string) *graph.Graph {
	return &graph.Graph{Name: name, Outputs: []graph.Value{{Name: name + "/inner", DType: tensor.F32}},
		Nodes: []*graph.Node{{Op: "Gemm", Inputs: []string{"x", name + "/table", name + "/bias"}, Outputs: []string{name + "/inner"}}},
		Weights: map[string]*graph.Weight{
			name + "/table": {Name: name + "/table", DType: tensor.F32, Shape: tensor.Shape{2, 4}, Location: "shard-000.safetensors", Offset: 64, Length: 32},
			name + "/bias":  {Name: name + "/bias", DType: tensor.F32, Shape: tensor.Shape{1}, Data: []byte{1, 2, 3, 4}}}}
}

func mustEncode(t testing.TB, g *graph.Graph) []byte {
	t.Helper()
	b, err := Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeGivesBackWhatEncodeWrote(t *testing.T) {
	want := sample()
	got, err := Decode(mustEncode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("decoded\n%+v\nwanted\n%+v", got, want)
	}
}

func TestEncodeIsDeterministic(t *testing.T) {
	first := mustEncode(t, sample())
	for range 20 {
		if !bytes.Equal(first, mustEncode(t, sample())) {
			t.Fatal("the same graph gave other bytes")
		}
	}
}

func TestEncodeRefusesWhatHasNoForm(t *testing.T) {
	for name, change := range map[string]func(*graph.Graph){
		"no data":        func(g *graph.Graph) { g.Weights["b"].Data = nil },
		"short data":     func(g *graph.Graph) { g.Weights["b"].Data = []byte{1} },
		"dtype":          func(g *graph.Graph) { g.Weights["b"].DType = tensor.Invalid },
		"shape":          func(g *graph.Graph) { g.Weights["b"].Shape = tensor.Shape{-1} },
		"strings":        func(g *graph.Graph) { g.Weights["s"].Strings = nil },
		"undefined attr": func(g *graph.Graph) { g.Nodes[0].Attrs["x"] = graph.Attr{Str: "a type"} },
	} {
		g := sample()
		change(g)
		var unsupported *UnsupportedError
		if _, err := Encode(g); !errors.As(err, &unsupported) {
			t.Errorf("%s: error %v, wanted an *UnsupportedError", name, err)
		}
	}
}

// countingReader notes the largest and the total amount that is read.
type countingReader struct {
	r              *bytes.Reader
	largest, total int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.largest, c.total = max(c.largest, len(p)), c.total+len(p)
	return c.r.ReadAt(p, off)
}

func TestScanLoadsNoWeights(t *testing.T) {
	const rows = 4 << 20
	g := &graph.Graph{Opsets: map[string]int64{"": 17}, Weights: map[string]*graph.Weight{}}
	data := make([]byte, rows)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, name := range []string{"a", "b", "c"} {
		g.Weights[name] = &graph.Weight{Name: name, DType: tensor.U8, Shape: tensor.Shape{rows}, Data: data}
	}
	file := mustEncode(t, g)
	r := &countingReader{r: bytes.NewReader(file)}
	m, err := Scan(r, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if r.largest > windowBytes || r.total > 8*windowBytes {
		t.Errorf("read %d bytes, %d at once, of a file of %d", r.total, r.largest, len(file))
	}
	for name, w := range m.Graph.Weights {
		if w.Data != nil || !bytes.Equal(file[w.Offset:w.Offset+w.Length], data) {
			t.Errorf("weight %s: loaded, or its range is not its bytes", name)
		}
		if got, err := m.Data(w); err != nil || !bytes.Equal(got, data) {
			t.Errorf("weight %s: Data differs, error %v", name, err)
		}
	}
}

// proto builds messages by hand, in forms that Encode does not write.
type proto []byte

func (p proto) varint(num protowire.Number, v uint64) proto { return appendVarint(p, num, v) }
func (p proto) text(num protowire.Number, s string) proto   { return appendText(p, num, s) }
func (p proto) msg(num protowire.Number, b proto) proto     { return appendMessage(p, num, b) }
func (p proto) fixed32(num protowire.Number, v uint32) proto {
	return protowire.AppendFixed32(protowire.AppendTag(p, num, protowire.Fixed32Type), v)
}

// model wraps a GraphProto.
func model(g proto) proto {
	return proto{}.varint(modelIRVersion, 8).msg(modelOpset, proto{}.varint(opsetVersion, 13)).msg(modelGraph, g)
}

// initializer wraps a TensorProto with a name.
func initializer(tp proto) proto {
	return model(proto{}.msg(graphInitializer, tp.text(tensorName, "w")))
}

func packed(values ...uint64) proto {
	var p []byte
	for _, v := range values {
		p = protowire.AppendVarint(p, v)
	}
	return p
}

func TestTypedDataInEveryForm(t *testing.T) {
	minus := func(i int64) uint64 { return uint64(i) }
	cases := map[string]struct {
		tensor proto
		dtype  tensor.DType
		want   []byte
	}{
		"float_data packed":   {proto{}.varint(1, 2).varint(2, 1).msg(4, proto{0, 0, 128, 63, 0, 0, 0, 64}), tensor.F32, []byte{0, 0, 128, 63, 0, 0, 0, 64}},
		"float_data unpacked": {proto{}.varint(1, 2).varint(2, 1).fixed32(4, 0x3f800000).fixed32(4, 0x40000000), tensor.F32, []byte{0, 0, 128, 63, 0, 0, 0, 64}},
		"float_data mixed":    {proto{}.fixed32(4, 0x3f800000).varint(2, 1).msg(4, proto{0, 0, 0, 64}).varint(1, 2), tensor.F32, []byte{0, 0, 128, 63, 0, 0, 0, 64}},
		"f16 patterns":        {proto{}.varint(1, 2).varint(2, 10).msg(5, packed(0x3c00, 0xfbff)), tensor.F16, []byte{0, 0x3c, 0xff, 0xfb}},
		"bf16 pattern":        {proto{}.varint(1, 1).varint(2, 16).varint(5, 0x3f80), tensor.BF16, []byte{0x80, 0x3f}},
		"int8 negative":       {proto{}.varint(1, 2).varint(2, 3).msg(5, packed(minus(-128), 127)), tensor.I8, []byte{0x80, 0x7f}},
		"int32":               {proto{}.varint(1, 1).varint(2, 6).varint(5, minus(-2)), tensor.I32, []byte{0xfe, 0xff, 0xff, 0xff}},
		"int64":               {proto{}.msg(1, packed(1)).varint(2, 7).msg(7, packed(minus(-1))), tensor.I64, bytes.Repeat([]byte{255}, 8)},
		"uint32":              {proto{}.varint(1, 1).varint(2, 12).varint(11, 0xffffffff), tensor.U32, bytes.Repeat([]byte{255}, 4)},
		"bool":                {proto{}.varint(1, 2).varint(2, 9).msg(5, packed(1, 0)), tensor.Bool, []byte{1, 0}},
		"scalar":              {proto{}.varint(2, 2).varint(5, 200), tensor.U8, []byte{200}},
	}
	for name, c := range cases {
		file := initializer(c.tensor)
		g, err := Decode(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w := g.Weights["w"]; w.DType != c.dtype || !bytes.Equal(w.Data, c.want) {
			t.Errorf("%s: %s % x, wanted %s % x", name, w.DType, w.Data, c.dtype, c.want)
		}
		m, err := Scan(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := m.Data(m.Graph.Weights["w"]); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: scanned % x, wanted % x, error %v", name, got, c.want, err)
		}
	}
}

func TestLargeNumberListIsDecodedWhenAskedFor(t *testing.T) {
	const n = inlineBytes
	var list proto
	want := make([]byte, 2*n)
	for i := range n {
		list = protowire.AppendVarint(list, uint64(i%65536))
		want[2*i], want[2*i+1] = byte(i), byte(i>>8)
	}
	file := initializer(proto{}.varint(1, n).varint(2, 10).msg(5, list))
	m, err := Scan(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	w := m.Graph.Weights["w"]
	if w.Data != nil || w.Length != 0 {
		t.Errorf("the list was decoded at once")
	}
	if got, err := m.Data(w); err != nil || !bytes.Equal(got, want) {
		t.Errorf("Data differs, error %v", err)
	}
}
