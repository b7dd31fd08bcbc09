package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/graph"
)

// value reads a ValueInfoProto and appends it. A type that is no tensor (sequence, map, optional) leaves DType Invalid and
// is named in Foreign.
func (p *parser) value(f field, name string, to *[]graph.Value) error {
	if err := p.c.item(f, name); err != nil {
		return err
	}
	var v graph.Value
	err := p.c.each(f.body, name, func(f field) (err error) {
		switch f.num {
		case valueName:
			v.Name, err = p.c.text(f, name+".name")
		case valueType:
			if err = f.want(protowire.BytesType, name+".type"); err == nil {
				err = p.valueType(f, name, &v)
			}
		}
		return err
	})
	*to = append(*to, v)
	return err
}

func (p *parser) valueType(f field, name string, v *graph.Value) error {
	return p.c.each(f.body, name+".type", func(f field) error {
		switch f.num {
		case typeSequence, typeMap, typeOpaque, typeSparse, typeOptional:
			v.Foreign = foreignType(f.num)
			return nil
		case typeTensor:
		default:
			return nil
		}
		if err := f.want(protowire.BytesType, name+".type.tensor_type"); err != nil {
			return err
		}
		return p.c.each(f.body, name+".type.tensor_type", func(f field) error {
			switch f.num {
			case typeTensorElem:
				var ok bool
				if v.DType, ok = dtypeOf(f.number); !ok && f.number != 0 {
					v.Foreign = "a tensor of " + typeName(f.number)
				}
				return f.want(protowire.VarintType, name+".type.tensor_type.elem_type")
			case typeShape:
				v.Ranked = true
				return p.shape(f, name, v)
			}
			return nil
		})
	})
}

func (p *parser) shape(f field, name string, v *graph.Value) error {
	if err := f.want(protowire.BytesType, name+".type.tensor_type.shape"); err != nil {
		return err
	}
	return p.c.each(f.body, name+".type.tensor_type.shape", func(f field) error {
		if f.num != shapeDim {
			return nil
		}
		d := graph.Dim{Size: -1}
		if err := p.c.item(f, name+".shape.dim"); err != nil {
			return err
		}
		err := p.c.each(f.body, name+".shape.dim", func(f field) (err error) {
			switch f.num {
			case dimValue:
				if err = f.want(protowire.VarintType, name+".shape.dim.dim_value"); err != nil {
					return err
				}
				// Exporters write 0 and -1 for "unknown"; a tensor that is always empty is not a model's input.
				if n := int64(f.number); n > 0 {
					if n > math.MaxInt32*1024 {
						return &FormatError{Offset: f.off, Field: name + ".shape.dim", Reason: fmt.Sprintf("%d is no dimension", n)}
					}
					d.Size = int(n)
				}
			case dimParam:
				d.Symbol, err = p.c.text(f, name+".shape.dim.dim_param")
			}
			return err
		})
		if d.Size >= 0 {
			d.Symbol = ""
		}
		v.Dims = append(v.Dims, d)
		return err
	})
}

func foreignType(num protowire.Number) string {
	switch num {
	case typeSequence:
		return "a sequence"
	case typeMap:
		return "a map"
	case typeSparse:
		return "a sparse tensor"
	case typeOptional:
		return "an optional value"
	}
	return "an opaque value"
}
