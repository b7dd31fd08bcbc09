//go:build unix

package simulator

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/shardwise/shardwise/simulator/objects"
	"github.com/shardwise/shardwise/simulator/states"
)

// route finds the operation of a request. The escaped path is split before it is
// unescaped, since a function's ARN may stand in it percent-encoded.
func (s *Simulator) route(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		// Closing: the connection is cut like that of a service that went away.
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	r, err := timely(w, r, s.cfg.BodyTimeout)
	if err != nil {
		serviceError(err).write(w)
		return
	}
	if s.cfg.Page != nil && (strings.HasPrefix(r.URL.Path, PagePath) || r.URL.Path == strings.TrimSuffix(PagePath, "/")) {
		s.cfg.Page.ServeHTTP(w, r)
		return
	}
	if objects.Serves(r) {
		s.s3.ServeHTTP(w, r)
		return
	}
	id, err := s.ids.request()
	if err != nil {
		serviceError(err).write(w)
		return
	}
	w.Header()["X-Amzn-Requestid"] = []string{id}
	if s.states != nil && strings.HasPrefix(r.Header.Get("X-Amz-Target"), states.TargetPrefix) {
		s.states.ServeHTTP(w, r)
		return
	}
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

// call is an operation as it stands in a request: method, date of the API and
// what follows the function's name in the path.
type call struct{ method, date, operation string }

// dispatch serves the request or returns the error to be written.
func (s *Simulator) dispatch(w http.ResponseWriter, r *http.Request, id string) *apiError {
	if s.servesURL(r) {
		return s.lag.invocation(w, r, s.cfg.FunctionURL, func(w http.ResponseWriter) *apiError { return s.functionURL(w, r, id) })
	}
	date, rest, ok := strings.Cut(r.URL.EscapedPath(), "/functions")
	if !ok || rest != "" && rest[0] != '/' {
		return unknownOperation(r)
	}
	if rest == "" || rest == "/" {
		if r.Method != http.MethodGet || date != "/2015-03-31" {
			return unknownOperation(r)
		}
		return s.listFunctions(w, r)
	}
	escaped, operation, _ := strings.Cut(rest[1:], "/")
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return validationError("1 validation error detected: Value '%s' at 'functionName' is not percent-encoded correctly", escaped)
	}
	c := call{r.Method, date, operation}
	switch c {
	case call{http.MethodPost, "/2015-03-31", "invocations"}:
		return s.lag.invocation(w, r, name, func(w http.ResponseWriter) *apiError { return s.invoke(w, r, id, name) })
	case call{http.MethodPost, "/2014-11-13", "invoke-async"}:
		return s.lag.invocation(w, r, name, func(w http.ResponseWriter) *apiError { return s.invokeAsync(w, r, id, name) })
	case call{http.MethodPost, "/2021-11-15", "response-streaming-invocations"}:
		return s.lag.invocation(w, r, name, func(w http.ResponseWriter) *apiError { return s.invokeStream(w, r, id, name) })
	}
	return s.control(w, r, c, name)
}

// control serves the operations that look at a function or change it.
func (s *Simulator) control(w http.ResponseWriter, r *http.Request, c call, name string) *apiError {
	switch c {
	case call{http.MethodGet, "/2015-03-31", ""}:
		return s.getFunction(w, r, name)
	case call{http.MethodGet, "/2015-03-31", "configuration"}:
		return s.getConfiguration(w, r, name)
	case call{http.MethodPut, "/2015-03-31", "configuration"}:
		return s.updateConfiguration(w, r, name)
	case call{http.MethodGet, "/2015-03-31", "aliases"}:
		return s.listAliases(w, r, name)
	case call{http.MethodGet, "/2015-03-31", "versions"}:
		return s.listVersions(w, r, name)
	case call{http.MethodPut, "/2017-10-31", "concurrency"}:
		return s.putConcurrency(w, r, name)
	case call{http.MethodDelete, "/2017-10-31", "concurrency"}:
		return s.deleteConcurrency(w, r, name)
	case call{http.MethodGet, "/2019-09-30", "concurrency"}:
		return s.getConcurrency(w, r, name)
	}
	if c.date == "/2019-09-30" && c.operation == "provisioned-concurrency" {
		return s.serveProvisioned(w, r, name)
	}
	if alias, ok := strings.CutPrefix(c.operation, "aliases/"); ok && c.method == http.MethodGet && c.date == "/2015-03-31" {
		return s.getAlias(w, r, name, alias)
	}
	return unknownOperation(r)
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
