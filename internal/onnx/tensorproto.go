package onnx

import (
	"fmt"
	"math"
	"path"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// inlineBytes is the size up to which Scan keeps a tensor that is stored as a list of numbers: shapes and axes.
const inlineBytes = 64 << 10

// tensorParts is a TensorProto before its data are placed.
type tensorParts struct {
	name     string
	shape    tensor.Shape
	number   uint64 // data_type
	raw      span
	hasRaw   bool
	external bool
	entries  map[string]string
	lists    map[protowire.Number]int  // typed data fields -> occurrences
	packed   map[protowire.Number]span // the last length-delimited occurrence
}

// tensor reads a TensorProto.
func (p *parser) tensor(f field, name string) (*graph.Weight, error) {
	if err := p.c.item(f, name); err != nil {
		return nil, err
	}
	t := tensorParts{lists: map[protowire.Number]int{}, packed: map[protowire.Number]span{}}
	err := p.c.each(f.body, name, func(f field) error { return p.tensorField(f, &t, name) })
	if err != nil {
		return nil, err
	}
	return p.place(f, &t, name)
}

func (p *parser) tensorField(f field, t *tensorParts, name string) (err error) {
	switch f.num {
	case tensorName:
		t.name, err = p.c.text(f, name+".name")
	case tensorType:
		t.number, err = f.number, f.want(protowire.VarintType, name+".data_type")
	case tensorDims:
		err = p.dims(f, &t.shape, name)
	case tensorRaw:
		t.raw, t.hasRaw = f.body, true
		err = f.want(protowire.BytesType, name+".raw_data")
	case tensorFloatData, tensorInt32Data, tensorInt64Data, tensorDoubleData, tensorUint64Data, tensorStringData:
		t.lists[f.num]++
		if f.typ == protowire.BytesType {
			t.packed[f.num] = f.body
		}
	case tensorExternal:
		var key, value string
		if key, value, err = p.entry(f, name+".external_data"); err != nil {
			return err
		}
		if t.entries == nil {
			t.entries = map[string]string{}
		}
		t.entries[key] = value
	case tensorLocation:
		t.external, err = f.number == 1, f.want(protowire.VarintType, name+".data_location")
	case tensorSegment:
		err = &UnsupportedError{Subject: name + " " + t.name, Reason: "its data are stored in segments, which no exporter writes"}
	}
	return err
}

// maxRank bounds a tensor's dimensions; ONNX operators stop well below.
const maxRank = 64

// place decides where the tensor's bytes are and checks that they are as many as its shape needs.
func (p *parser) place(f field, t *tensorParts, name string) (*graph.Weight, error) {
	bad := func(format string, args ...any) error {
		return &FormatError{Offset: f.off, Field: name + " " + strconv.Quote(t.name), Reason: fmt.Sprintf(format, args...)}
	}
	d, ok := dtypeOf(t.number)
	w := &graph.Weight{Name: t.name, DType: d, Shape: t.shape}
	if !ok {
		if w.Opaque, ok = opaqueOf(t.number); !ok {
			return nil, bad("its data type is %d, which is none", t.number)
		}
	}
	n, err := t.shape.Elements()
	if err != nil {
		return nil, bad("%v", err)
	}
	need, err := w.Bytes()
	if err != nil {
		return nil, bad("%v", err)
	}
	if w.Opaque != nil && w.Opaque.Bits == 0 {
		return w, nil // nothing can be said of its data
	}
	lists := 0
	for range t.lists {
		lists++
	}
	if t.hasRaw && (t.external || lists > 0) || t.external && lists > 0 || lists > 1 {
		return nil, bad("its data stand in more than one place")
	}
	switch {
	case t.external:
		return w, p.placeExternal(w, t, need, bad)
	case d == tensor.String:
		return w, p.strings(f, w, n, name)
	case t.hasRaw:
		if t.raw.len() != need {
			return nil, bad("%s%v needs %d bytes, raw_data has %d", w.Type(), t.shape, need, t.raw.len())
		}
		return w, p.placeRaw(w, t.raw)
	case w.Opaque != nil:
		return w, nil // numbers that nobody decodes
	}
	return w, p.placeTyped(f, w, t, need, bad)
}

func (p *parser) placeExternal(w *graph.Weight, t *tensorParts, need int64, bad func(string, ...any) error) error {
	if w.DType == tensor.String {
		return bad("strings cannot be external data")
	}
	w.Location = t.entries["location"]
	if err := checkLocation(w.Location); err != nil {
		return bad("%v", err)
	}
	w.Location = path.Clean(w.Location)
	w.Length = need
	for _, e := range []struct {
		key string
		to  *int64
	}{{"offset", &w.Offset}, {"length", &w.Length}} {
		text, ok := t.entries[e.key]
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v < 0 {
			return bad("external_data %s is %q, wanted a number of bytes", e.key, text)
		}
		*e.to = v
	}
	if w.Length != need || w.Offset > math.MaxInt64-need {
		return bad("%s%v needs %d bytes, external_data gives %d at %d", w.Type(), w.Shape, need, w.Length, w.Offset)
	}
	return nil
}

func (p *parser) placeRaw(w *graph.Weight, s span) error {
	if s.len() == 0 {
		w.Data = []byte{}
		return nil
	}
	if !p.load {
		w.Offset, w.Length = s.off, s.len()
		return nil
	}
	b, err := p.c.view(s.off, int(s.len()))
	if err != nil {
		return err
	}
	// In memory the window is the whole file and never changes, so the view lasts.
	w.Data = b
	return checkBools(w)
}

func checkBools(w *graph.Weight) error {
	if w.DType != tensor.Bool {
		return nil
	}
	for _, b := range w.Data {
		if b > 1 {
			return &UnsupportedError{Subject: "tensor " + strconv.Quote(w.Name), Reason: fmt.Sprintf("a boolean is %d, wanted 0 or 1", b)}
		}
	}
	return nil
}
