package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/shardwise/shardwise/simulator/states/internal/expr"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// MaxDefinition is AWS's quota of a definition's size in bytes.
const MaxDefinition = 1 << 20

// Codes of diagnostics, as AWS has them.
const (
	SchemaFailed  = "SCHEMA_VALIDATION_FAILED"
	InvalidJSON   = "INVALID_JSON_DESCRIPTION"
	MissingTarget = "MISSING_TRANSITION_TARGET"
)

// Diagnostic is one fault of a definition.
type Diagnostic struct {
	Code     string
	Message  string
	Location string // JSON pointer, "/" for the whole; empty when the definition is no JSON object
}

// String words a diagnostic as InvalidDefinition does.
func (d Diagnostic) String() string {
	if d.Location == "" {
		return d.Code + ": " + d.Message
	}
	return d.Code + ": " + d.Message + " at " + d.Location
}

// Parse compiles a definition for a machine that is EXPRESS or STANDARD. The machine is nil when there are diagnostics.
func Parse(definition []byte, express bool) (*Machine, []Diagnostic) {
	p := &parser{express: express}
	if len(definition) > MaxDefinition {
		p.fault("", SchemaFailed, "Definition must not exceed %d bytes", MaxDefinition)
		return nil, p.found
	}
	v, err := value.Decode(definition)
	if err != nil && len(strings.TrimSpace(string(definition))) > 0 {
		p.found = append(p.found, jsonFault(definition, err))
		return nil, p.found
	}
	object, ok := v.(map[string]any)
	if !ok {
		p.fault("", SchemaFailed, "Definition must be a valid JSON object")
		return nil, p.found
	}
	m := p.machine(node{object, "", p}, true)
	if len(p.found) > 0 {
		return nil, p.found
	}
	return m, nil
}

// jsonFault words a syntax error with its place.
func jsonFault(text []byte, err error) Diagnostic {
	at := len(text)
	if s := (*json.SyntaxError)(nil); errors.As(err, &s) {
		at = int(s.Offset)
	}
	before := string(text[:min(at, len(text))])
	line, column := strings.Count(before, "\n")+1, at-strings.LastIndexByte(before, '\n')-1
	return Diagnostic{Code: InvalidJSON, Message: fmt.Sprintf("%v at [line: %d, column: %d]", err, line, column), Location: fmt.Sprintf("[line: %d, column: %d]", line, column)}
}

type parser struct {
	express bool // what is being read runs in an Express execution
	found   []Diagnostic
	names   map[string]bool // of all states, which must be unique in a definition
}

func (p *parser) fault(at, code, format string, args ...any) {
	p.found = append(p.found, Diagnostic{Code: code, Message: fmt.Sprintf(format, args...), Location: at})
}

// node is an object of the definition with its place.
type node struct {
	fields map[string]any
	at     string
	p      *parser
}

func (n node) place(name string) string { return n.at + "/" + expr.Escape(name) }

func (n node) where() string {
	if n.at == "" {
		return "/"
	}
	return n.at
}

func (n node) has(name string) bool {
	_, ok := n.fields[name]
	return ok
}

// bad reports a fault of one field.
func (n node) bad(name, format string, args ...any) {
	n.p.fault(n.place(name), SchemaFailed, format, args...)
}

// refuse reports something that AWS runs and this simulator does not.
func (n node) refuse(name, what string) {
	n.bad(name, "the simulator does not run %s", what)
}

// known reports every field that is not in the list; a field in refused is refused by name.
func (n node) known(names ...string) {
	var unknown []string
	for f := range n.fields {
		ok := false
		for _, k := range names {
			ok = ok || f == k
		}
		if !ok {
			unknown = append(unknown, f)
		}
	}
	sort.Strings(unknown)
	for _, f := range unknown {
		switch f {
		case "QueryLanguage":
			if n.fields[f] != "JSONPath" {
				n.refuse(f, fmt.Sprintf("QueryLanguage %v: write the machine in JSONPath", n.fields[f]))
			}
		case "Assign", "Output", "Arguments", "Items", "Condition", "Credentials":
			n.refuse(f, "the field '"+f+"'")
		default:
			n.bad(f, "Field '%s' is not supported", f)
		}
	}
}

// required reports which of the fields are missing.
func (n node) required(names ...string) bool {
	var missing []string
	for _, f := range names {
		if !n.has(f) {
			missing = append(missing, f)
		}
	}
	if missing != nil {
		sort.Strings(missing)
		n.p.fault(n.where(), SchemaFailed, "These fields are required: [%s]", strings.Join(missing, ", "))
	}
	return missing == nil
}

// exclusive reports fields that may not stand together.
func (n node) exclusive(names ...string) {
	var has []string
	for _, f := range names {
		if n.has(f) {
			has = append(has, f)
		}
	}
	if len(has) > 1 {
		n.p.fault(n.where(), SchemaFailed, "Only one of these fields may be given: [%s]", strings.Join(has, ", "))
	}
}

func (n node) text(name string) string {
	v, ok := n.fields[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		n.bad(name, "Expected value of type String")
	}
	return s
}

func (n node) boolean(name string) bool {
	v, ok := n.fields[name]
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		n.bad(name, "Expected value of type Boolean")
	}
	return b
}

// integer reads a whole number within bounds; fallback stands for an absent field.
func (n node) integer(name string, least, most, fallback int64) int64 {
	v, ok := n.fields[name]
	if !ok {
		return fallback
	}
	i, ok := value.Integer(v)
	if !ok {
		n.bad(name, "Expected value of type Integer")
		return fallback
	}
	if i < least || i > most {
		n.bad(name, "Value %d is out of bounds: must be between %d and %d", i, least, most)
	}
	return i
}

func (n node) object(name string) (node, bool) {
	v, ok := n.fields[name]
	if !ok {
		return node{}, false
	}
	o, ok := v.(map[string]any)
	if !ok {
		n.bad(name, "Expected value of type Object")
		return node{}, false
	}
	return node{o, n.place(name), n.p}, true
}

// objects reads an array of objects.
func (n node) objects(name string) []node {
	v, ok := n.fields[name]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		n.bad(name, "Expected value of type Array")
		return nil
	}
	var out []node
	for i, w := range list {
		at := fmt.Sprintf("%s/%d", n.place(name), i)
		o, ok := w.(map[string]any)
		if !ok {
			n.p.fault(at, SchemaFailed, "Expected value of type Object")
			continue
		}
		out = append(out, node{o, at, n.p})
	}
	return out
}

func (n node) path(name string) *expr.Path {
	if !n.has(name) {
		return nil
	}
	p, err := expr.ParsePath(n.text(name))
	if err != nil {
		n.bad(name, "Value is not a valid JSONPath: %v", err)
	}
	return &p
}

// selection reads a path that may be null.
func (n node) selection(name string) Selection {
	if v, ok := n.fields[name]; ok && v == nil {
		return Selection{Null: true}
	}
	if p := n.path(name); p != nil {
		return Selection{Path: *p}
	}
	return Selection{}
}

func (n node) placement(name string) Placement {
	v, ok := n.fields[name]
	if !ok {
		return Placement{Whole: true}
	}
	if v == nil {
		return Placement{Discard: true}
	}
	r, err := expr.ParseReference(n.text(name))
	if err != nil {
		n.bad(name, "Value is not a Reference Path: %v", err)
	}
	return Placement{Ref: r, Whole: r.String() == "$"}
}

func (n node) template(name string) *expr.Template {
	v, ok := n.fields[name]
	if !ok {
		return nil
	}
	t := expr.ParseTemplate(v, func(pointer string, err error) {
		n.p.fault(n.place(name)+pointer, SchemaFailed, "%v", err)
	})
	return &t
}

// bound reads a whole number, or a path in the field with "Path" appended.
func (n node) bound(name string, least, most int64) Bound {
	n.exclusive(name, name+"Path")
	switch {
	case n.has(name):
		return Bound{Value: float64(n.integer(name, least, most, 0)), Set: true}
	case n.has(name + "Path"):
		return Bound{Path: n.path(name + "Path"), Set: true}
	}
	return Bound{}
}
