//go:build unix

package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	functionsPath = "/2015-03-31/functions/"
	streamingPath = "/2021-11-15/functions/"
)

// route finds the operation of a request. The escaped path is split before it is
// unescaped, since a function's ARN may stand in it percent-encoded.
func (s *Simulator) route(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		// Closing: the connection is cut like that of a service that went away.
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	id, err := s.ids.request()
	if err != nil {
		serviceError(err).write(w)
		return
	}
	w.Header()["X-Amzn-Requestid"] = []string{id}
	if failed := s.dispatch(w, r, id); failed != nil {
		failed.write(w)
	}
}

// enter registers a request unless the simulator is closing.
func (s *Simulator) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.handlers.Add(1)
	return true
}

// dispatch serves the request or returns the error to be written.
func (s *Simulator) dispatch(w http.ResponseWriter, r *http.Request, id string) *apiError {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), functionsPath)
	if !ok {
		if rest, ok = strings.CutPrefix(r.URL.EscapedPath(), streamingPath); ok {
			return s.dispatchStreaming(w, r, id, rest)
		}
		if s.servesURL(r) {
			return s.functionURL(w, r, id)
		}
		if r.URL.Path == functionsPath[:len(functionsPath)-1] && r.Method == http.MethodGet {
			return s.listFunctions(w, r)
		}
		return unknownOperation(r)
	}
	if rest == "" && r.Method == http.MethodGet {
		return s.listFunctions(w, r)
	}
	escaped, operation, _ := strings.Cut(rest, "/")
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return validationError("1 validation error detected: Value '%s' at 'functionName' is not percent-encoded correctly", escaped)
	}
	switch {
	case operation == "invocations" && r.Method == http.MethodPost:
		return s.invoke(w, r, id, name)
	case operation == "" && r.Method == http.MethodGet:
		return s.getFunction(w, r, name)
	case operation == "configuration" && r.Method == http.MethodGet:
		return s.getConfiguration(w, r, name)
	}
	return unknownOperation(r)
}

// dispatchStreaming serves what lies below streamingPath.
func (s *Simulator) dispatchStreaming(w http.ResponseWriter, r *http.Request, id, rest string) *apiError {
	escaped, operation, _ := strings.Cut(rest, "/")
	name, err := url.PathUnescape(escaped)
	if err != nil || operation != "response-streaming-invocations" || r.Method != http.MethodPost {
		return unknownOperation(r)
	}
	return s.invokeStream(w, r, id, name)
}

// resolve finds the version that a request names; qualifier is as given, empty
// for none.
func (s *Simulator) resolve(r *http.Request, name string) (f *function, v *version, qualifier string, failed *apiError) {
	var query string
	if r.URL.RawQuery != "" {
		query = r.URL.Query().Get("Qualifier")
	}
	ref, failed := parseReference(name, query)
	if failed != nil {
		return nil, nil, "", failed
	}
	region, account := s.cfg.Region, s.cfg.Account
	elsewhere := ref.region != "" && ref.region != region || ref.account != "" && ref.account != account
	if ref.region != "" {
		region = ref.region
	}
	if ref.account != "" {
		account = ref.account
	}
	if f = s.functions[ref.name]; f != nil && !elsewhere {
		v = f.lookup(ref.qualifier)
	}
	if v == nil {
		if ref.qualifier == "" {
			ref.qualifier = latest
		}
		return nil, nil, "", notFound(functionARN(region, account, ref.name, ref.qualifier))
	}
	return f, v, ref.qualifier, nil
}
