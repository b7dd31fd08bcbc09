package asl

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// functionARN is the pattern of a function's ARN, with or without a qualifier.
var functionARN = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?$`)

func number(v any) (float64, bool) { return value.Number(v) }

// task reads a Task, which calls Lambda in one of two ways.
func (p *parser) task(s *State, n node) {
	if !n.required("Resource") {
		return
	}
	s.Resource = n.text("Resource")
	s.Timeout, s.Heartbeat = n.bound("TimeoutSeconds", 1, maxSeconds), n.bound("HeartbeatSeconds", 1, maxSeconds)
	if s.Timeout.Set && s.Heartbeat.Set && s.Timeout.Path == nil && s.Heartbeat.Path == nil && s.Heartbeat.Value >= s.Timeout.Value {
		n.bad("HeartbeatSeconds", "Value must be smaller than TimeoutSeconds")
	}
	if s.Heartbeat.Set {
		n.refuse("HeartbeatSeconds", "heartbeats: calls of Lambda send none")
	}
	switch {
	case s.Resource == LambdaInvoke:
		p.invokeParameters(n)
	case functionARN.MatchString(s.Resource):
	case strings.HasSuffix(s.Resource, ".waitForTaskToken"):
		if p.express {
			n.bad("Resource", "Express state machine does not support '.waitForTaskToken' service integration ")
			return
		}
		n.refuse("Resource", "'"+s.Resource+"': task tokens are not served")
	case !strings.HasPrefix(s.Resource, "arn:"):
		n.bad("Resource", "Value is not a valid resource ARN")
	default:
		n.refuse("Resource", "'"+s.Resource+"': only "+LambdaInvoke+" and the ARN of a function are served")
	}
}

// invokeParameters checks the parameters of lambda:invoke by name.
func (p *parser) invokeParameters(n node) {
	params, ok := n.object("Parameters")
	if !ok {
		if !n.has("Parameters") {
			p.fault(n.where(), SchemaFailed, "The field 'Parameters' is required but was missing")
		}
		return
	}
	allowed := []string{"FunctionName", "Payload", "Qualifier", "InvocationType", "ClientContext", "LogType"}
	for f := range params.fields {
		if !slices.Contains(allowed, strings.TrimSuffix(f, ".$")) {
			params.bad(f, "The field '%s' is not supported by Step Functions", strings.TrimSuffix(f, ".$"))
		}
	}
	if !params.has("FunctionName") && !params.has("FunctionName.$") {
		p.fault(params.at, SchemaFailed, "The field 'FunctionName' is required but was missing")
	}
}
