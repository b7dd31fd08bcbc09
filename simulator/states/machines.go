package states

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/store"
)

// nameForm is what AWS allows in names of machines and executions.
var nameForm = regexp.MustCompile(`^[^\s<>{}\[\]?*"#%\\^|~` + "`" + `$&,;:/\x00-\x1f\x7f-\x9f]+$`)

const maxName = 80

func checkName(name string) *apiError {
	if !nameForm.MatchString(name) || utf8.RuneCountInString(name) > maxName {
		return refuse("InvalidName", "Invalid Name: '%s'", name)
	}
	return nil
}

// extras are fields of CreateStateMachine and UpdateStateMachine that are taken only when they ask for nothing.
type extras struct {
	Publish       bool            `json:"publish"`
	Logging       json.RawMessage `json:"loggingConfiguration"`
	Tracing       json.RawMessage `json:"tracingConfiguration"`
	Encryption    json.RawMessage `json:"encryptionConfiguration"`
	VersionNaming string          `json:"versionDescription"`
}

func badType(kind string) *apiError {
	return invalid("Value '%s' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]", kind)
}

func (e extras) check() *apiError {
	var logging struct {
		Level string `json:"level"`
	}
	var tracing struct {
		Enabled bool `json:"enabled"`
	}
	if json.Unmarshal(e.Logging, &logging) == nil && logging.Level != "" && logging.Level != "OFF" {
		return unsupported("loggingConfiguration")
	}
	if json.Unmarshal(e.Tracing, &tracing) == nil && tracing.Enabled {
		return unsupported("tracingConfiguration")
	}
	switch {
	case len(e.Encryption) > 0 && string(e.Encryption) != "null":
		return unsupported("encryptionConfiguration")
	case e.Publish:
		return unsupported("publish")
	case e.VersionNaming != "":
		return unsupported("versionDescription")
	}
	return nil
}

type createRequest struct {
	extras
	Name       string    `json:"name"`
	Definition *string   `json:"definition"`
	Role       string    `json:"roleArn"`
	Type       string    `json:"type"`
	Tags       []tagging `json:"tags"`
}

func (s *Server) createMachine(in *createRequest) (any, *apiError) {
	if in.Type == "" {
		in.Type = standard
	}
	switch {
	case in.Name == "":
		return nil, missing("name")
	case in.Definition == nil:
		return nil, missing("definition")
	case in.Role == "":
		return nil, missing("roleArn")
	case in.Type != standard && in.Type != express:
		return nil, badType(in.Type)
	}
	if refused := checkName(in.Name); refused != nil {
		return nil, refused
	}
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	if !strings.HasPrefix(in.Role, "arn:") {
		return nil, invalidARN("Invalid ARN prefix: %s", in.Role)
	}
	text := []byte(*in.Definition)
	if refused := checkDefinition(text, in.Type); refused != nil {
		return nil, refused
	}
	m := &machine{ARN: s.arn("stateMachine", in.Name), Name: in.Name, Type: in.Type, Role: in.Role, Digest: digest(text), Created: time.Now(), Tags: map[string]string{}}
	for _, t := range in.Tags {
		m.Tags[t.Key] = t.Value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if had := s.machines[m.ARN]; had != nil {
		if had.Digest != m.Digest || had.Type != m.Type {
			return nil, refuse("StateMachineAlreadyExists", "State Machine Already Exists: '%s'", m.ARN)
		}
		m = had // the call is idempotent; role and tags do not count
	} else if refused := s.keepMachine(m, text); refused != nil {
		return nil, refused
	}
	return map[string]any{"stateMachineArn": m.ARN, "creationDate": history.Seconds(m.Created)}, nil
}

// keepMachine keeps a machine and its definition. The caller holds the lock.
func (s *Server) keepMachine(m *machine, text []byte) *apiError {
	ops := []store.Op{put(inMachines, m.ARN, m)}
	if text != nil {
		ops = append(ops, store.Op{Bucket: inDefinitions, Key: m.Digest, Value: text})
	}
	if err := s.db.Write(ops...); err != nil {
		return internal(err)
	}
	s.machines[m.ARN] = m
	return nil
}

// find returns a machine.
func (s *Server) find(arn string) (*machine, *apiError) {
	if refused := s.parseARN(arn, "stateMachine"); refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[arn]; m != nil {
		return m, nil
	}
	return nil, noMachine(arn)
}

// checkDefinition refuses what cannot be run.
func checkDefinition(text []byte, kind string) *apiError {
	if refused := checkSize(text); refused != nil {
		return refused
	}
	if compiled, faults := asl.Parse(text, kind == express); compiled == nil {
		return invalidDefinition(faults)
	}
	return nil
}

func checkSize(definition []byte) *apiError {
	if len(definition) > asl.MaxDefinition {
		return invalid("Value at 'definition' failed to satisfy constraint: Member must have length less than or equal to %d", asl.MaxDefinition)
	}
	return nil
}

type updateRequest struct {
	extras
	ARN        string  `json:"stateMachineArn"`
	Definition *string `json:"definition"`
	Role       string  `json:"roleArn"`
}

func (s *Server) updateMachine(in *updateRequest) (any, *apiError) {
	had, refused := s.find(in.ARN)
	if refused != nil {
		return nil, refused
	}
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	if in.Definition == nil && in.Role == "" {
		return nil, refuse("MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	var text []byte
	if in.Definition != nil {
		text = []byte(*in.Definition)
		if refused := checkDefinition(text, had.Type); refused != nil {
			return nil, refused
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := *had
	if text != nil {
		m.Digest = digest(text)
	}
	if in.Role != "" {
		m.Role = in.Role
	}
	m.Updated, m.Revision = time.Now(), uuid.NewString()
	if refused := s.keepMachine(&m, text); refused != nil {
		return nil, refused
	}
	return map[string]any{"updateDate": history.Seconds(m.Updated), "revisionId": m.Revision}, nil
}

type machineRequest struct {
	included
	ARN string `json:"stateMachineArn"`
}

// included is how requests ask for less than everything, which matters for encrypted data only.
type included struct {
	Data string `json:"includedData"`
}

func (i included) check() *apiError {
	if i.Data != "" && i.Data != "ALL_DATA" {
		return unsupported("includedData")
	}
	return nil
}

// deleteMachine forgets a machine; executions that run go on with their definition. It is no error when there is none.
func (s *Server) deleteMachine(in *machineRequest) (any, *apiError) {
	if refused := s.parseARN(in.ARN, "stateMachine"); refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.machines, in.ARN)
	if err := s.db.Write(store.Op{Bucket: inMachines, Key: in.ARN}); err != nil {
		return nil, internal(err)
	}
	return map[string]any{}, nil
}

func (s *Server) describeMachine(in *machineRequest) (any, *apiError) {
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	m, refused := s.find(in.ARN)
	if refused != nil {
		return nil, refused
	}
	text, err := s.definition(m.Digest)
	if err != nil {
		return nil, internal(err)
	}
	out := described(m.ARN, m.Name, m.Role, string(text))
	out["status"], out["type"], out["creationDate"] = "ACTIVE", m.Type, history.Seconds(m.Created)
	if m.Revision != "" {
		out["revisionId"] = m.Revision
	}
	return out, nil
}

// described is what both forms of DescribeStateMachine tell.
func described(arn, name, role, definition string) map[string]any {
	return map[string]any{"stateMachineArn": arn, "name": name, "roleArn": role, "definition": definition,
		"loggingConfiguration": map[string]any{"level": "OFF", "includeExecutionData": false}, "tracingConfiguration": map[string]any{"enabled": false}}
}

func (s *Server) describeMachineForExecution(in *executionRequest) (any, *apiError) {
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	ex, refused := s.findExecution(in.ARN)
	if refused != nil {
		return nil, refused
	}
	text, err := s.definition(ex.Digest)
	if err != nil {
		return nil, internal(err)
	}
	if ex.Processor != "" {
		if text, err = subDefinition(text, ex.Processor); err != nil {
			return nil, internal(err)
		}
	}
	out := described(ex.MachineARN, ex.Machine, ex.Role, string(text))
	out["updateDate"] = history.Seconds(ex.Start)
	if ex.Revision != "" {
		out["revisionId"] = ex.Revision
	}
	if ex.MapRun != "" {
		_, out["label"], _ = strings.Cut(ex.Machine, "/")
		out["mapRunArn"] = ex.MapRun
	}
	return out, nil
}

// subDefinition is the part of a definition at a JSON pointer through objects and arrays.
func subDefinition(text []byte, pointer string) ([]byte, error) {
	at := json.RawMessage(text)
	for _, step := range strings.Split(pointer[1:], "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var object map[string]json.RawMessage
		if json.Unmarshal(at, &object) == nil {
			at = object[step]
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(at, &list); err != nil {
			return nil, err
		}
		var i int
		if err := json.Unmarshal([]byte(step), &i); err != nil || i < 0 || i >= len(list) {
			return nil, err
		}
		at = list[i]
	}
	return at, nil
}

func (s *Server) listMachines(in *paging) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Values(s.machines))
	slices.SortFunc(list, func(a, b *machine) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ARN, b.ARN)) })
	return page(*in, "stateMachines", list, func(m *machine) string { return m.ARN }, func(m *machine) any {
		return map[string]any{"stateMachineArn": m.ARN, "name": m.Name, "type": m.Type, "creationDate": history.Seconds(m.Created)}
	})
}

type validateRequest struct {
	Definition *string `json:"definition"`
	Type       string  `json:"type"`
	Severity   string  `json:"severity"`
	MaxResults int     `json:"maxResults"`
}

func (s *Server) validateDefinition(in *validateRequest) (any, *apiError) {
	if in.Definition == nil {
		return nil, missing("definition")
	}
	if in.Type != "" && in.Type != standard && in.Type != express {
		return nil, badType(in.Type)
	}
	if !slices.Contains([]string{"", "ERROR", "WARNING"}, in.Severity) {
		return nil, invalid("Value '%s' at 'severity' failed to satisfy constraint: Member must satisfy enum value set: [ERROR, WARNING]", in.Severity)
	}
	if refused := checkSize([]byte(*in.Definition)); refused != nil {
		return nil, refused
	}
	_, faults := asl.Parse([]byte(*in.Definition), in.Type == express)
	most := in.MaxResults
	if most <= 0 || most > defaultPage {
		most = defaultPage
	}
	list := []any{}
	for _, f := range faults[:min(most, len(faults))] {
		d := map[string]any{"severity": "ERROR", "code": f.Code, "message": f.Message}
		if f.Location != "" {
			d["location"] = f.Location
		}
		list = append(list, d)
	}
	out := map[string]any{"result": "OK", "diagnostics": list, "truncated": len(faults) > most}
	if len(faults) > 0 {
		out["result"] = "FAIL"
	}
	return out, nil
}
