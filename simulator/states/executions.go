package states

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

type startRequest struct {
	included
	MachineARN string  `json:"stateMachineArn"`
	Name       string  `json:"name"`
	Input      *string `json:"input"`
	Trace      string  `json:"traceHeader"`
}

// prepare checks a request to start and makes the execution's record.
func (s *Server) prepare(in *startRequest) (*execution, []byte, *apiError) {
	m, refused := s.find(in.MachineARN)
	if refused != nil {
		return nil, nil, refused
	}
	name := in.Name
	if name == "" {
		name = uuid.NewString()
	} else if refused := checkName(name); refused != nil {
		return nil, nil, refused
	}
	input := []byte("{}")
	if in.Input != nil {
		input = []byte(*in.Input)
	}
	if len(input) > value.MaxBytes {
		return nil, nil, invalid("Value at 'input' failed to satisfy constraint: Member must have length less than or equal to %d", value.MaxBytes)
	}
	if _, err := value.Decode(input); err != nil {
		return nil, nil, refuse("InvalidExecutionInput", "Invalid State Machine Execution Input: '%v'", err)
	}
	ex := &execution{Name: name, MachineARN: m.ARN, Machine: m.Name, Type: m.Type, Role: m.Role, Digest: m.Digest, Revision: m.Revision, Trace: in.Trace,
		InputSum: digest(input), Status: running, Start: time.Now()}
	ex.ARN = s.arn("execution", m.Name+":"+name)
	if m.Type == express {
		ex.ARN = s.arn("express", m.Name+":"+name+":"+uuid.NewString())
	}
	return ex, input, nil
}

func (s *Server) startExecution(in *startRequest) (any, *apiError) {
	ex, input, refused := s.prepare(in)
	if refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if had := s.executions[ex.ARN]; had != nil {
		if had.Status != running || had.InputSum != ex.InputSum {
			return nil, refuse("ExecutionAlreadyExists", "Execution Already Exists: '%s'", ex.ARN)
		}
		return map[string]any{"executionArn": had.ARN, "startDate": history.Seconds(had.Start)}, nil
	}
	if err := s.launch(ex, input); err != nil {
		return nil, internal(err)
	}
	return map[string]any{"executionArn": ex.ARN, "startDate": history.Seconds(ex.Start)}, nil
}

// startSync runs an Express execution while the request waits.
func (s *Server) startSync(r *http.Request, in *startRequest) (any, *apiError) {
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	ex, input, refused := s.prepare(in)
	if refused != nil {
		return nil, refused
	}
	if ex.Type != express {
		return nil, wrongType()
	}
	ex.sync = true
	s.mu.Lock()
	err := s.launch(ex, input)
	s.mu.Unlock()
	if err != nil {
		return nil, internal(err)
	}
	select {
	case <-ex.done:
	case <-r.Context().Done(): // nobody waits any more; the execution goes on, as on AWS
		return nil, refuse("RequestTimeout", "the client has gone")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ex.Status == running {
		return nil, &apiError{http.StatusServiceUnavailable, "ServiceUnavailable", "the simulator is closing"}
	}
	billed := ex.Stop.Sub(ex.Start).Milliseconds()
	out := map[string]any{"executionArn": ex.ARN, "name": ex.Name, "stateMachineArn": ex.MachineARN, "status": ex.Status,
		"startDate": history.Seconds(ex.Start), "stopDate": history.Seconds(ex.Stop),
		"input": string(input), "inputDetails": map[string]any{"included": true}, "outputDetails": map[string]any{"included": true},
		"billingDetails": map[string]any{"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": (billed/100 + 1) * 100}}
	if ex.Status == succeeded {
		out["output"] = string(ex.output)
	}
	addFault(out, ex)
	return out, nil
}

func addFault(out map[string]any, ex *execution) {
	if ex.Error != "" {
		out["error"] = ex.Error
	}
	if ex.Cause != "" {
		out["cause"] = ex.Cause
	}
}

type executionRequest struct {
	included
	ARN string `json:"executionArn"`
}

// findExecution returns a STANDARD execution; others cannot be asked about.
func (s *Server) findExecution(arn string) (*execution, *apiError) {
	if refused := s.parseARN(arn, "execution"); refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ex := s.executions[arn]; ex != nil {
		return ex, nil
	}
	return nil, noExecution(arn)
}

// input returns the input of an execution that is kept.
func (s *Server) input(ex *execution) ([]byte, error) {
	if ex.MapRun == "" {
		return s.db.Get(inData, below(ex.ARN, "input"))
	}
	raw, err := s.db.Get(inItems, below(ex.MapRun, number(ex.Index)))
	if err != nil || raw == nil {
		return nil, err
	}
	var u unit
	err = json.Unmarshal(raw, &u)
	return u.Input, err
}

func (s *Server) describeExecution(in *executionRequest) (any, *apiError) {
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	ex, refused := s.findExecution(in.ARN)
	if refused != nil {
		return nil, refused
	}
	input, err := s.input(ex)
	if err != nil {
		return nil, internal(err)
	}
	s.mu.Lock()
	over := ex.Status == succeeded
	s.mu.Unlock()
	var output []byte
	if over { // the output is kept together with the status, so it is there
		if output, err = s.db.Get(inData, below(ex.ARN, "output")); err != nil {
			return nil, internal(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.describe(ex, string(input))
	if over {
		out["output"], out["outputDetails"] = string(output), map[string]any{"included": true}
	} else if ex.Status == succeeded { // it ended meanwhile
		out["status"], out["redriveStatusReason"] = running, "Execution is RUNNING and cannot be redriven"
		delete(out, "stopDate")
	}
	return out, nil
}

// describe is what DescribeExecution tells but the output. The caller holds the lock.
func (s *Server) describe(ex *execution, input string) map[string]any {
	out := map[string]any{"executionArn": ex.ARN, "name": ex.Name, "stateMachineArn": ex.MachineARN, "status": ex.Status, "startDate": history.Seconds(ex.Start),
		"input": input, "inputDetails": map[string]any{"included": true}, "redriveCount": ex.Redrives}
	status, reason := ex.redriveStatus()
	out["redriveStatus"] = status
	if reason != "" {
		out["redriveStatusReason"] = reason
	}
	if !ex.Stop.IsZero() {
		out["stopDate"] = history.Seconds(ex.Stop)
	}
	if !ex.Redriven.IsZero() {
		out["redriveDate"] = history.Seconds(ex.Redriven)
	}
	if ex.MapRun != "" {
		out["mapRunArn"] = ex.MapRun
	}
	if ex.Trace != "" {
		out["traceHeader"] = ex.Trace
	}
	addFault(out, ex)
	return out
}

type stopRequest struct {
	ARN   string `json:"executionArn"`
	Error string `json:"error"`
	Cause string `json:"cause"`
}

func (s *Server) stopExecution(in *stopRequest) (any, *apiError) {
	ex, refused := s.findExecution(in.ARN)
	if refused != nil {
		return nil, refused
	}
	done, err := s.stop(ex, &stopped{in.Error, in.Cause})
	if err != nil {
		return nil, internal(err)
	}
	if done != nil {
		<-done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stop := ex.Stop
	if stop.IsZero() {
		stop = time.Now()
	}
	return map[string]any{"stopDate": history.Seconds(stop)}, nil
}

// stop keeps that an execution is to stop, so that it does even when the process dies now, and cancels it. done is closed
// when it has stopped; it is nil when the execution has not begun, or is over.
func (s *Server) stop(ex *execution, cause *stopped) (done <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ex.Status != running {
		return nil, nil
	}
	if ex.Stopping == nil {
		ex.Stopping = cause
		if err := s.db.Write(s.keep(ex)...); err != nil {
			return nil, err
		}
	}
	if ex.cancel != nil {
		ex.cancel(ex.Stopping)
	}
	return ex.done, nil
}

type listRequest struct {
	paging
	MachineARN string `json:"stateMachineArn"`
	MapRun     string `json:"mapRunArn"`
	Status     string `json:"statusFilter"`
	Redrive    string `json:"redriveFilter"`
}

func (s *Server) listExecutions(in *listRequest) (any, *apiError) {
	if !slices.Contains([]string{"", running, succeeded, failed, timedOut, aborted, "PENDING_REDRIVE"}, in.Status) {
		return nil, invalid("Value '%s' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [TIMED_OUT, ABORTED, SUCCEEDED, FAILED, RUNNING, PENDING_REDRIVE]", in.Status)
	}
	if !slices.Contains([]string{"", "REDRIVEN", "NOT_REDRIVEN"}, in.Redrive) {
		return nil, invalid("Value '%s' at 'redriveFilter' failed to satisfy constraint: Member must satisfy enum value set: [REDRIVEN, NOT_REDRIVEN]", in.Redrive)
	}
	if (in.MachineARN == "") == (in.MapRun == "") {
		return nil, refuse("ValidationException", "Exactly one of stateMachineArn and mapRunArn must be given")
	}
	if in.MachineARN != "" {
		m, refused := s.find(in.MachineARN)
		if refused != nil {
			return nil, refused
		}
		if m.Type == express {
			return nil, wrongType()
		}
	} else if _, refused := s.findMapRun(in.MapRun); refused != nil {
		return nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*execution
	for i := len(s.order) - 1; i >= 0; i-- { // the latest first
		ex := s.order[i]
		mine := in.MapRun != "" && ex.MapRun == in.MapRun || in.MachineARN != "" && ex.MachineARN == in.MachineARN
		if mine && (in.Status == "" || ex.Status == in.Status) && (in.Redrive == "" || (in.Redrive == "REDRIVEN") == (ex.Redrives > 0)) {
			list = append(list, ex)
		}
	}
	return page(in.paging, "executions", list, func(ex *execution) string { return ex.ARN }, listed)
}

// listed is an execution in a list. The caller holds the lock.
func listed(ex *execution) any {
	out := map[string]any{"executionArn": ex.ARN, "stateMachineArn": ex.MachineARN, "name": ex.Name, "status": ex.Status,
		"startDate": history.Seconds(ex.Start), "redriveCount": ex.Redrives}
	if !ex.Stop.IsZero() {
		out["stopDate"] = history.Seconds(ex.Stop)
	}
	if !ex.Redriven.IsZero() {
		out["redriveDate"] = history.Seconds(ex.Redriven)
	}
	if ex.MapRun != "" {
		out["mapRunArn"] = ex.MapRun
	}
	return out
}

// sortExecutions puts executions into the order in which they began.
func sortExecutions(list []*execution) {
	sort.SliceStable(list, func(i, j int) bool { return list[i].Start.Before(list[j].Start) })
}

type historyRequest struct {
	paging
	ARN     string `json:"executionArn"`
	Reverse bool   `json:"reverseOrder"`
	Data    *bool  `json:"includeExecutionData"`
}

func (s *Server) getHistory(in *historyRequest) (any, *apiError) {
	ex, refused := s.findExecution(in.ARN)
	if refused != nil {
		return nil, refused
	}
	n, refused := in.size()
	if refused != nil {
		return nil, refused
	}
	after, refused := in.after()
	if refused != nil {
		return nil, refused
	}
	last, err := s.lastEvent(ex.ARN)
	if err != nil {
		return nil, internal(err)
	}
	from, step := int64(1), int64(1)
	if in.Reverse {
		from, step = last, -1
	}
	if after != "" {
		id, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, refuse("InvalidToken", "Invalid Token: '%s'", in.NextToken)
		}
		from = id + step
	}
	list := []json.RawMessage{}
	id := from
	for ; id >= 1 && id <= last && len(list) < n; id += step {
		raw, err := s.db.Get(inHistory, below(ex.ARN, number(id)))
		if err == nil && in.Data != nil && !*in.Data {
			raw, err = history.WithoutData(raw)
		}
		if err != nil {
			return nil, internal(err)
		}
		list = append(list, raw)
	}
	out := map[string]any{"events": list}
	if id >= 1 && id <= last && len(list) > 0 {
		out["nextToken"] = base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(id-step, 10)))
	}
	return out, nil
}
