package dataset

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/shardwise/shardwise/internal/tensor"
)

// protocolTensor is one tensor of an Open Inference Protocol request, its data still as text: the keys may come in any
// order, and only name and datatype tell what the numbers are.
type protocolTensor struct {
	name, datatype string
	shape          tensor.Shape
	text           []byte // all values, one after the other
	ends           []int  // where each ends
	kinds          []jsonKind
	seen           map[string]bool
}

// protocol reads the list of tensors of a request.
func (o *jsonObject) protocol() error {
	if err := o.scan.expect('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := o.scan.more(']', first)
		if err != nil || !more {
			return err
		}
		p := protocolTensor{seen: map[string]bool{}}
		if err := o.protocolTensor(&p); err != nil {
			return err
		}
		if err := o.take(&p); err != nil {
			return fmt.Errorf("tensor %q: %w", clip(p.name), err)
		}
	}
}

func (o *jsonObject) protocolTensor(p *protocolTensor) error {
	if err := o.scan.expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := o.scan.more('}', first)
		if err != nil || !more {
			return err
		}
		if err := o.scan.expect(jsonString); err != nil {
			return err
		}
		key := string(o.scan.text)
		if p.seen[key] {
			return o.scan.fail("key %q appears twice", clip(key))
		}
		p.seen[key] = true
		if err := o.scan.expect(':'); err != nil {
			return err
		}
		switch key {
		case "name":
			err = o.scan.expect(jsonString)
			p.name = string(o.scan.text)
		case "datatype":
			err = o.scan.expect(jsonString)
			p.datatype = string(o.scan.text)
		case "shape":
			err = o.protocolShape(p)
		case "data":
			err = o.protocolData(p, 0)
		case "parameters":
			err = o.ignore(0)
		default:
			err = o.scan.fail("key %q is unknown; wanted name, shape, datatype, data, parameters", clip(key))
		}
		if err != nil {
			return err
		}
	}
}

func (o *jsonObject) protocolShape(p *protocolTensor) error {
	if err := o.scan.expect('['); err != nil {
		return err
	}
	p.shape = tensor.Shape{}
	for first := true; ; first = false {
		more, err := o.scan.more(']', first)
		if err != nil || !more {
			return err
		}
		if err := o.scan.expect(jsonNumber); err != nil {
			return err
		}
		d, err := strconv.ParseUint(string(o.scan.text), 10, 62)
		if err != nil || len(p.shape) == 32 {
			return o.scan.fail("shape with %s is none", o.scan.describe())
		}
		p.shape = append(p.shape, int(d))
	}
}

// protocolData collects the data, flat or nested.
func (o *jsonObject) protocolData(p *protocolTensor, depth int) error {
	kind, err := o.scan.next()
	if err != nil {
		return err
	}
	switch kind {
	case jsonString, jsonNumber, jsonWord:
		if depth == 0 {
			return o.scan.fail("data is not an array")
		}
		p.text = append(p.text, o.scan.text...)
		p.ends = append(p.ends, len(p.text))
		p.kinds = append(p.kinds, kind)
		return nil
	case '[':
	default:
		return o.scan.fail("wanted data, found %s", o.scan.describe())
	}
	if depth == 32 {
		return o.scan.fail("data is nested deeper than %d", depth)
	}
	for first := true; ; first = false {
		more, err := o.scan.more(']', first)
		if err != nil || !more {
			return err
		}
		if err := o.protocolData(p, depth+1); err != nil {
			return err
		}
	}
}

// take parses a tensor's values for the field of its name.
func (o *jsonObject) take(p *protocolTensor) error {
	for _, key := range []string{"name", "shape", "datatype", "data"} {
		if !p.seen[key] {
			return fmt.Errorf("it has no %s", key)
		}
	}
	index := -1
	names := make([]string, len(o.s.fields))
	for i, f := range o.s.fields {
		names[i] = f.name
		if f.name == p.name {
			index = i
		}
	}
	if index < 0 {
		return fmt.Errorf("the model has no such %s%s", o.s.kind, suggestion(p.name, names))
	}
	v, f := &o.values[index], o.s.fields[index]
	if v.whole || v.columns > 0 {
		return errors.New("its values stand there twice")
	}
	d, err := tensor.ParseOIP(p.datatype)
	if err != nil {
		return err
	}
	if !f.accepts[d] {
		return fmt.Errorf("its datatype is %s, wanted %s", p.datatype, f.dtype.OIP())
	}
	if n, err := p.shape.Elements(); err != nil || n != len(p.ends) {
		return fmt.Errorf("its shape %v does not fit its %d values", p.shape, len(p.ends))
	}
	flat := *f
	flat.row, flat.width = nil, 1
	v.whole, v.b, v.shape = true, builder{f: &flat}, p.shape
	if err := v.b.extend(len(p.ends)); err != nil {
		return err
	}
	begin := 0
	for i, end := range p.ends {
		o.scan.kind, o.scan.text = p.kinds[i], append(o.scan.text[:0], p.text[begin:end]...)
		text, err := scalar(o.scan, f.dtype)
		if err == nil {
			err = v.b.set(i, 0, text)
		}
		if err != nil {
			return fmt.Errorf("value %d: %w", i, err)
		}
		begin = end
	}
	return nil
}
