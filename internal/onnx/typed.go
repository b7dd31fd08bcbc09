package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
	"github.com/shardwise/shardwise/internal/tensor"
)

// listOf is the field that holds a dtype's numbers when they are not raw, and their wire type.
func listOf(d tensor.DType) (protowire.Number, protowire.Type) {
	switch d {
	case tensor.F32:
		return tensorFloatData, protowire.Fixed32Type
	case tensor.F64:
		return tensorDoubleData, protowire.Fixed64Type
	case tensor.I64:
		return tensorInt64Data, protowire.VarintType
	case tensor.U32, tensor.U64:
		return tensorUint64Data, protowire.VarintType
	}
	return tensorInt32Data, protowire.VarintType
}

// placeTyped handles float_data and its siblings. One packed list of fixed-width numbers is already the row-major
// little-endian form; everything else is decoded, now when it is small, else when it is asked for.
func (p *parser) placeTyped(f field, w *graph.Weight, t *tensorParts, need int64, bad func(string, ...any) error) error {
	num, typ := listOf(w.DType)
	if t.lists[num] == 0 && len(t.lists) > 0 {
		return bad("the numbers of a %s tensor belong in field %d, others are there", w.DType, num)
	}
	if need == 0 {
		w.Data = []byte{}
		return nil
	}
	// A number takes at least one byte, so a lying shape is found before anything is allocated.
	if elements := need / int64(w.DType.Size()); elements > f.body.len() {
		return bad("%s%v needs %d numbers, %d bytes are there", w.DType, w.Shape, elements, f.body.len())
	}
	packed, isPacked := t.packed[num]
	if typ != protowire.VarintType && t.lists[num] == 1 && isPacked {
		if packed.len() != need {
			return bad("%s%v needs %d bytes, its list has %d", w.DType, w.Shape, need, packed.len())
		}
		return p.placeRaw(w, packed)
	}
	if !p.load && need > inlineBytes {
		p.m.typed[w] = f.body
		return nil
	}
	var err error
	w.Data, err = p.c.list(f.body, w)
	return err
}

// Data reads all bytes of a weight of the file itself, row-major little-endian; the result may alias w.Data. Weights
// in external files are not its business. The memory is the weight's own size.
func (m *Model) Data(w *graph.Weight) ([]byte, error) {
	if w.Data != nil {
		return w.Data, nil
	}
	// A cursor of its own, because Data may be called concurrently.
	c := &cursor{r: m.cursor.r, size: m.cursor.size}
	if s, ok := m.typed[w]; ok {
		return c.list(s, w)
	}
	if w.Location != "" {
		return nil, fmt.Errorf("onnx: tensor %q lies in the file %q, not in the model file", w.Name, w.Location)
	}
	return c.view(w.Offset, int(w.Length))
}

// list decodes the numbers of the TensorProto in s; the caller has checked that there may be as many as w needs.
func (c *cursor) list(s span, w *graph.Weight) ([]byte, error) {
	num, typ := listOf(w.DType)
	n, err := w.Shape.Elements()
	if err != nil {
		return nil, err
	}
	size := w.DType.Size()
	out := tensor.Aligned(n * size)[:0]
	err = c.each(s, "tensor", func(f field) error {
		if f.num != num {
			return nil
		}
		return c.numbers(f, typ, "tensor "+strconv.Quote(w.Name), func(v uint64) error {
			if len(out) == n*size {
				return &FormatError{Offset: f.off, Field: "tensor " + strconv.Quote(w.Name), Reason: fmt.Sprintf("more numbers than the %d of %s%v", n, w.DType, w.Shape)}
			}
			if !fits(v, w.DType) {
				return &FormatError{Offset: f.off, Field: "tensor " + strconv.Quote(w.Name), Reason: fmt.Sprintf("%d is not a %s", int64(v), w.DType)}
			}
			out = appendNumber(out, v, size)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if len(out) != n*size {
		return nil, &FormatError{Offset: s.off, Field: "tensor " + strconv.Quote(w.Name), Reason: fmt.Sprintf("%d numbers, %s%v needs %d", len(out)/size, w.DType, w.Shape, n)}
	}
	return out, nil
}

// fits reports whether the number of a list is one of the dtype. Negative integers come as 64-bit two's complement.
func fits(v uint64, d tensor.DType) bool {
	i := int64(v)
	switch d {
	case tensor.Bool:
		return v <= 1
	case tensor.U8:
		return v <= math.MaxUint8
	case tensor.I8:
		return i >= math.MinInt8 && i <= math.MaxInt8
	case tensor.U16, tensor.F16, tensor.BF16:
		return v <= math.MaxUint16
	case tensor.I16:
		return i >= math.MinInt16 && i <= math.MaxInt16
	case tensor.U32:
		return v <= math.MaxUint32
	case tensor.I32:
		return i >= math.MinInt32 && i <= math.MaxInt32
	}
	return true
}

func appendNumber(out []byte, v uint64, size int) []byte {
	switch size {
	case 1:
		return append(out, byte(v))
	case 2:
		return binary.LittleEndian.AppendUint16(out, uint16(v))
	case 4:
		return binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(out, v)
}

// strings reads string_data.
func (p *parser) strings(f field, w *graph.Weight, n int, name string) error {
	if int64(n) > f.body.len() {
		return &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("%d strings wanted, %d bytes are there", n, f.body.len())}
	}
	w.Strings = []string{}
	err := p.c.each(f.body, name, func(f field) error {
		if f.num != tensorStringData {
			return nil
		}
		if p.c.items++; p.c.items > maxItems {
			return &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("more than %d items", maxItems)}
		}
		s, err := p.rawText(f, name+".string_data")
		w.Strings = append(w.Strings, s)
		return err
	})
	if err == nil && len(w.Strings) != n {
		err = &FormatError{Offset: f.off, Field: name, Reason: fmt.Sprintf("%d strings, shape %v needs %d", len(w.Strings), w.Shape, n)}
	}
	return err
}
