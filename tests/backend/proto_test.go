package backend

import (
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/onnx"
	"github.com/shardwise/shardwise/internal/tensor"
)

// kind is the type of a model's input or output as its file declares it.
type kind struct {
	name string // of the value
	form string // tensor, sequence, map, optional or sparse tensor
	elem uint64 // TensorProto.DataType of a tensor's elements
}

// header is what a case's model says about itself, read without the product's own reader: what a case is about must be
// known also where that reader refuses it.
type header struct {
	inputs, outputs []kind
	initializers    map[string]bool
	ops             []string // of the main graph's nodes, in their order, as domain.Op or Op
	training        bool     // it has attributes or operators that only training has
	opset           map[string]int64
}

// visit calls do for each field of a message.
func visit(b []byte, do func(num protowire.Number, body []byte, number uint64) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var body []byte
		var number uint64
		switch typ {
		case protowire.BytesType:
			body, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := do(num, body, number); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func readHeader(data []byte) (*header, error) {
	h := &header{initializers: map[string]bool{}, opset: map[string]int64{}}
	err := visit(data, func(num protowire.Number, body []byte, _ uint64) error {
		switch num {
		case 7:
			return visit(body, h.graphField)
		case 8:
			domain, version := "", uint64(0)
			err := visit(body, func(num protowire.Number, body []byte, number uint64) error {
				if num == 1 {
					domain = string(body)
				} else if num == 2 {
					version = number
				}
				return nil
			})
			h.opset[domain] = int64(version)
			return err
		}
		return nil
	})
	return h, err
}

func (h *header) graphField(num protowire.Number, body []byte, _ uint64) error {
	switch num {
	case 1:
		return h.node(body)
	case 5:
		return visit(body, func(num protowire.Number, body []byte, _ uint64) error {
			if num == 8 {
				h.initializers[string(body)] = true
			}
			return nil
		})
	case 11, 12:
		k, err := readKind(body)
		if num == 11 {
			h.inputs = append(h.inputs, k)
		} else {
			h.outputs = append(h.outputs, k)
		}
		return err
	}
	return nil
}

func (h *header) node(body []byte) error {
	var op, domain string
	err := visit(body, func(num protowire.Number, body []byte, _ uint64) error {
		switch num {
		case 4:
			op = string(body)
		case 7:
			domain = string(body)
		case 5:
			return h.attribute(body)
		}
		return nil
	})
	if domain != "" && domain != "ai.onnx" {
		op = domain + "." + op
	}
	h.ops = append(h.ops, op)
	return err
}

// attribute notes training_mode=1.
func (h *header) attribute(body []byte) error {
	name, value := "", uint64(0)
	err := visit(body, func(num protowire.Number, body []byte, number uint64) error {
		switch num {
		case 1:
			name = string(body)
		case 3:
			value = number
		}
		return nil
	})
	h.training = h.training || name == "training_mode" && value == 1
	return err
}

// forms are the alternatives of TypeProto.value.
func forms(num protowire.Number) string {
	switch num {
	case 1:
		return "tensor"
	case 4:
		return "sequence"
	case 5:
		return "map"
	case 8:
		return "sparse tensor"
	case 9:
		return "optional"
	}
	return ""
}

func readKind(body []byte) (kind, error) {
	var k kind
	err := visit(body, func(num protowire.Number, body []byte, _ uint64) error {
		switch num {
		case 1:
			k.name = string(body)
		case 2:
			return visit(body, func(num protowire.Number, body []byte, _ uint64) error {
				form := forms(num)
				if form == "" {
					return nil
				}
				k.form = form
				return visit(body, func(num protowire.Number, _ []byte, number uint64) error {
					if num == 1 && form == "tensor" {
						k.elem = number
					}
					return nil
				})
			})
		}
		return nil
	})
	return k, err
}

// readTensor reads a file that is one TensorProto: as the only initializer of a model, so that the product's reader of
// tensors is the one that runs.
func readTensor(path string) (*tensor.Tensor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// The last name of a message counts.
	data = append(protowire.AppendTag(data, 8, protowire.BytesType), "\x05value"...)
	graph := protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), data)
	model := protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), graph)
	model = append(protowire.AppendTag(model, 8, protowire.BytesType), 2, 16, 1)
	g, err := onnx.Decode(model)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	w := g.Weights["value"]
	if w == nil {
		return nil, errors.New(path + " holds no tensor")
	}
	t, err := engine.Inline(w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
