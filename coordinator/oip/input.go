package oip

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// input is one input tensor while it is read.
type input struct {
	name     string
	datatype string
	shape    tensor.Shape
	seen     map[string]bool
	early    *jsonscan.Scanner // at data that stands before the datatype or the shape
	binary   int               // bytes of binary data that hold the elements, -1 when they stand in the JSON
	tensor   *tensor.Tensor
}

func (d *decoder) input(i int) error {
	if i >= maxTensors {
		return fmt.Errorf("more than %d inputs", maxTensors)
	}
	in := &input{seen: map[string]bool{}, binary: -1}
	if err := d.s.Object(func(key []byte) error { return d.inputField(in, string(key)) }); err != nil {
		return in.wrap(i, err)
	}
	need := []string{"name", "shape", "datatype", "data"}
	if in.binary >= 0 {
		need = need[:3]
	}
	for _, key := range need {
		if !in.seen[key] {
			return in.wrap(i, fmt.Errorf("key %q is missing", key))
		}
	}
	if err := d.late(in); err != nil {
		return in.wrap(i, err)
	}
	if d.r.Inputs[in.name] != nil {
		return in.wrap(i, fmt.Errorf("the name stands twice"))
	}
	d.r.Inputs[in.name] = in.tensor
	return nil
}

// late reads the elements that could not be read where they stand.
func (d *decoder) late(in *input) error {
	switch {
	case in.binary >= 0 && in.seen["data"]:
		return fmt.Errorf(`it has both "data" and binary_data_size`)
	case in.binary >= 0:
		return d.takeBinary(in)
	case in.early != nil:
		return in.data(in.early)
	}
	return nil
}

func (in *input) wrap(i int, err error) error {
	if u, ok := err.(*wire.UnsupportedError); ok {
		return u
	}
	return fmt.Errorf("input %d %q: %w", i, clip(in.name), err)
}

func (d *decoder) inputField(in *input, key string) (err error) {
	s := d.s
	if in.seen[key] {
		return fmt.Errorf("key %q stands twice", clip(key))
	}
	switch key {
	case "name":
		if in.name, err = text(s); err == nil && in.name == "" {
			err = fmt.Errorf("the name is empty")
		}
	case "datatype":
		in.datatype, err = text(s)
	case "shape":
		if in.shape, err = shape(s); err != nil {
			err = fmt.Errorf("shape: %w", err)
		}
	case "parameters":
		err = d.inputParameters(in)
	case "data":
		if in.seen["shape"] && in.seen["datatype"] {
			err = in.data(s)
			break
		}
		ahead := *s
		in.early = &ahead
		err = skipData(s, 0)
	default:
		return fmt.Errorf("unknown key %q; known are name, shape, datatype, data, parameters", clip(key))
	}
	in.seen[key] = true
	return err
}

func shape(s *jsonscan.Scanner) (tensor.Shape, error) {
	sh := tensor.Shape{}
	err := s.Array(func(i int) error {
		if i >= maxRank {
			return fmt.Errorf("shape has more than %d dimensions", maxRank)
		}
		v, err := s.Int(0, math.MaxInt32)
		sh = append(sh, int(v))
		return err
	})
	return sh, err
}

// skipData passes over data whose form is not known yet: like JSON, with the bare words that float data may hold.
func skipData(s *jsonscan.Scanner, depth int) error {
	if depth > maxRank {
		return s.Fail("at most 16 levels of nesting")
	}
	switch {
	case s.Peek() == '[':
		return s.Array(func(int) error { return skipData(s, depth+1) })
	case s.Literal("NaN"), s.Literal("Infinity"), s.Literal("-Infinity"):
		return nil
	case s.Peek() == '{':
		return s.Fail("a number, text or array")
	}
	return s.Skip()
}

// data reads the elements. Every element takes at least one byte and a comma, which bounds the buffer by the text.
func (in *input) data(s *jsonscan.Scanner) error {
	dtype, err := tensor.ParseOIP(in.datatype)
	if err != nil {
		return err
	}
	if dtype == tensor.F16 || dtype == tensor.BF16 {
		return &wire.UnsupportedError{Feature: "datatype " + in.datatype + " as JSON", Remedy: "send FP32, or binary data over HTTP"}
	}
	n, err := in.shape.Elements()
	if err != nil {
		return err
	}
	if most := (len(s.Rest()) + 1) / 2; n > most {
		return fmt.Errorf("shape %v has %d elements, more than its data holds", in.shape, n)
	}
	e := &elements{s: s, shape: in.shape, n: n}
	if dtype == tensor.String {
		return in.strings(e)
	}
	in.tensor = tensor.New(dtype, in.shape...)
	e.read = reader(s, in.tensor)
	return e.all()
}

func (in *input) strings(e *elements) (err error) {
	values := make([]string, e.n)
	e.read = func(i int) error {
		t, err := e.s.String()
		values[i] = string(t)
		return err
	}
	if err := e.all(); err != nil {
		return err
	}
	in.tensor, err = tensor.FromStrings(in.shape, values)
	return err
}

// elements walks flat or nested data.
type elements struct {
	s     *jsonscan.Scanner
	shape tensor.Shape
	n     int // elements wanted
	at    int // elements read
	read  func(i int) error
}

func (e *elements) all() error {
	ahead := *e.s
	if err := ahead.Expect('['); err != nil {
		return err
	}
	var err error
	if len(e.shape) > 1 && ahead.Peek() == '[' {
		err = e.level(0)
	} else {
		err = e.row(e.n)
	}
	if err == nil && e.at != e.n {
		err = fmt.Errorf("shape %v has %d elements, found %d", e.shape, e.n, e.at)
	}
	return err
}

// level reads nested data, of which dimension dim comes next.
func (e *elements) level(dim int) error {
	if dim == len(e.shape)-1 {
		return e.row(e.shape[dim])
	}
	n := 0
	err := e.s.Array(func(i int) error {
		if n++; i >= e.shape[dim] {
			return fmt.Errorf("dimension %d of shape %v has more than %d parts", dim, e.shape, e.shape[dim])
		}
		return e.level(dim + 1)
	})
	if err == nil && n != e.shape[dim] {
		err = fmt.Errorf("dimension %d of shape %v has %d parts", dim, e.shape, n)
	}
	return err
}

// row reads one flat array of width elements.
func (e *elements) row(width int) error {
	start := e.at
	err := e.s.Array(func(i int) error {
		if i >= width {
			return fmt.Errorf("shape %v: a row has more than %d elements", e.shape, width)
		}
		if err := e.read(e.at); err != nil {
			return fmt.Errorf("element %d: %w", e.at, err)
		}
		e.at++
		return nil
	})
	if err == nil && e.at-start != width {
		err = fmt.Errorf("shape %v: a row has %d elements instead of %d", e.shape, e.at-start, width)
	}
	return err
}
