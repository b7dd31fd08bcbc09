package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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
		case code == 429 || code == 503:
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

// partBytes is how much of a stream is held at a time: 10,000 parts of it are more than an object may have.
const partBytes = 16 << 20

// Upload writes an object from a stream, a few MB at a time.
func (s *S3) Upload(ctx context.Context, bucket, key string, r io.Reader) error {
	first := make([]byte, partBytes)
	n, err := io.ReadFull(r, first)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.Put(ctx, bucket, key, first[:n])
	}
	if err != nil {
		return fmt.Errorf("upload to %s: %w", place(bucket, key), err)
	}
	return s.multipart(ctx, bucket, key, func(j *join) error {
		for j.buffer = first; len(j.buffer) > 0; {
			if err := j.flush(); err != nil {
				return err
			}
			n, err := io.ReadFull(r, j.buffer[:partBytes])
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("upload to %s: %w", place(bucket, key), err)
			}
			j.buffer = j.buffer[:n]
		}
		return nil
	})
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

// Piece is a run of bytes of a joined object: Data, or where Data is nil the bytes From to To of an object.
type Piece struct {
	Data        []byte // not nil, may be empty
	Bucket, Key string
	From, To    int64
}

func (p *Piece) size() int64 {
	if p.Data != nil {
		return int64(len(p.Data))
	}
	return p.To - p.From
}

// S3's rules for multipart uploads.
const (
	minPart  = 5 << 20 // of every part but the last
	maxParts = 10_000
)

// Join writes an object of pieces in their order. Pieces of 5 MB and more are copied within S3; smaller ones pass through, a
// few MB at a time. The object appears when it is whole.
func (s *S3) Join(ctx context.Context, bucket, key string, pieces []Piece) error {
	var total int64
	for i := range pieces {
		total += pieces[i].size()
	}
	j := &join{s: s, ctx: ctx, bucket: bucket, key: key, least: max(minPart, total/(maxParts/2))}
	if total < minPart {
		for i := range pieces {
			if err := j.hold(&pieces[i]); err != nil {
				return err
			}
		}
		return s.Put(ctx, bucket, key, j.buffer)
	}
	return s.multipart(ctx, bucket, key, func(up *join) error {
		up.least = j.least
		return up.all(pieces)
	})
}

// multipart writes an object in parts, which it makes appear when write has sent them all.
func (s *S3) multipart(ctx context.Context, bucket, key string, write func(*join) error) error {
	up, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return failed("write", bucket, key, err)
	}
	j := &join{s: s, ctx: ctx, bucket: bucket, key: key, upload: up.UploadId}
	if err = write(j); err == nil {
		_, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: j.upload,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: j.parts}})
		err = failed("complete", bucket, key, err)
	}
	if err != nil {
		_, gone := s.client.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: j.upload})
		return errors.Join(err, failed("abort", bucket, key, gone))
	}
	return nil
}

// join is one multipart upload.
type join struct {
	s           *S3
	ctx         context.Context
	bucket, key string
	upload      *string
	least       int64 // bytes of a part, so that there are not too many
	through     bool  // the storage does not copy parts
	buffer      []byte
	parts       []types.CompletedPart
}

func (j *join) all(pieces []Piece) error {
	for i := range pieces {
		p := &pieces[i]
		if !j.through && p.Data == nil && p.size() >= j.least && (len(j.buffer) == 0 || int64(len(j.buffer)) >= minPart) {
			if err := j.flush(); err != nil {
				return err
			}
			err := j.copy(p)
			if err == nil {
				continue
			}
			// Not every storage that speaks S3's protocol copies parts; what it says it lacks, passes through here.
			var status *smithyhttp.ResponseError
			if !errors.As(err, &status) || status.HTTPStatusCode() != http.StatusNotImplemented {
				return err
			}
			j.through = true
		}
		if err := j.hold(p); err != nil {
			return err
		}
		if int64(len(j.buffer)) >= j.least {
			if err := j.flush(); err != nil {
				return err
			}
		}
	}
	return j.flush()
}

// hold appends a piece to the buffer.
func (j *join) hold(p *Piece) error {
	if p.Data != nil {
		j.buffer = append(j.buffer, p.Data...)
		return nil
	}
	r, err := j.s.Open(j.ctx, p.Bucket, p.Key, p.From, p.To)
	if err != nil {
		return err
	}
	at := len(j.buffer)
	j.buffer = append(j.buffer, make([]byte, p.size())...)
	_, err = io.ReadFull(r, j.buffer[at:])
	return failed("read", p.Bucket, p.Key, errors.Join(err, r.Close()))
}

func (j *join) flush() error {
	if len(j.buffer) == 0 {
		return nil
	}
	n := int32(len(j.parts) + 1)
	out, err := j.s.client.UploadPart(j.ctx, &s3.UploadPartInput{Bucket: &j.bucket, Key: &j.key, UploadId: j.upload, PartNumber: &n, Body: bytes.NewReader(j.buffer)})
	if err != nil {
		return failed("write", j.bucket, j.key, err)
	}
	j.parts, j.buffer = append(j.parts, types.CompletedPart{ETag: out.ETag, PartNumber: &n}), j.buffer[:0]
	return nil
}

func (j *join) copy(p *Piece) error {
	n := int32(len(j.parts) + 1)
	out, err := j.s.client.UploadPartCopy(j.ctx, &s3.UploadPartCopyInput{Bucket: &j.bucket, Key: &j.key, UploadId: j.upload, PartNumber: &n,
		CopySource: aws.String(p.Bucket + "/" + url.PathEscape(p.Key)), CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", p.From, p.To-1))})
	if err != nil {
		return failed("copy to", j.bucket, j.key, err)
	}
	j.parts = append(j.parts, types.CompletedPart{ETag: out.CopyPartResult.ETag, PartNumber: &n})
	return nil
}
