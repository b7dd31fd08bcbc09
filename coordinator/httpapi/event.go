package httpapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard/wire"
	"github.com/shardwise/shardwise/shard/wire/jsonscan"
)

// Request is an HTTP request as a function-URL event tells it. Header names are in lower case, several values of one are
// joined by commas.
type Request struct {
	Method string
	Path   string // as it was sent: still percent-encoded
	Header map[string]string
	Body   []byte
}

// Response is the answer to a Request. Binary says that the body is not text.
type Response struct {
	Status int
	Header map[string]string
	Body   []byte
	Binary bool

	whole *oip.Response // what Body holds, of a prediction that may go by reference and does not yet
}

// event is the state of one decodeEvent.
type event struct {
	s       *jsonscan.Scanner
	r       Request
	seen    map[string]bool
	raw     []byte // the body between its quotes
	escaped bool   // raw holds escapes
	base64  bool
}

// decodeEvent reads a function-URL event of payload format 2.0. Keys that this package has no use for are skipped: the
// service adds new ones at will. Errors are *wire.FormatError. The request aliases payload.
func decodeEvent(payload []byte) (*Request, error) {
	e := &event{s: jsonscan.New(payload), seen: map[string]bool{}, r: Request{Header: map[string]string{}}}
	err := e.s.Object(e.field)
	if err == nil {
		err = e.s.End()
	}
	if err == nil && (e.r.Method == "" || e.r.Path == "") {
		err = fmt.Errorf("wanted requestContext.http.method and rawPath, found %q and %q", e.r.Method, e.r.Path)
	}
	if err == nil {
		err = e.body()
	}
	if err != nil {
		return nil, &wire.FormatError{What: "function URL event", Err: err}
	}
	return &e.r, nil
}

func (e *event) field(key []byte) (err error) {
	name := string(key)
	if e.seen[name] {
		return fmt.Errorf("a key stands twice")
	}
	e.seen[name] = true
	switch name {
	case "version":
		err = e.version()
	case "rawPath":
		e.r.Path, err = e.text()
	case "headers":
		if !e.s.Literal("null") {
			err = e.s.Object(e.header)
		}
	case "requestContext":
		err = e.s.Object(e.context)
	case "body":
		if !e.s.Literal("null") {
			e.raw, e.escaped, err = e.s.RawString()
		}
	case "isBase64Encoded":
		e.base64, err = e.s.Bool()
	default:
		err = e.s.Skip()
	}
	return err
}

func (e *event) version() error {
	v, err := e.text()
	if err == nil && v != "2.0" {
		err = fmt.Errorf("payload format version %.20q is not known, only 2.0 is", v)
	}
	return err
}

func (e *event) text() (string, error) {
	t, err := e.s.String()
	return string(t), err
}

func (e *event) header(key []byte) error {
	name := strings.ToLower(string(key))
	if _, ok := e.r.Header[name]; ok {
		return fmt.Errorf("header %.64q stands twice", name)
	}
	value, err := e.text()
	e.r.Header[name] = value
	return err
}

func (e *event) context(key []byte) error {
	if string(key) != "http" {
		return e.s.Skip()
	}
	return e.s.Object(func(key []byte) (err error) {
		if string(key) != "method" {
			return e.s.Skip()
		}
		e.r.Method, err = e.text()
		return err
	})
}

// body decodes the body once it is known how.
func (e *event) body() error {
	text := e.raw
	if e.escaped {
		bad := -1
		if text, bad = jsonscan.Unescape(make([]byte, 0, len(e.raw)), e.raw); bad >= 0 {
			return fmt.Errorf("body: wanted a JSON escape at byte %d", bad)
		}
	}
	if !e.base64 {
		e.r.Body = text
		return nil
	}
	body, err := tensor.DecodeBase64(text)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	e.r.Body = body
	return nil
}

// encodeEvent writes the answer in the form that Lambda turns into an HTTP response. Beyond Lambda's limit it is a
// *wire.TooLargeError.
func encodeEvent(r *Response) ([]byte, error) {
	b := make([]byte, 0, 512+len(r.Body)/3*4+len(r.Body)/8)
	b = strconv.AppendInt(append(b, `{"statusCode":`...), int64(r.Status), 10)
	b = append(b, `,"headers":{`...)
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendString(append(wire.AppendString(b, name), ':'), r.Header[name])
	}
	b = append(b, `},"isBase64Encoded":`...)
	b = append(strconv.AppendBool(b, r.Binary), `,"body":`...)
	if r.Binary {
		b = append(tensor.AppendBase64(append(b, '"'), r.Body), '"')
	} else {
		b = wire.AppendString(b, string(r.Body))
	}
	b = append(b, '}')
	if len(b) > wire.MaxReply {
		return nil, &wire.TooLargeError{What: "http response as a lambda reply", Bytes: len(b), Limit: wire.MaxReply}
	}
	return b, nil
}
