package expr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// maxDepth bounds how deep calls of intrinsic functions may nest; AWS says ten.
const maxDepth = 10

// encode is value.Encode under a name that reads well in this package.
func encode(v any) []byte { return value.Encode(v) }

// call is a call of an intrinsic function, its arguments not yet evaluated.
type call struct {
	function intrinsic
	name     string
	args     []argument
}

// argument is a literal, a path or a nested call.
type argument struct {
	literal any
	path    *Path
	call    *call
}

// IntrinsicError is the failure of an intrinsic function.
type IntrinsicError struct {
	Function string
	Err      error
}

func (e *IntrinsicError) Error() string { return e.Function + ": " + e.Err.Error() }

func (e *IntrinsicError) Unwrap() error { return e.Err }

// parseCall reads "States.Name(argument, ...)".
func parseCall(text string) (*call, error) {
	r := &callReader{text: text}
	c, err := r.call(1)
	if err != nil {
		return nil, fmt.Errorf("'%s' is no call of an intrinsic function: %w", clip(text), err)
	}
	if r.space(); r.at != len(text) {
		return nil, fmt.Errorf("'%s' is no call of an intrinsic function: something follows its end", clip(text))
	}
	return c, nil
}

type callReader struct {
	text string
	at   int
}

func (r *callReader) space() {
	for r.at < len(r.text) && r.text[r.at] == ' ' {
		r.at++
	}
}

func (r *callReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *callReader) call(depth int) (*call, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("calls nest deeper than %d", maxDepth)
	}
	begin := r.at
	for r.at < len(r.text) && r.text[r.at] != '(' {
		r.at++
	}
	name := r.text[begin:r.at]
	f, ok := intrinsics(name)
	if !ok {
		return nil, fmt.Errorf("there is no function '%s'", clip(name))
	}
	if r.peek() != '(' {
		return nil, errors.New("'(' is missing")
	}
	r.at++
	c := &call{function: f, name: name}
	if r.space(); r.peek() == ')' {
		r.at++
		return c, f.check(name, 0)
	}
	for {
		r.space()
		a, err := r.argument(depth)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, a)
		r.space()
		switch r.peek() {
		case ',':
			r.at++
		case ')':
			r.at++
			return c, f.check(name, len(c.args))
		default:
			return nil, fmt.Errorf("',' or ')' is missing at byte %d", r.at)
		}
	}
}

func (r *callReader) argument(depth int) (argument, error) {
	switch c := r.peek(); {
	case c == '\'':
		s, err := r.quoted()
		return argument{literal: s}, err
	case c == '$':
		p, err := ParsePath(r.until())
		return argument{path: &p}, err
	case strings.HasPrefix(r.text[r.at:], "States."):
		nested, err := r.call(depth + 1)
		return argument{call: nested}, err
	}
	word := strings.TrimSpace(r.until())
	switch word {
	case "true":
		return argument{literal: true}, nil
	case "false":
		return argument{literal: false}, nil
	case "null":
		return argument{}, nil
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return argument{literal: n}, nil
	}
	if v, err := value.Decode([]byte(word)); err == nil {
		if f, ok := v.(float64); ok {
			return argument{literal: f}, nil
		}
	}
	return argument{}, fmt.Errorf("'%s' is no argument: write a path, a number, a call, true, false, null or a 'text'", clip(word))
}

// until takes what stands before the next ',' or ')' outside brackets and quotes.
func (r *callReader) until() string {
	begin, depth := r.at, 0
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(r.text[r.at+1:], c)
			if end < 0 {
				r.at = len(r.text)
				return r.text[begin:]
			}
			r.at += end + 1
		case c == '[' || c == '(':
			depth++
		case c == ']' || c == ')' && depth > 0:
			depth--
		case depth <= 0 && (c == ',' || c == ')'):
			return strings.TrimRight(r.text[begin:r.at], " ")
		}
	}
	return r.text[begin:]
}

// quoted reads a text in single quotes. A backslash keeps the next character; before a brace it stays, for States.Format.
func (r *callReader) quoted() (string, error) {
	var b strings.Builder
	for r.at++; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case '\'':
			r.at++
			return b.String(), nil
		case '\\':
			if r.at+1 == len(r.text) {
				return "", errors.New("a text ends with a backslash")
			}
			r.at++
			if next := r.text[r.at]; next == '{' || next == '}' || next == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(r.text[r.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("a text has no closing quote")
}

// eval evaluates the arguments, then the function.
func (c *call) eval(env Env) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		var err error
		switch {
		case a.path != nil:
			args[i], err = a.path.Get(env)
		case a.call != nil:
			args[i], err = a.call.eval(env)
		default:
			args[i] = a.literal
			if s, ok := a.literal.(string); ok && c.name != "States.Format" {
				args[i] = unescape(s)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	v, err := c.function.eval(args)
	if err != nil {
		return nil, &IntrinsicError{c.name, err}
	}
	return v, nil
}

// unescape takes the backslashes away that quoted kept.
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\{`, `{`, `\}`, `}`).Replace(s)
}
