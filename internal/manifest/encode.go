package manifest

import (
	"cmp"
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// encoder writes Go values as canonical JSON (RFC 8785) in one pass, by the json tags of their types. It differs from
// encoding/json followed by canonicalise in two points: a nil list or map is an empty one, never null, and what JSON
// would change without a word (text that is not UTF-8, integers beyond 2^53) is an error.
type encoder struct {
	out    []byte
	fields map[reflect.Type][]field // members of struct types, in the order of their names
}

// field is a struct member as its json tag has it.
type field struct {
	name      string
	index     int
	omitEmpty bool
}

func (e *encoder) value(v reflect.Value, path at) error {
	switch x := v.Interface().(type) {
	case Dim:
		return e.dim(x, path)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		e.out = appendText(e.out, string(text))
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return e.value(v.Elem(), path)
	case reflect.Struct:
		return e.object(v, path)
	case reflect.Slice:
		return e.list(v, path)
	case reflect.Map:
		return e.byName(v, path)
	case reflect.String:
		return e.text(v.String(), path)
	case reflect.Bool:
		e.out = strconv.AppendBool(e.out, v.Bool())
	case reflect.Int, reflect.Int64:
		if v.Int() > maxInteger || v.Int() < -maxInteger {
			return fmt.Errorf("%s is %d, more than JSON counts exactly (2^53)", path, v.Int())
		}
		e.out = strconv.AppendInt(e.out, v.Int(), 10)
	case reflect.Float64:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return fmt.Errorf("%s is %v, which JSON cannot hold", path, v.Float())
		}
		e.out = appendNumber(e.out, v.Float())
	default:
		return fmt.Errorf("%s is of kind %s, which has no JSON form here", path, v.Kind())
	}
	return nil
}

func (e *encoder) object(v reflect.Value, path at) error {
	e.out = append(e.out, '{')
	first := true
	for _, f := range e.membersOf(v.Type()) {
		member := v.Field(f.index)
		if f.omitEmpty && (member.IsZero() || member.Kind() == reflect.Slice && member.Len() == 0) {
			continue
		}
		if !first {
			e.out = append(e.out, ',')
		}
		first = false
		e.out = appendText(e.out, f.name)
		e.out = append(e.out, ':')
		if err := e.value(member, path+"/"+at(f.name)); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return nil
}

// membersOf lists the members of a struct type. All the types' fields have a json tag with a plain name.
func (e *encoder) membersOf(t reflect.Type) []field {
	if known, ok := e.fields[t]; ok {
		return known
	}
	list := make([]field, t.NumField())
	for i := range list {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		list[i] = field{name: name, index: i, omitEmpty: option == "omitempty"}
	}
	slices.SortFunc(list, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	e.fields[t] = list
	return list
}

func (e *encoder) list(v reflect.Value, path at) error {
	e.out = append(e.out, '[')
	for i := range v.Len() {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.value(v.Index(i), path); err != nil {
			return err
		}
	}
	e.out = append(e.out, ']')
	return nil
}

func (e *encoder) byName(v reflect.Value, path at) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return compareUTF16(a.String(), b.String()) })
	e.out = append(e.out, '{')
	for i, k := range keys {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.text(k.String(), path); err != nil {
			return err
		}
		e.out = append(e.out, ':')
		if err := e.value(v.MapIndex(k), path); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return nil
}

func (e *encoder) text(s string, path at) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s has %.40q, which is not UTF-8", path, s)
	}
	e.out = appendText(e.out, s)
	return nil
}

func (e *encoder) dim(d Dim, path at) error {
	if d.Name != "" {
		return e.text(d.Name, path)
	}
	if d.Size < 0 || d.Size > maxDim {
		return fmt.Errorf("%s has dimension %d, wanted 0 to 2^53", path, d.Size)
	}
	e.out = strconv.AppendInt(e.out, int64(d.Size), 10)
	return nil
}
