package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"
)

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
		if err := j.hold(pieces, total); err != nil {
			return err
		}
		return s.Put(ctx, bucket, key, j.buffer)
	}
	return s.multipart(ctx, bucket, key, func(up *join) error {
		up.least = j.least
		return up.all(pieces)
	})
}

// Writable finds out whether an object may be written. It begins to write one in parts and gives that up, so that nothing appears
// and nothing that is there changes.
func (s *S3) Writable(ctx context.Context, bucket, key string) error {
	up, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return failed("write", bucket, key, err)
	}
	_, err = s.client.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId})
	return failed("abort", bucket, key, err)
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

// all sends pieces as parts: large ones are copied, small ones put together.
func (j *join) all(pieces []Piece) error {
	var small []Piece
	var bytes int64
	gather := func() error {
		err := j.hold(small, bytes)
		if err == nil {
			err = j.flush()
		}
		small, bytes = small[:0], 0
		return err
	}
	for _, p := range pieces {
		if !j.through && p.Data == nil && p.size() >= j.least && (bytes == 0 || bytes >= minPart) {
			if err := gather(); err != nil {
				return err
			}
			copied, err := j.copied(&p)
			if err != nil {
				return err
			}
			if copied {
				continue
			}
		}
		small, bytes = append(small, p), bytes+p.size()
		if bytes >= j.least {
			if err := gather(); err != nil {
				return err
			}
		}
	}
	return gather()
}

// copied copies a piece within S3. Not every storage that speaks S3's protocol copies parts; of one that says so, all pieces pass
// through here.
func (j *join) copied(p *Piece) (bool, error) {
	err := j.copy(p)
	var status *smithyhttp.ResponseError
	if errors.As(err, &status) && status.HTTPStatusCode() == http.StatusNotImplemented {
		j.through = true
		return false, nil
	}
	return err == nil, err
}

// readsAtOnce hides the storage's latency, of which a join of many small pieces would consist.
const readsAtOnce = 16

// hold reads pieces of so many bytes in all into the buffer.
func (j *join) hold(pieces []Piece, size int64) error {
	if int64(cap(j.buffer)) < size {
		j.buffer = make([]byte, size)
	}
	j.buffer = j.buffer[:size]
	g, ctx := errgroup.WithContext(j.ctx)
	g.SetLimit(readsAtOnce)
	for at, i := int64(0), 0; i < len(pieces); i++ {
		p, dst := &pieces[i], j.buffer[at:at+pieces[i].size()]
		at += p.size()
		if p.Data != nil {
			copy(dst, p.Data)
			continue
		}
		g.Go(func() error {
			r, err := j.s.Open(ctx, p.Bucket, p.Key, p.From, p.To)
			if err != nil {
				return err
			}
			_, err = io.ReadFull(r, dst)
			return failed("read", p.Bucket, p.Key, errors.Join(err, r.Close()))
		})
	}
	return g.Wait()
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
