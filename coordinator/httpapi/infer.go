package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/wire"
)

// headerLength names the header that tells where the JSON of a body ends and its binary data begins.
const headerLength = "inference-header-content-length"

// infer answers a prediction. Without a binary output the answer is text, so that it travels as it is.
func (s *Server) infer(ctx context.Context, r *Request) (*Response, error) {
	if c := r.Header["content-encoding"]; c != "" && !strings.EqualFold(c, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, "content encoding %.40q is not supported; send the body as it is", c)
	}
	head, tail, err := cutBody(r)
	if err != nil {
		return nil, err
	}
	in, err := oip.DecodeExtended(head, tail)
	if err != nil {
		return nil, err
	}
	out, err := s.model.Infer(ctx, in)
	if err != nil {
		return nil, err
	}
	body, n, err := oip.EncodeExtended(out, in.WantsBinary)
	var large *wire.TooLargeError
	if errors.As(err, &large) && r.prefersReference() {
		return s.refer(ctx, out, err)
	}
	if err != nil {
		return nil, err
	}
	response := &Response{Status: http.StatusOK, Body: body, Header: map[string]string{"content-type": contentJSON}}
	if r.prefersReference() {
		response.whole = out
	}
	for _, name := range out.Names {
		response.Binary = response.Binary || in.WantsBinary(name)
	}
	if response.Binary {
		response.Header["content-type"], response.Header[headerLength] = contentBinary, strconv.Itoa(n)
	}
	return response, nil
}

// prefersReference reports whether the client says, by the preference "reference" (RFC 7240), that it can follow an answer which
// refers to the store. To others such an answer would look like one without outputs, so they get a refusal.
func (r *Request) prefersReference() bool {
	return slices.ContainsFunc(strings.Split(r.Header["prefer"], ","), func(p string) bool { return strings.EqualFold(strings.TrimSpace(p), "reference") })
}

// refer makes the answer that refers to the whole one; without a store it returns cause, the refusal for its size.
func (s *Server) refer(ctx context.Context, out *oip.Response, cause error) (*Response, error) {
	body, err := s.model.Refer(ctx, out)
	if shard.KindOf(err) == shard.NoStore {
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	return &Response{Status: http.StatusOK, Body: body, Header: map[string]string{"content-type": contentJSON}}, nil
}

// cutBody tells the JSON from the binary data behind it.
func cutBody(r *Request) (head, tail []byte, err error) {
	text, ok := r.Header[headerLength]
	if !ok {
		return r.Body, nil, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n > uint64(len(r.Body)) {
		return nil, nil, refuse(http.StatusBadRequest, "header Inference-Header-Content-Length: wanted the length of the JSON in a body of %d bytes, found %.40q",
			len(r.Body), text)
	}
	return r.Body[:n], r.Body[n:], nil
}
