//go:build onnxruntime

package onnxruntime

import (
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/shardwise/shardwise/internal/tensor"
)

// enter makes the library's values of the inputs, in the session's order. They view the tensors' memory. On an error
// the values made so far are returned too, for the caller to destroy.
func (s *session) enter(in tensor.Named) ([]ort.Value, error) {
	var values []ort.Value
	add := func(t *tensor.Tensor, shape []int) error {
		v, err := valueOf(t, shape)
		if err == nil {
			values = append(values, v)
		}
		return err
	}
	for _, p := range s.in {
		t, shape := in[p.value.Name], in[p.value.Name].Shape()
		if p.half {
			var err error
			if t, err = tensor.Convert(t, tensor.F32); err != nil {
				return values, err
			}
		}
		if p.shape == "" {
			if err := add(t, shape); err != nil {
				return values, err
			}
			continue
		}
		dims := tensor.New(tensor.I64, len(shape))
		for i, d := range shape {
			tensor.Of[int64](dims)[i] = int64(d)
		}
		if err := add(t, []int{t.Len()}); err != nil {
			return values, err
		}
		if err := add(dims, dims.Shape()); err != nil {
			return values, err
		}
	}
	if len(s.in) == 0 {
		return values, add(tensor.New(tensor.I64, 1), []int{1})
	}
	return values, nil
}

// leave makes tensors of the session's results. They own their memory.
func (s *session) leave(results []ort.Value) (tensor.Named, error) {
	named := tensor.Named{}
	for _, p := range s.out {
		t, err := tensorOf(results[0])
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", p.value.Name, err)
		}
		results = results[1:]
		if p.shape != "" {
			dims, err := tensorOf(results[0])
			if err != nil {
				return nil, fmt.Errorf("shape of output %s: %w", p.value.Name, err)
			}
			results = results[1:]
			shape := make([]int, dims.Len())
			for i, d := range tensor.Of[int64](dims) {
				shape[i] = int(d)
			}
			if t, err = t.Reshape(shape...); err != nil {
				return nil, fmt.Errorf("output %s: %w", p.value.Name, err)
			}
		}
		if p.half {
			if t, err = tensor.Convert(t, p.value.DType); err != nil {
				return nil, fmt.Errorf("output %s: %w", p.value.Name, err)
			}
		}
		named[p.value.Name] = t
	}
	return named, nil
}

func shapeOf(shape []int) ort.Shape {
	s := make(ort.Shape, len(shape))
	for i, d := range shape {
		s[i] = int64(d)
	}
	return s
}

func valueOf(t *tensor.Tensor, shape []int) (ort.Value, error) {
	switch t.DType() {
	case tensor.F32:
		return view[float32](t, shape)
	case tensor.F64:
		return view[float64](t, shape)
	case tensor.Bool:
		return view[bool](t, shape)
	case tensor.U8:
		return view[uint8](t, shape)
	case tensor.I8:
		return view[int8](t, shape)
	case tensor.U16:
		return view[uint16](t, shape)
	case tensor.I16:
		return view[int16](t, shape)
	case tensor.U32:
		return view[uint32](t, shape)
	case tensor.I32:
		return view[int32](t, shape)
	case tensor.U64:
		return view[uint64](t, shape)
	case tensor.I64:
		return view[int64](t, shape)
	case tensor.String:
		return stringsOf(t, shape)
	}
	return nil, fmt.Errorf("tensors of dtype %s do not cross to ONNX Runtime", t.DType())
}

// element are the types of the library's values; tensor.Element is wider by named types only.
type element interface {
	float32 | float64 | bool | uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64
}

func view[T element](t *tensor.Tensor, shape []int) (ort.Value, error) {
	return ort.NewTensor(shapeOf(shape), tensor.Of[T](t))
}

func stringsOf(t *tensor.Tensor, shape []int) (ort.Value, error) {
	v, err := ort.NewStringTensor(shapeOf(shape))
	if err != nil {
		return nil, err
	}
	list := make([]string, t.Len())
	for i := range list {
		list[i] = t.StringAt(i)
	}
	return v, v.SetContents(list)
}

func tensorOf(v ort.Value) (*tensor.Tensor, error) {
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		return own(tensor.F32, v)
	case *ort.Tensor[float64]:
		return own(tensor.F64, v)
	case *ort.Tensor[bool]:
		return own(tensor.Bool, v)
	case *ort.Tensor[uint8]:
		return own(tensor.U8, v)
	case *ort.Tensor[int8]:
		return own(tensor.I8, v)
	case *ort.Tensor[uint16]:
		return own(tensor.U16, v)
	case *ort.Tensor[int16]:
		return own(tensor.I16, v)
	case *ort.Tensor[uint32]:
		return own(tensor.U32, v)
	case *ort.Tensor[int32]:
		return own(tensor.I32, v)
	case *ort.Tensor[uint64]:
		return own(tensor.U64, v)
	case *ort.Tensor[int64]:
		return own(tensor.I64, v)
	case *ort.StringTensor:
		list, err := v.GetContents()
		if err != nil {
			return nil, err
		}
		return tensor.FromStrings(ints(v.GetShape()), list)
	}
	return nil, fmt.Errorf("a value of the type %T does not cross from ONNX Runtime", v)
}

// own makes a tensor of a result: its data are Go's memory, which the binding gives up when the value is destroyed.
func own[T element](d tensor.DType, v *ort.Tensor[T]) (*tensor.Tensor, error) {
	return tensor.FromSlice(d, v.GetData(), ints(v.GetShape())...)
}

func ints(s ort.Shape) []int {
	list := make([]int, len(s))
	for i, d := range s {
		list[i] = int(d)
	}
	return list
}
