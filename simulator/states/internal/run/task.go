package run

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// task calls a function. After a restart the call is made again, without new events for its beginning.
func (s *scope) task(ctx context.Context, st *asl.State, args any) (any, error) {
	given, err := encode(args, st.Name)
	if err != nil {
		return nil, err
	}
	call, err := s.request(st, args)
	if err != nil {
		return nil, err
	}
	timeout, err := s.bound(st.Timeout, s.input, "TimeoutSecondsPath")
	if err != nil {
		return nil, err
	}
	if st.Timeout.Set && timeout < 1 {
		return nil, s.runtimeFault(ErrRuntime, fmt.Errorf("Expected a positive number for 'TimeoutSeconds', but was %v", timeout))
	}
	events := history.Task{Resource: st.Resource, Service: st.Resource == asl.LambdaInvoke, Region: s.r.Region, Timeout: int64(timeout)}
	if s.p.Begun == 0 {
		s.p.Begun = pending
		if err := s.commit(s.p, false, events.Scheduled(string(given)), events.Started()); err != nil {
			return nil, err
		}
	}
	result, raw, err := s.call(ctx, call, time.Duration(timeout*float64(time.Second)), events)
	switch f := faultOf(err); {
	case err == nil:
		s.ahead = []history.Event{events.Succeeded(string(raw))}
	case f == nil:
	case f.Name == ErrTimeout && f.Cause == "":
		s.ahead = []history.Event{events.TimedOut(f.Name)}
	default:
		s.ahead = []history.Event{events.Failed(f.Name, f.Cause)}
	}
	return result, err
}

// request makes the call of a Task from its arguments.
func (s *scope) request(st *asl.State, args any) (*LambdaRequest, error) {
	if st.Resource != asl.LambdaInvoke {
		return &LambdaRequest{Function: st.Resource, Payload: value.Encode(args)}, nil
	}
	fields, _ := args.(map[string]any)
	r := &LambdaRequest{}
	for name, to := range map[string]*string{"FunctionName": &r.Function, "Qualifier": &r.Qualifier, "InvocationType": &r.InvocationType,
		"ClientContext": &r.ClientContext, "LogType": &r.LogType} {
		v, ok := fields[name]
		if !ok {
			continue
		}
		if *to, ok = v.(string); !ok {
			return nil, s.runtimeFault(ErrRuntime, fmt.Errorf("The parameter '%s' is not a text", name))
		}
	}
	if payload, ok := fields["Payload"]; ok {
		r.Payload = value.Encode(payload)
	}
	return r, nil
}

// call invokes the function within the timeout and turns the answer into a result or a fault.
func (s *scope) call(ctx context.Context, r *LambdaRequest, timeout time.Duration, t history.Task) (any, []byte, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	answer, err := s.r.Lambda.Invoke(limited, r)
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if limited.Err() != nil {
		return nil, nil, &Fault{Name: ErrTimeout}
	}
	if err != nil {
		return nil, nil, &Fault{"Lambda.SdkClientException", err.Error()}
	}
	what := t.Resource
	if t.Service {
		what = "lambda"
	}
	payload, err := outcome(answer, r.InvocationType)
	if err != nil {
		return nil, nil, err
	}
	result := payload
	if t.Service {
		result = invokeResult(answer, payload)
	}
	if len(answer.Body) > value.MaxBytes {
		return nil, nil, tooLarge(what)
	}
	raw, err := encode(result, what)
	return result, raw, err
}

// outcome reads Lambda's answer: the payload, or the fault that Step Functions makes of it.
func outcome(a *LambdaResponse, invocation string) (any, error) {
	h := http.Header(a.Header)
	if a.Status >= 300 {
		return nil, serviceFault(a.Status, h, a.Body)
	}
	if h.Get("X-Amz-Function-Error") != "" {
		return nil, functionFault(a.Body)
	}
	if len(a.Body) == 0 && (invocation == "Event" || invocation == "DryRun") {
		return "", nil
	}
	v, err := value.Decode(a.Body)
	if err != nil {
		return nil, &Fault{"Lambda.Unknown", fmt.Sprintf("The function's result is not JSON: %v", err)}
	}
	return v, nil
}

// functionFault is a function's own error: its errorType, and the payload as the cause.
func functionFault(body []byte) *Fault {
	var name string
	if v, err := value.Decode(body); err == nil {
		if object, ok := v.(map[string]any); ok {
			name, _ = object["errorType"].(string)
		}
	}
	if name == "" {
		return &Fault{"Lambda.Unknown", "The cause could not be determined because Lambda did not return an error type. Returned payload: " + clip(string(body))}
	}
	return &Fault{name, clip(string(body))}
}

// serviceFault is Lambda's refusal.
func serviceFault(status int, h http.Header, body []byte) *Fault {
	code, _, _ := strings.Cut(h.Get("X-Amzn-ErrorType"), ":")
	if code == "" {
		code = "Unknown"
	}
	message := ""
	if v, err := value.Decode(body); err == nil {
		if object, ok := v.(map[string]any); ok {
			for _, name := range []string{"message", "Message"} {
				if m, ok := object[name].(string); ok {
					message = m
				}
			}
		}
	}
	return &Fault{"Lambda." + code, fmt.Sprintf("%s (Service: AWSLambda; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)", message, status, code, h.Get("X-Amzn-Requestid"))}
}

// invokeResult is the result of arn:aws:states:::lambda:invoke.
func invokeResult(a *LambdaResponse, payload any) any {
	all, single := map[string]any{}, map[string]any{}
	for name, values := range a.Header {
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		all[name], single[name] = list, values[0]
	}
	h := http.Header(a.Header)
	status := int64(a.Status)
	out := map[string]any{"Payload": payload, "StatusCode": status,
		"SdkHttpMetadata":     map[string]any{"AllHttpHeaders": all, "HttpHeaders": single, "HttpStatusCode": status},
		"SdkResponseMetadata": map[string]any{"RequestId": h.Get("X-Amzn-Requestid")}}
	if v := h.Get("X-Amz-Executed-Version"); v != "" {
		out["ExecutedVersion"] = v
	}
	if v := h.Get("X-Amz-Log-Result"); v != "" {
		out["LogResult"] = v
	}
	return out
}
