package storage

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
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/shardwise/shardwise/internal/tensor"
	"github.com/shardwise/shardwise/shard"
)

// S3 reaches objects through the AWS SDK.
type S3 struct {
	client *s3.Client
	web    *http.Client
}

// Close ends connections that wait for another request.
func (s *S3) Close() { s.web.CloseIdleConnections() }

// connections to one host are kept for the next request: a task writes and reads several objects at once.
const connections = 64

// Options say where S3 is. Region and Credentials are required.
type Options struct {
	Region      string
	Endpoint    string // "" for AWS's own; path-style addresses otherwise
	Credentials aws.CredentialsProvider
}

// attempts is how often the SDK sends one request; maxBackoff bounds the wait before one.
const (
	attempts   = 5
	maxBackoff = 2 * time.Second
)

// retryer has no budget of tokens over all requests, which would starve many at once.
func retryer() aws.Retryer {
	return retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts, s.MaxBackoff, s.RateLimiter = attempts, maxBackoff, ratelimit.None
	})
}

// New makes an S3. It talks to nobody yet.
func New(o Options) *S3 {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = connections, connections
	transport.WriteBufferSize, transport.ReadBufferSize = 256<<10, 256<<10
	web := &http.Client{Transport: transport}
	return &S3{web: web, client: s3.New(s3.Options{Region: o.Region, Credentials: o.Credentials, HTTPClient: web, Retryer: retryer()}, func(so *s3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint, so.UsePathStyle = aws.String(o.Endpoint), true
		}
	})}
}

// Object is an entry of a list.
type Object struct {
	Key   string
	Bytes int64
}

// Place names an object in errors.
func place(bucket, key string) string { return "s3://" + bucket + "/" + key }

// failed types an error of the SDK.
func failed(op, bucket, key string, err error) error {
	if err == nil {
		return nil
	}
	kind := shard.Transport
	var status *smithyhttp.ResponseError
	if errors.As(err, &status) {
		switch code := status.HTTPStatusCode(); {
		case code == 404:
			kind = shard.NotFound
		case code == 401 || code == 403:
			kind = shard.Denied
		case code == 429 || code == 503 || code == 409: // the last: another writer of the same key is under way
			kind = shard.Throttled
		case code >= 500:
			kind = shard.Unavailable
		case code >= 400:
			kind = shard.Config
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind = shard.KindOf(err)
	}
	return &shard.Error{Op: op + " " + place(bucket, key), Kind: kind, Cause: err}
}

// Size is the object's length in bytes.
func (s *S3) Size(ctx context.Context, bucket, key string) (int64, error) {
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return 0, failed("look at", bucket, key, err)
	}
	return aws.ToInt64(head.ContentLength), nil
}

// Open reads the bytes from from up to to, which it does not include; to -1 is the end. The caller closes the reader.
func (s *S3) Open(ctx context.Context, bucket, key string, from, to int64) (io.ReadCloser, error) {
	if to == from {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if to >= 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1))
	} else if from > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", from))
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, failed("read", bucket, key, err)
	}
	return out.Body, nil
}

// Read is the whole object, in a buffer that is aligned to 8 bytes.
func (s *S3) Read(ctx context.Context, bucket, key string) (_ []byte, err error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, failed("read", bucket, key, err)
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	data := tensor.Aligned(int(aws.ToInt64(out.ContentLength)))
	if _, err := io.ReadFull(out.Body, data); err != nil {
		return nil, failed("read", bucket, key, err)
	}
	return data, nil
}

// Put writes an object over one that may be there. data is read-only and not retained.
func (s *S3) Put(ctx context.Context, bucket, key string, data []byte) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)})
	return failed("write", bucket, key, err)
}

// Create writes an object unless there is one already, and reports whether it has. Of several writers at once one does.
func (s *S3) Create(ctx context.Context, bucket, key string, data []byte) (bool, error) {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data), IfNoneMatch: aws.String("*")})
	var status *smithyhttp.ResponseError
	if errors.As(err, &status) && status.HTTPStatusCode() == http.StatusPreconditionFailed {
		return false, nil
	}
	return err == nil, failed("write", bucket, key, err)
}

// Delete removes an object; one that is not there is removed already.
func (s *S3) Delete(ctx context.Context, bucket, key string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	return failed("delete", bucket, key, err)
}

// List is every object whose key begins with prefix, in ascending order.
func (s *S3) List(ctx context.Context, bucket, prefix string) ([]Object, error) {
	var list []Object
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list", bucket, prefix, err)
		}
		for _, o := range page.Contents {
			list = append(list, Object{aws.ToString(o.Key), aws.ToInt64(o.Size)})
		}
	}
	return list, nil
}
