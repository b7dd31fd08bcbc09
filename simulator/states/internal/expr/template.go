package expr

import (
	"fmt"
	"strings"
)

// Template is a compiled payload template: JSON in which a field whose name ends with ".$" takes its value from a path or
// an intrinsic function.
type Template struct {
	literal any
	fields  map[string]field
	list    []Template
	isList  bool
}

type field struct {
	name string // as written, for errors
	expr Expression
	sub  Template
	dyn  bool
}

// Expression is a path or a call of an intrinsic function.
type Expression struct {
	path Path
	call *call
}

// FieldError says which field of a template could not be evaluated.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string {
	if m, ok := e.Err.(*MissingError); ok {
		return fmt.Sprintf("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", m.Path, e.Field, clip(string(encode(m.Input))))
	}
	return fmt.Sprintf("The field '%s' could not be evaluated: %v", e.Field, e.Err)
}

func (e *FieldError) Unwrap() error { return e.Err }

// ParseExpression compiles the value of a ".$" field.
func ParseExpression(text string) (Expression, error) {
	if strings.HasPrefix(text, "$") {
		p, err := ParsePath(text)
		return Expression{path: p}, err
	}
	c, err := parseCall(text)
	return Expression{call: c}, err
}

// Eval evaluates the expression.
func (x Expression) Eval(env Env) (any, error) {
	if x.call != nil {
		return x.call.eval(env)
	}
	return x.path.Get(env)
}

// ParseTemplate compiles a decoded payload template. report is told every fault with the JSON pointer below the template.
func ParseTemplate(v any, report func(pointer string, err error)) Template {
	return parseTemplate(v, "", report)
}

func parseTemplate(v any, at string, report func(string, error)) Template {
	switch x := v.(type) {
	case map[string]any:
		t := Template{fields: make(map[string]field, len(x))}
		for k, w := range x {
			place := at + "/" + Escape(k)
			name, dynamic := strings.CutSuffix(k, ".$")
			if !dynamic {
				t.add(k, field{name: k, sub: parseTemplate(w, place, report)}, place, report)
				continue
			}
			text, ok := w.(string)
			if !ok {
				report(place, fmt.Errorf("The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", k))
				continue
			}
			x, err := ParseExpression(text)
			if err != nil {
				report(place, fmt.Errorf("The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call: %w", k, err))
				continue
			}
			t.add(name, field{name: k, expr: x, dyn: true}, place, report)
		}
		return t
	case []any:
		t := Template{isList: true}
		for i, w := range x {
			t.list = append(t.list, parseTemplate(w, fmt.Sprintf("%s/%d", at, i), report))
		}
		return t
	}
	return Template{literal: v}
}

func (t *Template) add(name string, f field, place string, report func(string, error)) {
	if _, twice := t.fields[name]; twice {
		report(place, fmt.Errorf("The field '%s' is given twice, as it is and with '.$'", name))
		return
	}
	t.fields[name] = f
}

// Has says whether an object template has the field, with or without ".$".
func (t Template) Has(name string) bool {
	_, ok := t.fields[name]
	return ok
}

// Names are the fields of an object template, without ".$".
func (t Template) Names() []string {
	var names []string
	for n := range t.fields {
		names = append(names, n)
	}
	return names
}

// Eval fills the template in. Errors are FieldErrors.
func (t Template) Eval(env Env) (any, error) {
	switch {
	case t.fields != nil:
		out := make(map[string]any, len(t.fields))
		for name, f := range t.fields {
			var err error
			if !f.dyn {
				out[name], err = f.sub.Eval(env)
			} else if out[name], err = f.expr.Eval(env); err != nil {
				err = &FieldError{f.name, err}
			}
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	case t.isList:
		out := make([]any, len(t.list))
		for i := range t.list {
			var err error
			if out[i], err = t.list[i].Eval(env); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return t.literal, nil
}

// Escape writes a name as a step of a JSON pointer.
func Escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
