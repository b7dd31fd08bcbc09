// Package awss3 keeps objects in one bucket of Amazon S3, in the cloud or behind any endpoint that speaks its protocol.
//
// It reads no environment; internal/bootstrap and the CLI pass what it needs. A Client is safe for concurrent use. Unlike
// invocations, its operations are repeated here, three attempts in all: S3 asks its clients to slow down as a matter of
// course, and writing, reading or removing an object twice does no harm.
package awss3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/shardwise/shardwise/internal/objects"
)

// Options say where the bucket is and who asks. Region, Credentials and Bucket are required.
type Options struct {
	Region      string
	Endpoint    string // base URL, "" for AWS's own in Region; with one, the bucket stands in the path and not in the host
	Credentials aws.CredentialsProvider
	Bucket      string
	HTTP        aws.HTTPClient // nil: the SDK's own
}

// Client is one bucket. It implements objects.Store.
type Client struct {
	s3     *s3.Client
	bucket string
}

// attempts and maxBackoff bound an operation's repetitions.
const (
	attempts   = 3
	maxBackoff = time.Second
)

// New makes a client. It dials nothing.
func New(o Options) (*Client, error) {
	if o.Region == "" || o.Credentials == nil || o.Bucket == "" {
		return nil, errors.New("connect to s3: wanted a region, credentials and a bucket; set AWS_REGION and the AWS credentials, and store.bucket in deployment.json")
	}
	so := s3.Options{Region: o.Region, Credentials: o.Credentials, HTTPClient: o.HTTP, UsePathStyle: o.Endpoint != "",
		// The budget of tokens that the SDK shares among all calls would starve a wide fan-out.
		Retryer: retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxAttempts, s.MaxBackoff, s.RateLimiter = attempts, maxBackoff, ratelimit.None
		})}
	if o.Endpoint != "" {
		so.BaseEndpoint = aws.String(o.Endpoint)
	}
	return &Client{s3: s3.New(so), bucket: o.Bucket}, nil
}

// Get reads an object.
func (c *Client) Get(ctx context.Context, key string, size int64) ([]byte, error) {
	out, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		return nil, c.failure(ctx, "get", key, err)
	}
	if found := aws.ToInt64(out.ContentLength); found != size || out.ContentLength == nil {
		err := &objects.Error{Op: "get", Bucket: c.bucket, Key: key, Reason: objects.Size, Cause: fmt.Errorf("wanted %d bytes, found %d", size, found)}
		return nil, errors.Join(err, out.Body.Close())
	}
	data := make([]byte, size, max(size, 8))
	_, err = io.ReadFull(out.Body, data)
	if closed := out.Body.Close(); err == nil {
		err = closed
	}
	if err != nil { // the body broke off
		return nil, c.failure(ctx, "get", key, err)
	}
	return data, nil
}

// Put writes an object. The SDK sends a checksum along, which S3 compares.
func (c *Client) Put(ctx context.Context, key string, data []byte) error {
	_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data)))})
	if err != nil {
		return c.failure(ctx, "put", key, err)
	}
	return nil
}

// Delete removes an object.
func (c *Client) Delete(ctx context.Context, key string) error {
	if _, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: &key}); err != nil {
		return c.failure(ctx, "delete", key, err)
	}
	return nil
}

// failure gives an error of the SDK its reason.
func (c *Client) failure(ctx context.Context, op, key string, err error) error {
	e := &objects.Error{Op: op, Bucket: c.bucket, Key: key, Cause: err}
	var response *smithyhttp.ResponseError
	var api smithy.APIError
	status, code := 0, ""
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	if errors.As(err, &api) {
		code = api.ErrorCode()
		e.Cause = fmt.Errorf("status %d, %s: %s", status, code, api.ErrorMessage())
	}
	switch {
	case ctx.Err() != nil:
		e.Reason, e.Cause = objects.Ended, ctx.Err()
	case code == "NoSuchKey":
		e.Reason = objects.Missing
	case code == "NoSuchBucket", code == "PermanentRedirect", code == "AuthorizationHeaderMalformed", status == http.StatusMovedPermanently:
		e.Reason = objects.NoBucket
	case status == http.StatusForbidden, status == http.StatusUnauthorized, code == "ExpiredToken", code == "InvalidToken":
		e.Reason = objects.Denied
	case status == 0, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusConflict,
		status >= http.StatusInternalServerError, status == http.StatusOK, status == http.StatusPartialContent, code == "RequestTimeout":
		e.Reason = objects.Unavailable // status 0 and 200: no answer, or one that broke off
	}
	return e
}
