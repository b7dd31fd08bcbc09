package states

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
)

// TargetPrefix is what the X-Amz-Target of every request to Step Functions begins with.
const TargetPrefix = "AWSStepFunctions."

const (
	contentType = "application/x-amz-json-1.0"
	maxRequest  = 1<<20 + 512<<10 // a definition of 1 MiB, escaped in JSON
	maxPage     = 1000
	defaultPage = 100
)

// operation serves one operation of the API: it reads the body and returns what is to be encoded.
type operation func(s *Server, r *http.Request, body []byte) (any, *apiError)

// op makes an operation of a function with a decoded request.
func op[In any](f func(s *Server, in *In) (any, *apiError)) operation {
	return opWith(func(s *Server, _ *http.Request, in *In) (any, *apiError) { return f(s, in) })
}

func opWith[In any](f func(s *Server, r *http.Request, in *In) (any, *apiError)) operation {
	return func(s *Server, r *http.Request, body []byte) (any, *apiError) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, refuse("SerializationException", "%v", err)
		}
		return f(s, r, in)
	}
}

// operations finds an operation by its name.
func operations(name string) operation {
	switch name {
	case "CreateStateMachine":
		return op((*Server).createMachine)
	case "UpdateStateMachine":
		return op((*Server).updateMachine)
	case "DeleteStateMachine":
		return op((*Server).deleteMachine)
	case "DescribeStateMachine":
		return op((*Server).describeMachine)
	case "DescribeStateMachineForExecution":
		return op((*Server).describeMachineForExecution)
	case "ListStateMachines":
		return op((*Server).listMachines)
	case "ValidateStateMachineDefinition":
		return op((*Server).validateDefinition)
	case "StartExecution":
		return op((*Server).startExecution)
	case "StartSyncExecution":
		return opWith((*Server).startSync)
	case "DescribeExecution":
		return op((*Server).describeExecution)
	case "StopExecution":
		return op((*Server).stopExecution)
	case "ListExecutions":
		return op((*Server).listExecutions)
	case "GetExecutionHistory":
		return op((*Server).getHistory)
	case "RedriveExecution":
		return op((*Server).redriveExecution)
	case "ListMapRuns":
		return op((*Server).listMapRuns)
	case "DescribeMapRun":
		return op((*Server).describeMapRun)
	case "UpdateMapRun":
		return op((*Server).updateMapRun)
	case "TagResource":
		return op((*Server).tag)
	case "UntagResource":
		return op((*Server).untag)
	case "ListTagsForResource":
		return op((*Server).listTags)
	}
	return nil
}

// ServeHTTP serves the API. What it answers has been kept before.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if w.Header().Get("X-Amzn-Requestid") == "" {
		w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	}
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), TargetPrefix)
	serve := operations(name)
	if !ok || serve == nil || r.Method != http.MethodPost {
		refuse("UnknownOperationException", "the simulator does not serve %s %q; docs/simulator.md lists what it does", r.Method, r.Header.Get("X-Amz-Target")).write(w)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		refuse("SerializationException", "could not read the request: %v", err).write(w)
		return
	}
	if len(body) > maxRequest {
		(&apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", fmt.Sprintf("a request must not exceed %d bytes", asl.MaxDefinition)}).write(w)
		return
	}
	out, refused := serve(s, r, body)
	if refused == nil {
		if err := s.db.Flush(); err != nil {
			refused = internal(err)
		}
	}
	if refused != nil {
		refused.write(w)
		return
	}
	p, err := json.Marshal(out)
	if err != nil {
		internal(err).write(w)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(p) // a client that has hung up is not told
}

// paging is the part of a request by which lists are cut into pages.
type paging struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

// size checks maxResults.
func (p paging) size() (int, *apiError) {
	switch {
	case p.MaxResults > maxPage:
		return 0, invalid("Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to %d", p.MaxResults, maxPage)
	case p.MaxResults < 0:
		return 0, invalid("Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 0", p.MaxResults)
	case p.MaxResults == 0:
		return defaultPage, nil
	}
	return p.MaxResults, nil
}

// after is what the token says the page begins after; empty for the first page.
func (p paging) after() (string, *apiError) {
	raw, err := base64.RawURLEncoding.DecodeString(p.NextToken)
	if err != nil {
		return "", refuse("InvalidToken", "Invalid Token: '%s'", p.NextToken)
	}
	return string(raw), nil
}

// page cuts a page out of a list whose elements have names, and puts it with the next token into an answer.
func page[T any](p paging, field string, list []T, name func(T) string, show func(T) any) (any, *apiError) {
	n, refused := p.size()
	if refused != nil {
		return nil, refused
	}
	after, refused := p.after()
	if refused != nil {
		return nil, refused
	}
	first := 0
	if after != "" {
		for first = range list {
			if name(list[first]) == after {
				break
			}
		}
		if len(list) == 0 || name(list[first]) != after {
			return nil, refuse("InvalidToken", "Invalid Token: '%s'", p.NextToken)
		}
		first++
	}
	rest := list[first:]
	shown := make([]any, 0, min(n, len(rest)))
	for _, v := range rest[:min(n, len(rest))] {
		shown = append(shown, show(v))
	}
	out := map[string]any{field: shown}
	if len(rest) > n {
		out["nextToken"] = base64.RawURLEncoding.EncodeToString([]byte(name(rest[n-1])))
	}
	return out, nil
}
