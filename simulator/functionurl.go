//go:build unix

package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

// servicePath begins the paths of AWS's own API, whose first part is a date. Everything else may be a function URL's.
var servicePath = regexp.MustCompile(`^/20[0-9]{2}-[0-9]{2}-[0-9]{2}(/|$)`)

// urlEvent is the event of a function URL, payload format 2.0, of a request without authorization.
type urlEvent struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQuery        string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext  urlContext        `json:"requestContext"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type urlContext struct {
	AccountID    string  `json:"accountId"`
	APIID        string  `json:"apiId"`
	DomainName   string  `json:"domainName"`
	DomainPrefix string  `json:"domainPrefix"`
	HTTP         urlHTTP `json:"http"`
	RequestID    string  `json:"requestId"`
	RouteKey     string  `json:"routeKey"`
	Stage        string  `json:"stage"`
	Time         string  `json:"time"`
	TimeEpoch    int64   `json:"timeEpoch"`
}

type urlHTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// urlResponse is what a function may answer to such an event.
type urlResponse struct {
	StatusCode      *int              `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// urlFault checks Config.FunctionURL against the functions.
func (c Config) urlFault() error {
	if c.FunctionURL == "" {
		return nil
	}
	name, qualifier, _ := strings.Cut(c.FunctionURL, ":")
	for _, f := range c.Functions {
		if f.Name != name {
			continue
		}
		if _, ok := f.Aliases[qualifier]; ok || qualifier == "" || qualifier == latest {
			return nil
		}
		return fmt.Errorf("FunctionURL %q: want an alias of the function or %s; Lambda gives no URL to a version", c.FunctionURL, latest)
	}
	return fmt.Errorf("FunctionURL %q: want the name of a configured function", c.FunctionURL)
}

// servesURL reports whether the request is one of the function URL.
func (s *Simulator) servesURL(r *http.Request) bool {
	return s.cfg.FunctionURL != "" && !servicePath.MatchString(r.URL.Path)
}

// functionURL turns the request into an event, invokes the function and turns its answer into the response.
func (s *Simulator) functionURL(w http.ResponseWriter, r *http.Request, id string) *apiError {
	name, qualifier, _ := strings.Cut(s.cfg.FunctionURL, ":")
	f := s.functions[name]
	v := f.lookup(qualifier)
	now := time.Now()
	payload, failed := s.urlPayload(r, id, now)
	if failed != nil {
		return failed
	}
	trace := r.Header.Get("X-Amzn-Trace-Id")
	if trace == "" {
		var err error
		if trace, err = s.ids.trace(now); err != nil {
			return serviceError(err)
		}
	}
	result, failed := s.run(f, v, &sandbox.Invocation{RequestID: id, Payload: payload, TraceID: trace,
		FunctionARN: functionARN(s.cfg.Region, s.cfg.Account, f.Name, qualifier)})
	if failed != nil {
		return failed
	}
	w.Header()["X-Amzn-Trace-Id"] = []string{trace}
	writeURLResult(w, result)
	return nil
}

// urlPayload makes the event, which must fit into an invocation.
func (s *Simulator) urlPayload(r *http.Request, id string, now time.Time) ([]byte, *apiError) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxRequest+1))
	if len(body) > MaxRequest {
		return nil, discard(r.Body)
	}
	if err != nil {
		return nil, unreadable(err)
	}
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	domain, prefix := r.Host, "simulator"
	event := urlEvent{Version: "2.0", RouteKey: "$default", RawPath: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Headers: urlHeaders(r, source), Query: map[string]string{},
		RequestContext: urlContext{AccountID: "anonymous", APIID: prefix, DomainName: domain, DomainPrefix: prefix,
			HTTP:      urlHTTP{Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: source, UserAgent: r.UserAgent()},
			RequestID: id, RouteKey: "$default", Stage: "$default",
			Time: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli()}}
	for _, c := range r.Cookies() {
		event.Cookies = append(event.Cookies, c.Name+"="+c.Value)
	}
	for key, values := range r.URL.Query() {
		event.Query[key] = strings.Join(values, ",")
	}
	if event.IsBase64Encoded = len(body) > 0 && !isText(r.Header.Get("Content-Type"), body); event.IsBase64Encoded {
		event.Body = base64.StdEncoding.EncodeToString(body)
	} else {
		event.Body = string(body)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(event); err != nil {
		return nil, serviceError(err)
	}
	payload := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(payload) > MaxRequest {
		return nil, tooLarge()
	}
	return payload, nil
}

// urlHeaders are the request's headers, names in lower case, several values of one joined; cookies stand elsewhere.
func urlHeaders(r *http.Request, source string) map[string]string {
	headers := map[string]string{}
	for name, values := range r.Header {
		if name != "Cookie" {
			headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	headers["host"] = r.Host
	headers["x-forwarded-for"], headers["x-forwarded-proto"] = source, "http"
	return headers
}

// isText reports whether a body travels as it is; all else is base64.
func isText(contentType string, body []byte) bool {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch kind = strings.TrimSpace(kind); {
	case strings.HasPrefix(kind, "text/"), kind == "application/json", kind == "application/xml", kind == "application/javascript":
		return utf8.Valid(body)
	}
	return false
}

// writeURLResult writes the HTTP response that a function's answer stands for. A function error, and an answer that is
// not what the service demands, is 502.
func writeURLResult(w http.ResponseWriter, result *sandbox.Result) {
	status, headers, body, err := readURLResult(result)
	h := w.Header()
	if err != nil {
		status, headers, body = http.StatusBadGateway, nil, []byte("Internal Server Error")
		h.Set("Content-Type", "application/json")
	}
	for name, values := range headers {
		h[name] = values
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has hung up is not told
}

func readURLResult(result *sandbox.Result) (status int, headers http.Header, body []byte, err error) {
	if result.Failed {
		return 0, nil, nil, fmt.Errorf("function error")
	}
	headers = http.Header{"Content-Type": {"application/json"}}
	var keys map[string]json.RawMessage
	if json.Unmarshal(result.Body, &keys) != nil || keys["statusCode"] == nil {
		body, err = plainResult(result.Body)
		return http.StatusOK, headers, body, err
	}
	var answer urlResponse
	if err := json.Unmarshal(result.Body, &answer); err != nil {
		return 0, nil, nil, err
	}
	if answer.StatusCode == nil || *answer.StatusCode < 200 || *answer.StatusCode > 599 {
		return 0, nil, nil, fmt.Errorf("status code out of range")
	}
	for _, name := range slices.Sorted(maps.Keys(answer.Headers)) {
		headers.Set(name, answer.Headers[name])
	}
	for _, cookie := range answer.Cookies {
		headers.Add("Set-Cookie", cookie)
	}
	if body = []byte(answer.Body); answer.IsBase64Encoded {
		body, err = base64.StdEncoding.DecodeString(answer.Body)
	}
	return *answer.StatusCode, headers, body, err
}

// plainResult is the body for a function that answers JSON without a statusCode: a string stands for its text.
func plainResult(answer []byte) ([]byte, error) {
	if !json.Valid(answer) {
		return nil, fmt.Errorf("not JSON")
	}
	var text string
	if json.Unmarshal(answer, &text) == nil && !bytes.Equal(bytes.TrimSpace(answer), []byte("null")) {
		return []byte(text), nil
	}
	return answer, nil
}
