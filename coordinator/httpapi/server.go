package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/shard/wire"
)

// Media types of the answers.
const (
	contentJSON   = "application/json"
	contentBinary = "application/octet-stream"
)

// DescriptionPath is where the OpenAPI description is served.
const DescriptionPath = "/v2/openapi.json"

// Model answers the protocol's questions. Its methods must be safe for concurrent use.
type Model interface {
	// Metadata describes the model; it does not change.
	Metadata() Metadata
	// Infer answers a request. Errors of a *shard.Error's kinds get the status that fits.
	Infer(ctx context.Context, in *oip.Request) (*oip.Response, error)
	// Refer keeps a response that is too large for a message and encodes the one that refers to it. Without a place to
	// keep it the error is of kind NoStore.
	Refer(ctx context.Context, r *oip.Response) ([]byte, error)
}

// Metadata describe a server with one model. ServerVersion is the program's, Version the model's.
type Metadata struct {
	ServerVersion string
	Name          string
	Version       string
	Platform      string
	Modes         []string // numeric modes, best first
	Inputs        []Tensor
	Outputs       []Tensor
}

// Tensor describes an input or output. -1 in the shape is a size that the request chooses.
type Tensor struct {
	Name     string   `json:"name"`
	Datatype string   `json:"datatype"`
	Shape    []int    `json:"shape"`
	Accepts  []string `json:"-"` // further datatypes that are converted on entry
	Missing  bool     `json:"-"` // NaN or null is a missing value
}

// Server answers HTTP requests for one model.
type Server struct {
	model Model
	meta  Metadata
}

// New makes a server.
func New(m Model) *Server { return &Server{model: m, meta: m.Metadata()} }

// Invoke answers a function-URL event by the reply that Lambda turns into an HTTP response. Failures of every kind are
// such replies too; the error is not nil only when not even one of them could be made.
func (s *Server) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	r, err := decodeEvent(payload)
	if err != nil {
		return encodeEvent(failed(err))
	}
	answer := s.Answer(ctx, r)
	reply, err := encodeEvent(answer)
	var large *wire.TooLargeError
	if errors.As(err, &large) && answer.whole != nil {
		// What the limit holds as it is may exceed it in the event, in base64 or with quotes escaped.
		if answer, err = s.refer(ctx, answer.whole, err); err == nil {
			return encodeEvent(answer)
		}
	}
	if err != nil {
		return encodeEvent(failed(err))
	}
	return reply, nil
}

// Answer answers a request. The request is not retained.
func (s *Server) Answer(ctx context.Context, r *Request) *Response {
	response, err := s.route(ctx, r)
	if err != nil {
		return failed(err)
	}
	return response
}

func (s *Server) route(ctx context.Context, r *Request) (*Response, error) {
	path := strings.Split(strings.TrimSuffix(r.Path, "/"), "/")
	if len(path) < 2 || path[0] != "" || path[1] != "v2" {
		return nil, unknownPath(r)
	}
	switch rest := path[2:]; {
	case len(rest) == 0:
		return get(r, s.server)
	case len(rest) == 1 && rest[0] == "openapi.json":
		return get(r, func() any { return s.describe() })
	case len(rest) == 2 && rest[0] == "health" && rest[1] == "live":
		return get(r, func() any { return map[string]bool{"live": true} })
	case len(rest) == 2 && rest[0] == "health" && rest[1] == "ready":
		return get(r, func() any { return map[string]bool{"ready": true} })
	case len(rest) >= 2 && rest[0] == "models":
		return s.routeModel(ctx, r, rest[1:])
	}
	return nil, unknownPath(r)
}

// routeModel serves what stands behind /v2/models/.
func (s *Server) routeModel(ctx context.Context, r *Request, path []string) (*Response, error) {
	if name := unescape(path[0]); name != s.meta.Name {
		return nil, refuse(http.StatusNotFound, "model %.64q is not here; this server has %q", name, s.meta.Name)
	}
	path = path[1:]
	if len(path) >= 2 && path[0] == "versions" {
		if v := unescape(path[1]); v != s.meta.Version {
			return nil, refuse(http.StatusNotFound, "model %q has no version %.64q; this server has %q", s.meta.Name, v, s.meta.Version)
		}
		path = path[2:]
	}
	switch {
	case len(path) == 0:
		return get(r, s.metadata)
	case len(path) == 1 && path[0] == "ready":
		return get(r, func() any {
			return struct {
				Name  string `json:"name"`
				Ready bool   `json:"ready"`
			}{s.meta.Name, true}
		})
	case len(path) == 1 && path[0] == "infer":
		if r.Method != http.MethodPost {
			return nil, notAllowed(r, http.MethodPost)
		}
		return s.infer(ctx, r)
	}
	return nil, unknownPath(r)
}

// unescape decodes a part of a path; what is not encoded correctly stands for itself, and is then unknown.
func unescape(part string) string {
	if text, err := url.PathUnescape(part); err == nil {
		return text
	}
	return part
}

func unknownPath(r *Request) error {
	return refuse(http.StatusNotFound, "path %.200q is not served; %s lists those that are", r.Path, DescriptionPath)
}

func notAllowed(r *Request, allow string) error {
	return &failure{status: http.StatusMethodNotAllowed, header: map[string]string{"allow": allow},
		text: fmt.Sprintf("method %.20q is not allowed for %.200q; use %s", r.Method, r.Path, allow)}
}

// get answers GET and HEAD; Lambda leaves out the body of the latter.
func get(r *Request, value func() any) (*Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, notAllowed(r, "GET, HEAD")
	}
	body, err := json.Marshal(value())
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return &Response{Status: http.StatusOK, Body: body, Header: map[string]string{
		"content-type": contentJSON, "link": "<" + DescriptionPath + `>; rel="service-desc"; type="application/json"`}}, nil
}

func (s *Server) server() any {
	return struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}{"shardwise", s.meta.ServerVersion, []string{"binary_tensor_data"}}
}

func (s *Server) metadata() any {
	return struct {
		Name     string   `json:"name"`
		Versions []string `json:"versions"`
		Platform string   `json:"platform"`
		Inputs   []Tensor `json:"inputs"`
		Outputs  []Tensor `json:"outputs"`
	}{s.meta.Name, []string{s.meta.Version}, s.meta.Platform, s.meta.Inputs, s.meta.Outputs}
}
