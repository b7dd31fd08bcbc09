package jsondoc

import (
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxFaults is how many faults are told: a document of another kind has one in every member.
const maxFaults = 20

// walker goes through a document, which is known to be JSON, beside the type that it is for.
type walker struct {
	d      *json.Decoder
	faults []error
}

func (w *walker) fault(path, format string, args ...any) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, fmt.Errorf("%s: %s", cmp.Or(path, "the document"), fmt.Sprintf(format, args...)))
	}
}

// value reads the value at the path, which is to be of type t.
func (w *walker) value(path string, t reflect.Type) error {
	if decodesItself(t) {
		return w.own(path, t)
	}
	for t.Kind() == reflect.Pointer {
		if t = t.Elem(); decodesItself(t) {
			return w.own(path, t)
		}
	}
	tok, err := w.d.Token()
	if err != nil {
		return err
	}
	switch x := tok.(type) {
	case nil: // null
		return nil
	case json.Delim:
		return w.composite(path, t, x)
	case json.Number:
		w.number(path, t, x.String())
	case string:
		w.scalar(path, t, reflect.String, strconv.Quote(clip(x)))
	case bool:
		w.scalar(path, t, reflect.Bool, strconv.FormatBool(x))
	}
	return nil
}

// decodesItself reports whether the type has a form of its own in JSON.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// own lets the type itself say what is wrong.
func (w *walker) own(path string, t reflect.Type) error {
	var raw json.RawMessage
	if err := w.d.Decode(&raw); err != nil {
		return err
	}
	err := json.Unmarshal(raw, reflect.New(t).Interface())
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		w.fault(path, "wanted %s, found %s", describe(kind.Type), clip(string(raw)))
	case err != nil:
		w.fault(path, "%v", err)
	}
	return nil
}

// composite reads an object or a list, whose beginning was read.
func (w *walker) composite(path string, t reflect.Type, begin json.Delim) error {
	element := t // of a struct each member has its own
	switch kind := t.Kind(); {
	case kind == reflect.Interface, begin == '{' && kind == reflect.Struct:
	case begin == '{' && kind == reflect.Map, begin == '[' && (kind == reflect.Slice || kind == reflect.Array):
		element = t.Elem()
	default:
		w.fault(path, "wanted %s, found %s", describe(t), map[json.Delim]string{'{': "an object", '[': "a list"}[begin])
		element = reflect.TypeFor[any]()
	}
	read := w.list
	if begin == '{' {
		read = w.object
	}
	if err := read(path, element); err != nil {
		return err
	}
	_, err := w.d.Token() // the end
	return err
}

func (w *walker) list(path string, element reflect.Type) error {
	for i := 0; w.d.More(); i++ {
		if err := w.value(fmt.Sprintf("%s[%d]", path, i), element); err != nil {
			return err
		}
	}
	return nil
}

// object reads the members of an object: those of a struct by their names, those of anything else as values of the type.
func (w *walker) object(path string, t reflect.Type) error {
	var fields map[string]reflect.Type
	if t.Kind() == reflect.Struct && !decodesItself(t) {
		fields = fieldsOf(t)
	}
	seen := map[string]bool{}
	for w.d.More() {
		key, err := w.d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		member := strings.TrimPrefix(path+"."+clip(name), ".")
		if seen[name] {
			w.fault(member, "it stands twice")
		}
		seen[name] = true
		of := t
		if fields != nil {
			known := false
			if of, known = field(fields, name); !known {
				w.fault(path, "unknown field %q, wanted one of %s", clip(name), strings.Join(sorted(fields), ", "))
				of = reflect.TypeFor[any]()
			}
		}
		if err := w.value(member, of); err != nil {
			return err
		}
	}
	return nil
}

// field finds a field as encoding/json does, which takes names of other letter case.
func field(fields map[string]reflect.Type, name string) (reflect.Type, bool) {
	if t, ok := fields[name]; ok {
		return t, true
	}
	for _, known := range sorted(fields) {
		if strings.EqualFold(known, name) {
			return fields[known], true
		}
	}
	return nil, false
}

// fieldsOf are the members of a struct by their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "-" && f.IsExported() && !(f.Anonymous && name == "") {
			out[cmp.Or(name, f.Name)] = f.Type
		}
	}
	return out
}

func sorted(fields map[string]reflect.Type) []string {
	var out []string
	for name := range fields {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// scalar holds a string or a truth value against the type.
func (w *walker) scalar(path string, t reflect.Type, kind reflect.Kind, found string) {
	if t.Kind() != kind && t.Kind() != reflect.Interface {
		w.fault(path, "wanted %s, found %s", describe(t), found)
	}
}

// number holds a number against the type.
func (w *walker) number(path string, t reflect.Type, text string) {
	var err error
	switch {
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		_, err = strconv.ParseInt(text, 10, t.Bits())
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr:
		_, err = strconv.ParseUint(text, 10, t.Bits())
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		_, err = strconv.ParseFloat(text, t.Bits())
	case t.Kind() == reflect.Interface: // it becomes a float64
		_, err = strconv.ParseFloat(text, 64)
	default:
		err = strconv.ErrSyntax
	}
	if err != nil {
		w.fault(path, "wanted %s, found %s", describe(t), clip(text))
	}
}

// describe says what a type is in a document.
func describe(t reflect.Type) string {
	switch k := t.Kind(); {
	case k == reflect.Pointer:
		return describe(t.Elem())
	case k >= reflect.Int && k <= reflect.Int64 && t.Bits() == 64:
		return "a whole number of at most 64 bits"
	case k >= reflect.Int && k <= reflect.Int64:
		return fmt.Sprintf("a whole number from %d to %d", -1<<(t.Bits()-1), 1<<(t.Bits()-1)-1)
	case k >= reflect.Uint && k <= reflect.Uintptr:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<(t.Bits()-1)<<1-1)
	case k == reflect.Float32:
		return "a number up to 3.4e38"
	case k == reflect.Float64 || k == reflect.Interface:
		return "a number up to 1.8e308"
	case k == reflect.String:
		return "text in quotes"
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.Slice || k == reflect.Array:
		return "a list"
	}
	return "an object"
}

// maxShown is how much of a value is shown.
const maxShown = 40

func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}
