package infer

import (
	"strconv"
	"strings"
)

// Parse reads an expression in the form that String writes, which is also that of exporters ("past + 1", "2*batch"): sums
// with spaces around + and -, products, quotients (//), min, max, brackets, names in quotes. Any other text is a name.
// The empty text is unknown.
func Parse(text string) Dim {
	if text == "" || len(text) > maxText {
		return Dim{}
	}
	p := &parser{rest: text}
	if d, ok := p.sum(0); ok && strings.TrimSpace(p.rest) == "" {
		return d
	}
	return Symbol(text)
}

// maxNesting bounds brackets.
const maxNesting = 32

type parser struct{ rest string }

func (p *parser) skip(token string) bool {
	s, ok := strings.CutPrefix(strings.TrimLeft(p.rest, " "), token)
	if ok {
		p.rest = s
	}
	return ok
}

func (p *parser) sum(depth int) (Dim, bool) {
	if depth > maxNesting {
		return Dim{}, false
	}
	out, ok := p.product(depth)
	for ok {
		var next Dim
		switch {
		case p.skip("+ "):
			next, ok = p.product(depth)
			out = out.Add(next)
		case p.skip("- "):
			next, ok = p.product(depth)
			out = out.Sub(next)
		default:
			return out, out.Known()
		}
	}
	return Dim{}, false
}

func (p *parser) product(depth int) (Dim, bool) {
	out, ok := p.factor(depth)
	for ok {
		var next Dim
		switch {
		case p.skip("//"):
			next, ok = p.factor(depth)
			out = out.Div(next)
		case p.skip("*"):
			next, ok = p.factor(depth)
			out = out.Mul(next)
		default:
			return out, true
		}
	}
	return Dim{}, false
}

func (p *parser) factor(depth int) (Dim, bool) {
	switch {
	case p.skip("("):
		d, ok := p.sum(depth + 1)
		return d, ok && p.skip(")")
	case p.skip("min("):
		return p.pair(depth, Min)
	case p.skip("max("):
		return p.pair(depth, Max)
	case p.skip("'"):
		name, rest, ok := strings.Cut(p.rest, "'")
		p.rest = rest
		return Symbol(name), ok && name != ""
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	end := 0
	for end < len(p.rest) && (nameByte(p.rest[end]) || p.rest[end] == '-') {
		end++
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	if plainName(word) {
		return Symbol(word), true
	}
	n, err := strconv.ParseInt(word, 10, 54)
	return Const(n), err == nil
}

func (p *parser) pair(depth int, of func(a, b Dim) Dim) (Dim, bool) {
	a, okA := p.sum(depth + 1)
	comma := p.skip(",")
	b, okB := p.sum(depth + 1)
	return of(a, b), okA && comma && okB && p.skip(")")
}

func nameByte(c byte) bool {
	return c == '_' || c == '.' || c == ':' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

// plainName reports whether a name needs no quotes inside an expression.
func plainName(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) && (s[i] != '-' || i == 0) {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}

func quoteName(s string) string {
	if plainName(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "’") + "'"
}
