package awslambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/shard"
)

const (
	serviceName    = "lambda" // in signatures
	functionsPath  = "/2015-03-31/functions/"
	invocationPath = "/invocations"
	// traceKey is where aws-lambda-go keeps an invocation's trace header in its context.
	traceKey    = "x-amzn-trace-id"
	traceHeader = "X-Amzn-Trace-Id"
)

// Invoke calls the function once and waits. The trace header of the invocation that ctx belongs to is handed on, so that
// Lambda can tell a function that calls itself for ever, and traces show who called whom.
func (c *Client) Invoke(ctx context.Context, t coordinator.Target, payload []byte) (coordinator.Reply, error) {
	req, err := c.request(ctx, t, payload)
	if err != nil {
		return coordinator.Reply{}, broken(ctx, t, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return coordinator.Reply{}, broken(ctx, t, err)
	}
	body, err := readAll(resp)
	closed := resp.Body.Close()
	if err == nil {
		err = closed
	}
	r := coordinator.Reply{RequestID: resp.Header.Get("X-Amzn-Requestid")}
	switch {
	case err != nil:
		return r, broken(ctx, t, err)
	case resp.StatusCode != http.StatusOK:
		r.RetryAfter = retryAfter(resp.Header)
		return r, refused(t, resp, body)
	}
	r.Body, r.FunctionError, r.ExecutedVersion = body, resp.Header.Get("X-Amz-Function-Error"), resp.Header.Get("X-Amz-Executed-Version")
	return r, nil
}

// request is a signed request to invoke t.
func (c *Client) request(ctx context.Context, t coordinator.Target, payload []byte) (*http.Request, error) {
	u := c.base
	prefix := strings.TrimSuffix(u.EscapedPath(), "/")
	u.Path = strings.TrimSuffix(u.Path, "/") + functionsPath + t.Function + invocationPath
	u.RawPath = prefix + functionsPath + escape(t.Function) + invocationPath
	if t.Qualifier != "" {
		u.RawQuery = "Qualifier=" + escape(t.Qualifier)
	}
	req := (&http.Request{
		Method: http.MethodPost, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(payload)),
		Header: http.Header{
			"User-Agent":            {"shardwise"},
			"X-Amz-Invocation-Type": {"RequestResponse"},
		},
	}).WithContext(ctx)
	if len(payload) > 0 {
		req.Header["Content-Type"] = []string{"application/octet-stream"}
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
		req.Body = io.NopCloser(bytes.NewReader(payload))
	}
	if trace, ok := ctx.Value(traceKey).(string); ok && trace != "" && printable(trace) {
		req.Header[traceHeader] = []string{trace}
	}
	keys, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get AWS credentials: %w", err)
	}
	sum := sha256.Sum256(payload)
	err = c.signer.SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), serviceName, c.region, time.Now())
	return req, err
}

// escape writes a value into a path or a query as signatures want it: all but letters, digits and "-._~" in percent form.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// printable reports whether s may stand in a header.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// maxAhead bounds what is set aside on the word of a Content-Length.
const maxAhead = 8 << 20

func readAll(resp *http.Response) ([]byte, error) {
	if resp.ContentLength < 0 || resp.ContentLength > maxAhead {
		return io.ReadAll(resp.Body)
	}
	body := make([]byte, resp.ContentLength)
	_, err := io.ReadFull(resp.Body, body)
	return body, err
}

// broken is a call that had no answer.
func broken(ctx context.Context, t coordinator.Target, err error) error {
	e := &shard.Error{Op: "invoke " + t.String(), Kind: shard.Transport, Cause: err}
	if ctx.Err() != nil {
		e.Kind, e.Cause = shard.KindOf(ctx.Err()), ctx.Err()
	}
	return e
}
