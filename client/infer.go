package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Request is one prediction.
type Request struct {
	ID       string        // stands in the answer and in logs; "" for one that the server chooses
	Inputs   []Tensor      // read-only, not retained
	Outputs  []string      // names; none for the model's default ones
	Mode     string        // numeric mode; "" for the model's best
	Deadline time.Duration // time that the server may take; 0 for its own limit
}

// Response is the answer: the outputs in the order asked for, and the numeric mode that was used. NotRemoved says why the
// object that held the answer, if one did, is still in the store; the answer is complete all the same.
type Response struct {
	Model, Version, ID, Mode string
	Outputs                  []Tensor
	NotRemoved               error
}

// Output is the output of that name; without one, a Tensor of no datatype, which Values and Strings refuse.
func (r *Response) Output(name string) Tensor {
	for _, t := range r.Outputs {
		if t.Name == name {
			return t
		}
	}
	return Tensor{Name: name}
}

const lengthHeader = "Inference-Header-Content-Length"

// The documents of the protocol, as far as this package writes and reads them.
type (
	inferRequest struct {
		ID         string         `json:"id,omitempty"`
		Inputs     []inferTensor  `json:"inputs"`
		Outputs    []inferOutput  `json:"outputs,omitempty"`
		Parameters map[string]any `json:"parameters"`
	}
	inferTensor struct {
		Name       string          `json:"name"`
		Datatype   string          `json:"datatype"`
		Shape      []int           `json:"shape"`
		Parameters inferParameters `json:"parameters"`
	}
	inferOutput struct {
		Name string `json:"name"`
	}
	inferParameters struct {
		Size *int `json:"binary_data_size,omitempty"`
	}
	inferResponse struct {
		Name       string        `json:"model_name"`
		Version    string        `json:"model_version"`
		ID         string        `json:"id"`
		Outputs    []inferTensor `json:"outputs"`
		Parameters struct {
			Mode string `json:"mode"`
		} `json:"parameters"`
	}
)

// Infer asks for a prediction. An answer in the store is read, compared with its checksum, and removed there. Refusals of the server are *Error; it is not asked again. The outputs belong to the
// caller.
func (c *Client) Infer(ctx context.Context, r Request) (*Response, error) {
	head, tail, err := encodeRequest(r)
	if err != nil {
		return nil, fmt.Errorf("infer: %w", err)
	}
	header := http.Header{lengthHeader: {strconv.Itoa(len(head))}, "Content-Type": {"application/octet-stream"}}
	if c.objects != nil {
		header.Set("Prefer", "reference")
	}
	body, answered, err := c.exchange(ctx, http.MethodPost, c.base+"/infer", header, append(head, tail...))
	if err != nil {
		return nil, fmt.Errorf("infer: %w", err)
	}
	ref := referred(answered, body)
	if ref != nil {
		if answered, body, err = c.follow(ctx, ref); err != nil {
			return nil, fmt.Errorf("infer: %w", err)
		}
	}
	response, err := decodeResponse(answered, body, r.Outputs)
	if err != nil {
		return nil, fmt.Errorf("infer: the answer is not the one asked for: %w", err)
	}
	if ref != nil {
		response.NotRemoved = c.objects.Remove(ctx, ref.URL)
	}
	return response, nil
}

func encodeRequest(r Request) (head, tail []byte, err error) {
	if r.Deadline < 0 || r.Deadline > 0 && r.Deadline < time.Millisecond {
		return nil, nil, fmt.Errorf("deadline %v: wanted 0, or a millisecond or more", r.Deadline)
	}
	doc := inferRequest{ID: r.ID, Inputs: []inferTensor{}, Parameters: map[string]any{"binary_data_output": true}}
	if r.Mode != "" {
		doc.Parameters["mode"] = r.Mode
	}
	if r.Deadline > 0 {
		doc.Parameters["deadline_ms"] = r.Deadline.Milliseconds()
	}
	for i := range r.Inputs {
		t := &r.Inputs[i]
		if err := t.check(); err != nil {
			return nil, nil, err
		}
		size := len(t.Data)
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		doc.Inputs = append(doc.Inputs, inferTensor{t.Name, t.Datatype, shape, inferParameters{&size}})
		tail = append(tail, t.Data...)
	}
	for _, name := range r.Outputs {
		doc.Outputs = append(doc.Outputs, inferOutput{name})
	}
	head, err = json.Marshal(doc)
	return head, tail, err
}

// decodeResponse reads an answer, whose outputs must be binary and those that were asked for.
func decodeResponse(header http.Header, body []byte, wanted []string) (*Response, error) {
	n, err := strconv.ParseUint(header.Get(lengthHeader), 10, 31)
	if err != nil || n > uint64(len(body)) {
		return nil, fmt.Errorf("wanted the length of the JSON of %d bytes in %s, found %q", len(body), lengthHeader, header.Get(lengthHeader))
	}
	var doc inferResponse
	if err := json.Unmarshal(body[:n], &doc); err != nil {
		return nil, err
	}
	r := &Response{Model: doc.Name, Version: doc.Version, ID: doc.ID, Mode: doc.Parameters.Mode}
	tail := body[n:]
	for i, o := range doc.Outputs {
		if len(wanted) > 0 && (i >= len(wanted) || o.Name != wanted[i]) {
			return nil, fmt.Errorf("wanted the outputs %q, found %q", wanted, o.Name)
		}
		if o.Parameters.Size == nil || *o.Parameters.Size < 0 || *o.Parameters.Size > len(tail) {
			return nil, fmt.Errorf("output %q has no binary data, or more than the %d bytes that are left", o.Name, len(tail))
		}
		t := Tensor{Name: o.Name, Datatype: o.Datatype, Shape: o.Shape, Data: tail[:*o.Parameters.Size:*o.Parameters.Size]}
		if err := t.check(); err != nil {
			return nil, err
		}
		tail = tail[*o.Parameters.Size:]
		r.Outputs = append(r.Outputs, t)
	}
	if len(tail) > 0 || len(r.Outputs) < len(wanted) || len(r.Outputs) == 0 {
		return nil, fmt.Errorf("wanted the outputs %q, found %d of them and %d bytes too many", wanted, len(r.Outputs), len(tail))
	}
	return r, nil
}
