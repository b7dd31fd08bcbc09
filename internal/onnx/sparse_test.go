package onnx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

func int64s(values ...int64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func sparseOf(shape tensor.Shape, count int, indices ...int) *graph.Weight {
	return &graph.Weight{Name: "w", DType: tensor.F32, Shape: shape, Sparse: &graph.Sparse{
		Values: &graph.Weight{Name: "w", DType: tensor.F32, Shape: tensor.Shape{count}}, Indices: &graph.Weight{DType: tensor.I64, Shape: indices}}}
}

// However a sparse tensor is read, the bytes are those of the dense one.
func TestSparseReaderIsTheDenseTensor(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		shape := tensor.Shape{1 + rng.IntN(4), 1 + rng.IntN(5), 1 + rng.IntN(6)}
		n, err := shape.Elements()
		if err != nil {
			t.Fatal(err)
		}
		dense := make([]byte, 4*n)
		var values, linear, coordinates []byte
		count := 0
		for i := range n {
			if rng.IntN(3) > 0 {
				continue
			}
			v := binary.LittleEndian.AppendUint32(nil, rng.Uint32())
			copy(dense[4*i:], v)
			values, linear = append(values, v...), append(linear, int64s(int64(i))...)
			coordinates = append(coordinates, int64s(int64(i/(shape[1]*shape[2])), int64(i/shape[2]%shape[1]), int64(i%shape[2]))...)
			count++
		}
		for _, form := range []struct {
			w       *graph.Weight
			indices []byte
		}{{sparseOf(shape, count, count), linear}, {sparseOf(shape, count, count, 3), coordinates}} {
			r, err := SparseReader(form.w, values, form.indices)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				off, p := rng.IntN(len(dense)), make([]byte, rng.IntN(len(dense)+8))
				got, err := r.ReadAt(p, int64(off))
				want := min(len(p), len(dense)-off)
				if got != want || (err == io.EOF) != (want < len(p)) || !bytes.Equal(p[:got], dense[off:off+want]) {
					t.Fatalf("shape %v: %d bytes at %d: %d read, error %v", shape, len(p), off, got, err)
				}
			}
		}
	}
}

func TestSparseReaderRefusesWrongIndices(t *testing.T) {
	for name, c := range map[string]struct {
		w       *graph.Weight
		indices []byte
		want    string
	}{
		"outside":            {sparseOf(tensor.Shape{2, 2}, 2, 2), int64s(0, 4), "index 1 is 4"},
		"negative":           {sparseOf(tensor.Shape{2, 2}, 2, 2), int64s(-1, 3), "index 0 is -1"},
		"twice":              {sparseOf(tensor.Shape{2, 2}, 2, 2), int64s(1, 1), "ascend"},
		"descending":         {sparseOf(tensor.Shape{2, 2}, 2, 2), int64s(3, 1), "ascend"},
		"coordinate outside": {sparseOf(tensor.Shape{2, 2}, 2, 2, 2), int64s(0, 0, 0, 2), "along dimension 1"},
	} {
		if _, err := SparseReader(c.w, make([]byte, 8), c.indices); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted %q", name, err, c.want)
		}
	}
}

// tensorProto is a TensorProto with raw data.
func tensorProto(name string, number uint64, raw []byte, dims ...uint64) proto {
	p := proto{}
	for _, d := range dims {
		p = p.varint(tensorDims, d)
	}
	return p.varint(tensorType, number).text(tensorName, name).msg(tensorRaw, raw)
}

func sparseProto(values, indices proto, dims ...uint64) proto {
	p := proto{}.msg(sparseValues, values).msg(sparseIndices, indices)
	for _, d := range dims {
		p = p.varint(sparseDims, d)
	}
	return p
}

func TestSparseInitializersAreRead(t *testing.T) {
	file := model(proto{}.msg(graphSparse, sparseProto(tensorProto("w", 3, []byte{7, 9}, 2), tensorProto("", 7, int64s(1, 5), 2), 2, 3)))
	want := []byte{0, 7, 0, 0, 0, 9}
	g, err := Decode(file)
	if err != nil || !slices.Equal(g.Weights["w"].Data, want) || g.Weights["w"].Sparse != nil {
		t.Fatalf("decoded %+v, error %v", g, err)
	}
	m, err := Scan(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	w := m.Graph.Weights["w"]
	if w.Sparse == nil || w.Data != nil || !w.Shape.Equal(tensor.Shape{2, 3}) || w.DType != tensor.I8 {
		t.Errorf("scanned %+v", w)
	}
	// A sparse weight is written as one.
	m.Graph.Weights["w"].Sparse.Values.Data, m.Graph.Weights["w"].Sparse.Indices.Data = []byte{7, 9}, int64s(1, 5)
	again, err := Decode(mustEncode(t, m.Graph))
	if err != nil || !slices.Equal(again.Weights["w"].Data, want) {
		t.Errorf("written and decoded %+v, error %v", again, err)
	}
}

func TestContradictorySparseTensorsAreRefused(t *testing.T) {
	values, indices := tensorProto("w", 3, []byte{7, 9}, 2), tensorProto("", 7, int64s(1, 5), 2)
	for name, c := range map[string]struct {
		sparse proto
		want   string
	}{
		"no indices":       {proto{}.msg(sparseValues, values).varint(sparseDims, 6), "missing"},
		"too many values":  {sparseProto(values, indices, 1), "at most as many"},
		"wrong indices":    {sparseProto(values, tensorProto("", 7, int64s(1), 1), 6), "wanted I64 [2] or [2, 1]"},
		"indices of I32":   {sparseProto(values, tensorProto("", 6, make([]byte, 8), 2), 6), "I32[2]"},
		"matrix of values": {sparseProto(tensorProto("w", 3, []byte{7, 9}, 1, 2), indices, 6), "wanted a vector"},
		"strings":          {sparseProto(proto{}.varint(tensorDims, 1).varint(tensorType, 8).text(tensorName, "w").text(tensorStringData, "a"), indices, 6), "strings"},
		"huge":             {sparseProto(values, indices, 1<<40, 1<<40), "elements"},
		"outside":          {sparseProto(values, indices, 5), "index 1 is 5"},
		"too dense":        {sparseProto(values, indices, 1<<40), "dense"},
	} {
		_, err := Decode(model(proto{}.msg(graphSparse, c.sparse)))
		var format *FormatError
		var unsupported *UnsupportedError
		if !errors.As(err, &format) && !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, wanted %q", name, err, c.want)
		}
	}
}
