package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ohler55/ojg/jp"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// Env is what an expression sees: the value that "$" means, and the context object that "$$" means.
type Env struct {
	Input   any
	Context func() map[string]any // called when "$$" is read; nil when there is no context object
}

// Path is a compiled path. The zero Path is "$".
type Path struct {
	text     string
	expr     jp.Expr
	context  bool
	definite bool
}

// MissingError says that a definite path leads to nothing.
type MissingError struct {
	Path  string
	Input any
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("The JSONPath '%s' could not be found in the input '%s'", e.Path, clip(string(value.Encode(e.Input))))
}

// clip keeps a text in an error readable.
func clip(s string) string {
	const most = 1000
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// Limits of a path, since the number of its matches may grow with their powers.
const (
	maxDescents = 2    // ".." in a path, its filters included
	maxUnion    = 1000 // ways through all unions of a path
)

// ParsePath compiles "$", "$.a[0]", "$..b", "$.c[?(@.d > 1)]" or "$$.Execution.Id".
func ParsePath(text string) (Path, error) {
	p := Path{text: text}
	rest := text
	if strings.HasPrefix(text, "$$") {
		p.context, rest = true, text[1:]
	}
	if !strings.HasPrefix(rest, "$") {
		return Path{}, fmt.Errorf("'%s' is no path: it does not begin with '$'", clip(text))
	}
	if len(rest) > 1 && rest[1] != '.' && rest[1] != '[' {
		return Path{}, fmt.Errorf("'%s' is no path: '.' or '[' must follow '$'", clip(text))
	}
	x, err := jp.ParseString(rest)
	if err != nil {
		return Path{}, fmt.Errorf("'%s' is no path: %w", clip(text), err)
	}
	if strings.Count(rest, "..") > maxDescents {
		return Path{}, fmt.Errorf("'%s' is no path for the simulator: it has more than %d '..'", clip(text), maxDescents)
	}
	p.expr, p.definite = x, true
	ways := 1
	for i, frag := range x {
		switch f := frag.(type) {
		case jp.Root:
			if i > 0 {
				return Path{}, fmt.Errorf("'%s' is no path: '$' stands in its middle", clip(text))
			}
		case jp.Child, jp.Nth:
		case jp.Wildcard, jp.Descent, jp.Slice, *jp.Filter:
			p.definite = false
		case jp.Union:
			p.definite = false
			if ways *= len(f); ways > maxUnion {
				return Path{}, fmt.Errorf("'%s' is no path for the simulator: its unions have more than %d combinations", clip(text), maxUnion)
			}
		default:
			return Path{}, fmt.Errorf("'%s' is no path: %T is not part of the states language", clip(text), frag)
		}
	}
	return p, nil
}

// String is the path as it was written.
func (p Path) String() string {
	if p.text == "" {
		return "$"
	}
	return p.text
}

// Get evaluates the path: a definite path gives its value or a MissingError, any other the list of what it matches.
func (p Path) Get(env Env) (any, error) {
	root := env.Input
	if p.context {
		if env.Context == nil {
			return nil, errors.New("there is no context object here")
		}
		root = env.Context()
	}
	if len(p.expr) <= 1 {
		return root, nil
	}
	if !p.definite {
		return p.all(root)
	}
	v, ok := walk(root, p.expr[1:])
	if !ok {
		return nil, &MissingError{p.String(), root}
	}
	return v, nil
}

// all is the list of what an indefinite path matches. A filter that ojg cannot apply to the values is an error.
func (p Path) all(root any) (found []any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the path '%s' cannot be applied: %v", p, r)
		}
	}()
	if found = p.expr.Get(root); found == nil {
		found = []any{}
	}
	return found, nil
}

// walk follows names and indices; ojg would take a null on the way for nothing.
func walk(v any, path jp.Expr) (any, bool) {
	for _, frag := range path {
		switch f := frag.(type) {
		case jp.Child:
			object, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = object[string(f)]; !ok {
				return nil, false
			}
		case jp.Nth:
			list, ok := v.([]any)
			i := int(f)
			if i < 0 {
				i += len(list)
			}
			if !ok || i < 0 || i >= len(list) {
				return nil, false
			}
			v = list[i]
		}
	}
	return v, true
}

// Reference is a reference path: it names one place by names and indices only.
type Reference struct{ path Path }

// ParseReference compiles a reference path into the state's own data.
func ParseReference(text string) (Reference, error) {
	p, err := ParsePath(text)
	if err != nil {
		return Reference{}, err
	}
	if p.context {
		return Reference{}, fmt.Errorf("'%s' is no reference path: the context object cannot be written", clip(text))
	}
	for _, frag := range p.expr[1:] {
		n, index := frag.(jp.Nth)
		if _, name := frag.(jp.Child); !name && !index || index && n < 0 {
			return Reference{}, fmt.Errorf("'%s' is no reference path: it may have only names and indices, such as $.a.b[0]", clip(text))
		}
	}
	return Reference{p}, nil
}

// String is the reference path as it was written.
func (r Reference) String() string { return r.path.String() }

// Set returns a copy of root in which the place holds v. Objects on the way are made where nothing stands; anything else
// in the way is an error.
func (r Reference) Set(root, v any) (any, error) {
	if len(r.path.expr) <= 1 {
		return v, nil
	}
	out, err := set(root, true, r.path.expr[1:], v)
	if err != nil {
		return nil, fmt.Errorf("Unable to apply ReferencePath %s to input %s: %w", r, clip(string(value.Encode(root))), err)
	}
	return out, nil
}

func set(at any, exists bool, path jp.Expr, v any) (any, error) {
	if len(path) == 0 {
		return v, nil
	}
	switch f := path[0].(type) {
	case jp.Child:
		object, ok := at.(map[string]any)
		if exists && !ok {
			return nil, fmt.Errorf("'%s' needs an object and finds another kind of value", string(f))
		}
		below, has := object[string(f)]
		made, err := set(below, has, path[1:], v)
		if err != nil {
			return nil, err
		}
		next := make(map[string]any, len(object)+1)
		for k, w := range object {
			next[k] = w
		}
		next[string(f)] = made
		return next, nil
	case jp.Nth:
		list, ok := at.([]any)
		if !ok || int(f) >= len(list) {
			return nil, fmt.Errorf("index %d needs an array that has it", int(f))
		}
		made, err := set(list[f], true, path[1:], v)
		if err != nil {
			return nil, err
		}
		next := append([]any(nil), list...)
		next[f] = made
		return next, nil
	}
	return nil, fmt.Errorf("%T is no part of a reference path", path[0])
}
