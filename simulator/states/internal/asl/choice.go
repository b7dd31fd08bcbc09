package asl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/expr"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// Rule is a compiled choice rule: a comparison, or And, Or or Not over others.
type Rule struct {
	Next string
	op   string
	subs []Rule
	left expr.Path
	want any        // the operand, of the kind that op compares
	path *expr.Path // the operand of an operator that ends with Path
}

// comparison finds the kind that an operator compares: its name without relation and Path.
func comparison(op string) (kind, relation string, ok bool) {
	for _, kind := range []string{"String", "Numeric", "Timestamp", "Boolean"} {
		relation, has := strings.CutPrefix(op, kind)
		if !has {
			continue
		}
		switch relation {
		case "Equals":
			return kind, relation, true
		case "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals":
			return kind, relation, kind != "Boolean"
		case "Matches":
			return kind, relation, kind == "String"
		}
	}
	return "", "", false
}

func (p *parser) choice(s *State, n node) {
	if !n.required("Choices") {
		return
	}
	rules := n.objects("Choices")
	if len(rules) == 0 {
		n.bad("Choices", "At least one choice rule is required")
	}
	s.Default = n.text("Default")
	for _, r := range rules {
		s.Rules = append(s.Rules, p.rule(r, true))
	}
}

// rule reads one rule; only those at the top have Next.
func (p *parser) rule(n node, top bool) Rule {
	r := Rule{Next: n.text("Next")}
	if top {
		n.required("Next")
	} else if n.has("Next") {
		n.bad("Next", "Field 'Next' is not supported in a nested rule")
	}
	var ops []string
	for f := range n.fields {
		switch f {
		case "Next", "Comment", "Variable":
		case "Condition", "Assign", "Output":
			n.refuse(f, "the field '"+f+"'")
		default:
			ops = append(ops, f)
		}
	}
	if len(ops) != 1 {
		slices.Sort(ops)
		p.fault(n.where(), SchemaFailed, "A choice rule must have exactly one operator, and has [%s]", strings.Join(ops, ", "))
		return r
	}
	r.op = ops[0]
	switch r.op {
	case "And", "Or":
		subs := n.objects(r.op)
		if len(subs) == 0 {
			n.bad(r.op, "Expected a non-empty array of rules")
		}
		for _, sub := range subs {
			r.subs = append(r.subs, p.rule(sub, false))
		}
	case "Not":
		if sub, ok := n.object("Not"); ok {
			r.subs = []Rule{p.rule(sub, false)}
		}
	default:
		p.operand(&r, n)
	}
	return r
}

// operand reads what a comparison compares with.
func (p *parser) operand(r *Rule, n node) {
	if !n.required("Variable") {
		return
	}
	r.left = *n.path("Variable")
	if strings.HasPrefix(r.op, "Is") {
		if !slices.Contains([]string{"IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"}, r.op) {
			n.bad(r.op, "Field '%s' is not supported", r.op)
		}
		r.want = n.boolean(r.op)
		return
	}
	bare, byPath := strings.CutSuffix(r.op, "Path")
	kind, relation, ok := comparison(bare)
	if !ok || byPath && relation == "Matches" {
		n.bad(r.op, "Field '%s' is not supported", r.op)
		return
	}
	if byPath {
		r.path = n.path(r.op)
		r.op = bare
		return
	}
	if r.want, ok = operandOf(kind, n.fields[r.op]); !ok {
		n.bad(r.op, "Expected value of type %s", kind)
	}
}

// operandOf converts a JSON value to the kind that is compared.
func operandOf(kind string, v any) (any, bool) {
	switch kind {
	case "String":
		s, ok := v.(string)
		return s, ok
	case "Numeric":
		return value.Number(v)
	case "Boolean":
		b, ok := v.(bool)
		return b, ok
	}
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	t, err := ParseTimestamp(s)
	return t, err == nil
}

// ParseTimestamp reads the RFC 3339 profile of the states language: an upper-case T, and Z or an offset.
func ParseTimestamp(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("'%s' is not RFC 3339 with an upper-case T and a zone", s)
	}
	return t, nil
}

// Match evaluates the rule. A variable that leads to nothing is an error, save for IsPresent.
func (r Rule) Match(env expr.Env) (bool, error) {
	switch r.op {
	case "And", "Or":
		for _, sub := range r.subs {
			ok, err := sub.Match(env)
			if err != nil || ok == (r.op == "Or") {
				return ok, err
			}
		}
		return r.op == "And", nil
	case "Not":
		ok, err := r.subs[0].Match(env)
		return !ok, err
	}
	left, err := r.left.Get(env)
	if r.op == "IsPresent" {
		return (err == nil) == r.want, nil
	}
	if err != nil {
		return false, fmt.Errorf("Invalid path '%s': The choice state's condition path references an invalid value. %w", r.left, err)
	}
	if strings.HasPrefix(r.op, "Is") {
		return is(r.op, left) == r.want, nil
	}
	kind, relation, _ := comparison(r.op)
	want := r.want
	if r.path != nil {
		v, err := r.path.Get(env)
		if err != nil {
			return false, fmt.Errorf("Invalid path '%s': The choice state's condition path references an invalid value. %w", r.path, err)
		}
		var ok bool
		if want, ok = operandOf(kind, v); !ok {
			return false, nil
		}
	}
	have, ok := operandOf(kind, left)
	if !ok {
		return false, nil
	}
	return compare(relation, have, want), nil
}

func is(op string, v any) bool {
	switch op {
	case "IsNull":
		return v == nil
	case "IsNumeric":
		_, ok := value.Number(v)
		return ok
	case "IsString":
		_, ok := v.(string)
		return ok
	case "IsBoolean":
		_, ok := v.(bool)
		return ok
	}
	_, ok := operandOf("Timestamp", v)
	return ok
}

// compare applies a relation to two operands of one kind.
func compare(relation string, a, b any) bool {
	order := 0
	switch x := a.(type) {
	case bool:
		return x == b.(bool)
	case string:
		if relation == "Matches" {
			return matches(b.(string), x)
		}
		order = strings.Compare(x, b.(string))
	case float64:
		switch y := b.(float64); {
		case x < y:
			order = -1
		case x > y:
			order = 1
		}
	case time.Time:
		order = x.Compare(b.(time.Time))
	}
	switch relation {
	case "Equals":
		return order == 0
	case "LessThan":
		return order < 0
	case "LessThanEquals":
		return order <= 0
	case "GreaterThan":
		return order > 0
	}
	return order >= 0
}

// matches compares a text with a pattern in which * stands for any text and \* for itself.
func matches(pattern, s string) bool {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteByte(pattern[i])
		case c == '*':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	last := b.String()
	if parts == nil {
		return s == last
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, part := range parts[1:] {
		_, after, ok := strings.Cut(s, part)
		if !ok {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, last)
}
