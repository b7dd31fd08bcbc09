package xgboost

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// decoder reads values from a stream and knows where in the document it is. Its methods start at a value whose first
// token is in t.
type decoder struct {
	s    stream
	t    token
	path path
}

// read reads the next token and puts the field into errors.
func (d *decoder) read() error { return d.locate(d.s.next(&d.t)) }

func (d *decoder) locate(err error) error {
	var f *FormatError
	if errors.As(err, &f) && f.Field == "" {
		f.Field = d.path.String()
	}
	return err
}

func (d *decoder) fail(format string, args ...any) error {
	return &FormatError{Field: d.path.String(), Offset: d.s.offset(), Reason: fmt.Sprintf(format, args...)}
}

func (d *decoder) want(k kind) error {
	if d.t.kind != k {
		return d.fail("wanted %s, found %s", k, d.t.kind)
	}
	return nil
}

func (d *decoder) skip() error { return d.locate(d.s.skip(&d.t)) }

// object calls member at the value of each key. A key that comes twice is an error.
func (d *decoder) object(member func(key string) error) error {
	if err := d.want(objectStart); err != nil {
		return err
	}
	var seen []string
	for {
		if err := d.read(); err != nil || d.t.kind == objectEnd {
			return err
		}
		key := string(d.t.text)
		if slices.Contains(seen, key) {
			return d.fail("the key %.60q comes twice", key)
		}
		if len(seen) < maxKeys {
			seen = append(seen, key)
		}
		d.path = append(d.path, key)
		if err := d.read(); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
	}
}

// maxKeys is how many keys of an object are remembered to find duplicates; XGBoost's own objects have fewer.
const maxKeys = 64

// members skips what is not in want and calls the function of what is.
func (d *decoder) members(want map[string]func() error) error {
	return d.object(func(key string) error {
		if f := want[key]; f != nil {
			return f()
		}
		return d.skip()
	})
}

// array calls element at each element.
func (d *decoder) array(element func(i int) error) error {
	if err := d.want(arrayStart); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := d.read(); err != nil || d.t.kind == arrayEnd {
			return err
		}
		if err := element(i); err != nil {
			return err
		}
	}
}

func (d *decoder) text(dst *string) error {
	if err := d.want(stringToken); err != nil {
		return err
	}
	*dst = string(d.t.text)
	return nil
}

func (d *decoder) texts(dst *[]string) error {
	*dst = nil
	return d.array(func(int) error {
		var s string
		if err := d.text(&s); err != nil {
			return err
		}
		*dst = append(*dst, s)
		return nil
	})
}

// ints reads integers of 32 bits; booleans count as 0 and 1.
func (d *decoder) ints(dst *[]int32) error {
	*dst = (*dst)[:0]
	if err := d.want(arrayStart); err != nil {
		return err
	}
	for {
		if err := d.read(); err != nil {
			return err
		}
		switch v := d.t.int; {
		case d.t.kind == arrayEnd:
			return nil
		case d.t.kind == boolToken && d.t.bool:
			*dst = append(*dst, 1)
		case d.t.kind == boolToken:
			*dst = append(*dst, 0)
		case d.t.kind != intToken:
			return d.fail("entry %d: wanted an integer, found %s", len(*dst), d.t.kind)
		case v < math.MinInt32 || v > math.MaxInt32:
			return d.fail("entry %d: %d does not fit 32 bits", len(*dst), v)
		default:
			*dst = append(*dst, int32(v))
			if j, ok := d.s.(*jsonStream); ok {
				*dst = j.moreInts(*dst)
			}
		}
	}
}

func (d *decoder) floats(dst *[]float32) error {
	*dst = (*dst)[:0]
	if err := d.want(arrayStart); err != nil {
		return err
	}
	for {
		if err := d.read(); err != nil {
			return err
		}
		switch d.t.kind {
		case arrayEnd:
			return nil
		case floatToken:
			*dst = append(*dst, d.t.float)
			if j, ok := d.s.(*jsonStream); ok {
				*dst = j.moreFloats(*dst)
			}
		case intToken:
			*dst = append(*dst, float32(d.t.int))
		default:
			return d.fail("entry %d: wanted a number, found %s", len(*dst), d.t.kind)
		}
	}
}

// textMap reads an object of strings, nested ones flattened, into dst.
func (d *decoder) textMap(dst map[string]string) error {
	return d.object(func(key string) error {
		switch d.t.kind {
		case stringToken:
			dst[key] = string(d.t.text)
			return nil
		case objectStart:
			return d.textMap(dst)
		}
		return d.skip()
	})
}
