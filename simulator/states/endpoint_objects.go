package states

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// unsigned is the Authorization of requests to a simulated S3: it says which service is meant, and signs nothing.
const unsigned = "AWS4-HMAC-SHA256 Credential=simulator/20000101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none"

// EndpointObjects is an ObjectStore that calls S3's API at a base URL in path style, without signatures: the
// simulator's own. Real S3 refuses it.
func EndpointObjects(url string) ObjectStore { return &endpointObjects{newEndpoint(url)} }

type endpointObjects struct{ *endpoint }

// do makes a request; the answer's body is the caller's to close. Any status but 200 is an error.
func (e *endpointObjects) do(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, error) {
	target := e.url + path
	if query != nil {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", unsigned)
	answer, err := e.client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if cerr := answer.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("status %d: %w", answer.StatusCode, err)
	}
	var refused struct{ Code, Message string }
	if xml.Unmarshal(text, &refused) != nil || refused.Code == "" {
		return nil, fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	return nil, fmt.Errorf("%s: %s (Status Code: %d)", refused.Code, refused.Message, answer.StatusCode)
}

// place is the path of an object, each step of the key escaped.
func place(bucket, key string) string {
	steps := strings.Split(key, "/")
	for i, s := range steps {
		steps[i] = url.PathEscape(s)
	}
	return "/" + url.PathEscape(bucket) + "/" + strings.Join(steps, "/")
}

// Get is GetObject.
func (e *endpointObjects) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	answer, err := e.do(ctx, http.MethodGet, place(bucket, key), nil, nil)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// Put is PutObject.
func (e *endpointObjects) Put(ctx context.Context, bucket, key string, body []byte) error {
	answer, err := e.do(ctx, http.MethodPut, place(bucket, key), nil, body)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// List is ListObjectsV2.
func (e *endpointObjects) List(ctx context.Context, bucket, prefix, token string) ([]Object, string, error) {
	query := url.Values{"list-type": {"2"}, "prefix": {prefix}}
	if token != "" {
		query.Set("continuation-token", token)
	}
	answer, err := e.do(ctx, http.MethodGet, "/"+url.PathEscape(bucket), query, nil)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	var page struct {
		Contents []struct {
			Key, ETag, StorageClass string
			Size                    int64
			LastModified            time.Time
		}
		NextContinuationToken string
	}
	if err := xml.NewDecoder(answer.Body).Decode(&page); err != nil {
		return nil, "", fmt.Errorf("list: %w", err)
	}
	list := make([]Object, len(page.Contents))
	for i, c := range page.Contents {
		list[i] = Object(c)
	}
	return list, page.NextContinuationToken, nil
}
