package dataset

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/shardwise/shardwise/internal/tensor"
)

// array is one array of a file. read returns rows lo to hi-1 of dimension 0, or all of it when it has no rows to cut
// (lo 0, hi -1). Calls come with rising lo. done is called after the last: it checks what only the end tells.
type array interface {
	dtype() tensor.DType
	shape() tensor.Shape
	read(lo, hi int) (*tensor.Tensor, error)
	done() error
}

// whole is an array that is in memory.
type whole struct{ t *tensor.Tensor }

func (w whole) dtype() tensor.DType { return w.t.DType() }
func (w whole) shape() tensor.Shape { return w.t.Shape() }
func (w whole) done() error         { return nil }
func (w whole) read(lo, hi int) (*tensor.Tensor, error) {
	if hi < 0 {
		return w.t, nil
	}
	return w.t.Rows(lo, hi)
}

// arraySource deals out the rows of arrays.
type arraySource struct {
	s      *schema
	fields []*field
	arrays []array
	rows   int // of the batch, -1 when no field has one
	at     int
	ended  bool
	fixed  tensor.Named // fields without batch, read once
}

// add enters the array of a field, after checking its dtype and shape.
func (a *arraySource) add(f *field, arr array, symbols map[string]int) error {
	if !f.accepts[arr.dtype()] {
		return fmt.Errorf("its dtype is %v, wanted %v%s%s", arr.dtype(), f.dtype, alsoAccepted(f), castHint(arr.dtype(), f))
	}
	if err := f.checkShape(arr.shape(), symbols); err != nil {
		return err
	}
	if f.rows {
		a.rows = arr.shape()[0]
	}
	a.fields, a.arrays = append(a.fields, f), append(a.arrays, arr)
	return nil
}

func alsoAccepted(f *field) string {
	text := ""
	for d := tensor.Bool; d <= tensor.String; d++ {
		if d != f.dtype && f.accepts[d] {
			text += " or " + d.String()
		}
	}
	return text
}

// castHint is how NumPy makes an array of the field's dtype; "" where it has none, or makes none of such an array.
func castHint(found tensor.DType, f *field) string {
	name, ok := map[tensor.DType]string{tensor.Bool: "bool", tensor.U8: "uint8", tensor.I8: "int8", tensor.U16: "uint16", tensor.I16: "int16", tensor.F16: "float16", tensor.U32: "uint32",
		tensor.I32: "int32", tensor.F32: "float32", tensor.U64: "uint64", tensor.I64: "int64", tensor.F64: "float64"}[f.dtype]
	if !ok || found == tensor.String {
		return ""
	}
	return fmt.Sprintf("; convert it with .astype(%q) and save it again", name)
}

// check is called when all arrays are there.
func (a *arraySource) check() error {
	if len(a.fields) == 0 {
		return fmt.Errorf("it holds no %s of the model", a.s.kind)
	}
	return nil
}

// match pairs the names of a file's arrays with the fields; it returns the index of each.
func (a *arraySource) match(names []string, byPosition bool) ([]int, error) {
	if byPosition {
		if len(names) == 1 && len(a.s.fields) == 1 {
			return []int{0}, nil
		}
		return nil, fmt.Errorf("arrays have names: --by-position needs one array and a model with one input, found %d and %d",
			len(names), len(a.s.fields))
	}
	want := make([]string, len(a.s.fields))
	for i, f := range a.s.fields {
		want[i] = f.name
	}
	return matchNames("array", names, want, nil, a.s.subset)
}

func (a *arraySource) next(maxRows int) (tensor.Named, error) {
	if a.ended {
		return nil, io.EOF
	}
	if a.fixed == nil {
		if err := a.readFixed(); err != nil {
			return nil, err
		}
	}
	if a.rows < 0 {
		a.ended = true
		return a.fixed, nil
	}
	if a.at == a.rows {
		a.ended = true
		return nil, io.EOF
	}
	lo, hi := a.at, min(a.rows, a.at+min(maxRows, math.MaxInt-a.at))
	out := make(tensor.Named, len(a.fields))
	for i, f := range a.fields {
		if !f.rows {
			out[f.name] = a.fixed[f.name]
			continue
		}
		t, err := a.take(i, lo, hi)
		if err != nil {
			return nil, err
		}
		out[f.name] = t
	}
	a.at = hi
	return out, nil
}

func (a *arraySource) readFixed() error {
	a.fixed = tensor.Named{}
	for i, f := range a.fields {
		switch {
		case !f.rows:
			t, err := a.take(i, 0, -1)
			if err != nil {
				return err
			}
			a.fixed[f.name] = t
		case a.rows == 0:
			if err := a.arrays[i].done(); err != nil {
				return fmt.Errorf("%q: %w", f.name, err)
			}
		}
	}
	return nil
}

// take reads rows of array i, converts them to the field's dtype and checks them.
func (a *arraySource) take(i, lo, hi int) (*tensor.Tensor, error) {
	f := a.fields[i]
	t, err := a.arrays[i].read(lo, hi)
	if err == nil && (hi < 0 || hi == a.rows) {
		err = a.arrays[i].done()
	}
	if err == nil {
		err = t.Validate()
	}
	if err == nil {
		t, err = tensor.Convert(t, f.dtype)
		var bad *tensor.ConvertError
		if errors.As(err, &bad) && bad.Index >= 0 && lo > 0 {
			err = fmt.Errorf("after row %d: %w", lo, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", f.name, err)
	}
	return t, nil
}

func (a *arraySource) total() int64 { return int64(a.rows) }

func (a *arraySource) present() []string {
	var names []string
	for _, want := range a.s.fields {
		for _, f := range a.fields {
			if f == want {
				names = append(names, f.name)
			}
		}
	}
	return names
}
