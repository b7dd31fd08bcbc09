package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Doer carries one HTTP request to its answer. *http.Client is one, and so is what Lambda returns.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Options of a Client. The zero value is ready for use.
type Options struct {
	HTTP     Doer   // nil means http.DefaultClient, which sets no time limit: contexts do
	Version  string // of the model; "" for whichever the server has
	MaxReply int64  // most bytes of an answer that are read; 0 means 16 MiB, more than Lambda sends

	// Objects follows answers that are too large for Lambda; nil makes them errors. MaxObject bounds them, 0 means 1 GiB.
	Objects   Objects
	MaxObject int64
}

// Client asks one model of one server. It is safe for concurrent use.
type Client struct {
	base  string // of the model's paths
	root  string
	do    Doer
	limit int64

	objects   Objects
	maxObject int64
}

// Error is an answer with a status of 400 or more. Message is the server's own, RetryAfter what it asks to wait before
// another attempt, 0 when it says nothing.
type Error struct {
	Status     int
	Message    string
	RetryAfter time.Duration
}

// Error is one line.
func (e *Error) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Message) }

// New makes a client for a model by name. The endpoint is a URL such as http://127.0.0.1:9001; a path in it is kept in
// front of the protocol's own paths. Nothing is sent.
func New(endpoint, model string, o Options) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("endpoint: wanted a URL like http://127.0.0.1:9001, found %q", endpoint)
	}
	if model == "" || o.MaxReply < 0 || o.MaxObject < 0 {
		return nil, fmt.Errorf("wanted a model's name and no negative MaxReply or MaxObject, found %q, %d and %d", model, o.MaxReply, o.MaxObject)
	}
	root := strings.TrimSuffix(endpoint, "/") + "/v2"
	c := &Client{root: root, base: root + "/models/" + url.PathEscape(model), do: o.HTTP, limit: o.MaxReply, objects: o.Objects, maxObject: o.MaxObject}
	if o.Version != "" {
		c.base += "/versions/" + url.PathEscape(o.Version)
	}
	if c.do == nil {
		c.do = http.DefaultClient
	}
	if c.limit == 0 {
		c.limit = 16 << 20
	}
	if c.maxObject == 0 {
		c.maxObject = 1 << 30
	}
	return c, nil
}

// Metadata is what a server tells of its model.
type Metadata struct {
	Name     string        `json:"name"`
	Versions []string      `json:"versions"`
	Platform string        `json:"platform"`
	Inputs   []TensorFacts `json:"inputs"`
	Outputs  []TensorFacts `json:"outputs"`
}

// TensorFacts describe an input or output; -1 in the shape is a size that a request chooses.
type TensorFacts struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

// Metadata asks for the model's inputs and outputs. Refusals are *Error.
func (c *Client) Metadata(ctx context.Context) (*Metadata, error) {
	m := &Metadata{}
	if err := c.document(ctx, c.base, m); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	if m.Name == "" || len(m.Inputs) == 0 || len(m.Outputs) == 0 {
		return nil, fmt.Errorf("metadata: the answer lacks the name, the inputs or the outputs")
	}
	return m, nil
}

// Ready returns nil when server and model say that they answer; a refusal is an *Error.
func (c *Client) Ready(ctx context.Context) error {
	for _, address := range []string{c.root + "/health/ready", c.base + "/ready"} {
		if _, _, err := c.exchange(ctx, http.MethodGet, address, nil, nil); err != nil {
			return fmt.Errorf("ready: %w", err)
		}
	}
	return nil
}

func (c *Client) document(ctx context.Context, address string, into any) error {
	body, _, err := c.exchange(ctx, http.MethodGet, address, nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer is not the document asked for: %w", err)
	}
	return nil
}

// exchange sends a request and reads the answer.
func (c *Client) exchange(ctx context.Context, method, address string, header http.Header, body []byte) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := c.do.Do(r)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, c.limit+1))
	if e := answer.Body.Close(); err == nil && e != nil {
		err = e
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(data)) > c.limit {
		return nil, nil, fmt.Errorf("the answer has more than %d bytes; raise MaxReply or ask for fewer rows", c.limit)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, nil, refusal(answer, data)
	}
	return data, answer.Header, nil
}

// refusal reads the protocol's error, or the message of Lambda itself, or what else the body says.
func refusal(answer *http.Response, body []byte) *Error {
	e := &Error{Status: answer.StatusCode}
	var doc struct{ Error, Message string }
	if json.Unmarshal(body, &doc) == nil {
		e.Message = doc.Error + doc.Message
	}
	if e.Message == "" {
		e.Message = strings.ToValidUTF8(string(body[:min(len(body), 200)]), "")
	}
	if seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
