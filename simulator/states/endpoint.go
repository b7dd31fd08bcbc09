package states

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxAnswer is how much of Lambda's answer is read: its own limit of 6 MiB and 100 bytes, and room for errors.
const maxAnswer = 7 << 20

// maxConnections is how many calls are under way at once, as in AWS's SDKs: 10,000 children must not use up the process's
// file descriptors. Others wait.
const maxConnections = 2048

type endpoint struct {
	url    string
	client *http.Client
}

// Invoke calls POST /2015-03-31/functions/{name}/invocations.
func (e *endpoint) Invoke(ctx context.Context, r *LambdaRequest) (*LambdaResponse, error) {
	target := e.url + "/2015-03-31/functions/" + url.PathEscape(r.Function) + "/invocations"
	if r.Qualifier != "" {
		target += "?Qualifier=" + url.QueryEscape(r.Qualifier)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(r.Payload))
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", r.Function, err)
	}
	for name, v := range map[string]string{"X-Amz-Invocation-Type": r.InvocationType, "X-Amz-Client-Context": r.ClientContext, "X-Amz-Log-Type": r.LogType} {
		if v != "" {
			req.Header.Set(name, v)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := e.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", r.Function, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("invoke %s: read the answer: %w", r.Function, err)
	}
	return &LambdaResponse{Status: answer.StatusCode, Header: answer.Header, Body: body}, nil
}

// Endpoint is a LambdaInvoker that calls Lambda's API at a base URL, without signatures: the simulator's own.
func Endpoint(url string) LambdaInvoker { return newEndpoint(url) }

func newEndpoint(url string) *endpoint {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy, t.MaxIdleConnsPerHost, t.MaxIdleConns, t.MaxConnsPerHost = nil, 256, 256, maxConnections
	return &endpoint{url, &http.Client{Transport: t}}
}

// closeIdle ends connections that wait for another request.
func (e *endpoint) closeIdle() { e.client.CloseIdleConnections() }
