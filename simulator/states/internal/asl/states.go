package asl

import (
	"math"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shardwise/shardwise/simulator/states/internal/expr"
)

const (
	maxName    = 80       // characters of a state's name
	maxSeconds = 99999999 // AWS's largest timeout and wait
)

// machine reads a list of states and checks that each can be reached and each target exists.
func (p *parser) machine(n node, whole bool) *Machine {
	m := &Machine{States: map[string]*State{}}
	if whole {
		p.names = map[string]bool{}
		n.known("Comment", "StartAt", "States", "Version", "TimeoutSeconds")
		m.TimeoutSeconds = n.integer("TimeoutSeconds", 1, maxSeconds, 0)
		if v := n.text("Version"); n.has("Version") && v != "1.0" {
			n.bad("Version", "Version '%s' is not supported: only 1.0 is", v)
		}
	} else {
		n.known("Comment", "StartAt", "States", "ProcessorConfig")
	}
	n.text("Comment")
	if !n.required("StartAt", "States") {
		return m
	}
	m.StartAt = n.text("StartAt")
	list, ok := n.object("States")
	if !ok {
		return m
	}
	if len(list.fields) == 0 {
		n.bad("States", "At least one state is required")
	}
	var names []string
	for name := range list.fields {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if utf8.RuneCountInString(name) > maxName || name == "" {
			list.bad(name, "State name must have 1 to %d characters", maxName)
		}
		if p.names[name] {
			list.bad(name, "State name '%s' is not unique within the state machine", name)
		}
		p.names[name] = true
		if body, ok := list.object(name); ok {
			m.States[name] = p.state(name, body)
		}
	}
	p.targets(n, m)
	return m
}

// targets checks the transitions of a list of states.
func (p *parser) targets(n node, m *Machine) {
	list := node{nil, n.place("States"), p}
	if m.States[m.StartAt] == nil && m.StartAt != "" {
		p.fault(n.place("StartAt"), MissingTarget, "Missing 'StartAt' target: %s", m.StartAt)
		return
	}
	reached := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if reached[name] || m.States[name] == nil {
			return
		}
		reached[name] = true
		for _, e := range m.States[name].edges() {
			if m.States[e.to] == nil {
				p.fault(list.place(name)+e.field, MissingTarget, "Missing '%s' target: %s", e.field[strings.LastIndexByte(e.field, '/')+1:], e.to)
			}
			visit(e.to)
		}
	}
	visit(m.StartAt)
	var lost []string
	for name := range m.States {
		if !reached[name] {
			lost = append(lost, name)
		}
	}
	sort.Strings(lost)
	for _, name := range lost {
		p.fault(list.place(name), MissingTarget, "State \"%s\" is not reachable.", name)
	}
}

type edge struct{ field, to string }

func (s *State) edges() []edge {
	var out []edge
	if s.Next != "" {
		out = append(out, edge{"/Next", s.Next})
	}
	if s.Default != "" {
		out = append(out, edge{"/Default", s.Default})
	}
	for _, c := range s.Catch {
		out = append(out, edge{"/Catch/Next", c.Next})
	}
	for _, r := range s.Rules {
		out = append(out, edge{"/Choices/Next", r.Next})
	}
	return out
}

// state reads one state.
func (p *parser) state(name string, n node) *State {
	s := &State{Name: name, ResultPath: Placement{Whole: true}}
	if !n.required("Type") {
		return s
	}
	s.Type = n.text("Type")
	n.text("Comment")
	common := []string{"Type", "Comment"}
	flow := append([]string{"InputPath", "OutputPath"}, common...)
	work := append([]string{"Parameters", "ResultSelector", "ResultPath", "Retry", "Catch", "Next", "End"}, flow...)
	switch s.Type {
	case "Task":
		n.known(append(work, "Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath")...)
		p.task(s, n)
	case "Parallel":
		n.known(append(work, "Branches")...)
		p.parallel(s, n)
	case "Map":
		n.known(append(work, mapFields...)...)
		p.mapState(s, n)
	case "Pass":
		n.known(append(flow, "Parameters", "Result", "ResultPath", "Next", "End")...)
		s.Result, s.HasResult = n.fields["Result"], n.has("Result")
	case "Wait":
		n.known(append(flow, "Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Next", "End")...)
		p.wait(s, n)
	case "Choice":
		n.known(append(flow, "Choices", "Default")...)
		p.choice(s, n)
	case "Succeed":
		n.known(flow...)
	case "Fail":
		n.known(append(common, "Error", "ErrorPath", "Cause", "CausePath")...)
		s.Error, s.Cause = n.words("Error"), n.words("Cause")
	default:
		n.bad("Type", "Value '%s' is not one of: [Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map]", s.Type)
		return s
	}
	p.common(s, n)
	return s
}

// common reads the fields that several types share; known has refused them elsewhere.
func (p *parser) common(s *State, n node) {
	s.InputPath, s.OutputPath = n.selection("InputPath"), n.selection("OutputPath")
	if s.Type != "Map" { // there Parameters is the former name of ItemSelector
		s.Parameters = n.template("Parameters")
	}
	s.ResultSelector = n.template("ResultSelector")
	s.ResultPath = n.placement("ResultPath")
	for _, r := range n.objects("Retry") {
		s.Retry = append(s.Retry, p.retrier(r))
	}
	for _, c := range n.objects("Catch") {
		c.known("ErrorEquals", "Next", "ResultPath", "Comment")
		c.required("ErrorEquals", "Next")
		s.Catch = append(s.Catch, Catcher{Errors: c.errors(), Next: c.text("Next"), Place: c.placement("ResultPath")})
	}
	p.lastOfAll(n, "Retry", func(i int) []string { return s.Retry[i].Errors }, len(s.Retry))
	p.lastOfAll(n, "Catch", func(i int) []string { return s.Catch[i].Errors }, len(s.Catch))
	switch s.Type {
	case "Choice", "Succeed", "Fail":
		return
	}
	s.Next = n.text("Next")
	end := n.boolean("End")
	if end == n.has("Next") {
		p.fault(n.where(), SchemaFailed, "Exactly one of these fields is required: [End, Next]")
	}
}

// lastOfAll checks that States.ALL stands alone and last.
func (p *parser) lastOfAll(n node, field string, errors func(int) []string, count int) {
	for i := range count {
		names := errors(i)
		for _, e := range names {
			if e == "States.ALL" && (len(names) > 1 || i < count-1) {
				n.bad(field, "States.ALL must appear alone and at end of list")
			}
		}
	}
}

// errors reads ErrorEquals.
func (n node) errors() []string {
	list, ok := n.fields["ErrorEquals"].([]any)
	if !ok || len(list) == 0 {
		if n.has("ErrorEquals") {
			n.bad("ErrorEquals", "Expected a non-empty array of error names")
		}
		return nil
	}
	var out []string
	for _, v := range list {
		s, ok := v.(string)
		if !ok || s == "" {
			n.bad("ErrorEquals", "Expected a non-empty array of error names")
			return nil
		}
		out = append(out, s)
	}
	return out
}

func (p *parser) retrier(n node) Retrier {
	n.known("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
	n.required("ErrorEquals")
	r := Retrier{Errors: n.errors(), Interval: time.Duration(n.integer("IntervalSeconds", 1, maxSeconds, 1)) * time.Second,
		Attempts: n.integer("MaxAttempts", 0, maxSeconds, 3), Backoff: 2}
	if v, ok := n.fields["BackoffRate"]; ok {
		f, isNumber := number(v)
		if !isNumber || f < 1 || math.IsNaN(f) {
			n.bad("BackoffRate", "Value must be a number of at least 1.0")
		}
		r.Backoff = f
	}
	if n.has("MaxDelaySeconds") {
		r.MaxDelay = time.Duration(n.integer("MaxDelaySeconds", 1, 31622400, 1)) * time.Second
		if r.MaxDelay <= r.Interval && n.has("IntervalSeconds") {
			n.bad("MaxDelaySeconds", "Value must be greater than IntervalSeconds")
		}
	}
	switch j := n.text("JitterStrategy"); {
	case !n.has("JitterStrategy") || j == "NONE":
	case j == "FULL":
		r.Full = true
	default:
		n.bad("JitterStrategy", "Value '%s' is not one of: [FULL, NONE]", j)
	}
	return r
}

// words reads a text or the path to one in the field with "Path" appended.
func (n node) words(name string) Text {
	n.exclusive(name, name+"Path")
	if n.has(name) {
		return Text{Value: n.text(name), Set: true}
	}
	if !n.has(name + "Path") {
		return Text{}
	}
	x, err := expr.ParseExpression(n.text(name + "Path"))
	if err != nil {
		n.bad(name+"Path", "Value is neither a path nor a call of an intrinsic function: %v", err)
	}
	return Text{Expr: &x, Set: true}
}

func (p *parser) wait(s *State, n node) {
	count := 0
	for _, f := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if n.has(f) {
			count++
		}
	}
	if count != 1 {
		p.fault(n.where(), SchemaFailed, "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]")
		return
	}
	s.Wait.Seconds = n.bound("Seconds", 0, maxSeconds)
	s.Wait.Path = n.path("TimestampPath")
	if n.has("Timestamp") {
		var err error
		if s.Wait.Timestamp, err = ParseTimestamp(n.text("Timestamp")); err != nil {
			n.bad("Timestamp", "Value is not a timestamp: %v", err)
		}
	}
}

func (p *parser) parallel(s *State, n node) {
	n.required("Branches")
	branches := n.objects("Branches")
	if n.has("Branches") && len(branches) == 0 {
		n.bad("Branches", "At least one branch is required")
	}
	for _, b := range branches {
		if b.has("ProcessorConfig") {
			b.bad("ProcessorConfig", "Field 'ProcessorConfig' is not supported")
		}
		s.Branches = append(s.Branches, p.machine(b, false))
	}
}
