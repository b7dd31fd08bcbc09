package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Objects reads and removes objects of a deployment's store, by URLs such as s3://bucket/prefix/key. An answer that is too
// large for Lambda refers to one. S3 makes one; implementations must refuse what lies outside the store, for the URLs are
// the server's, and must be safe for concurrent use.
type Objects interface {
	Get(ctx context.Context, url string) (io.ReadCloser, error)
	Remove(ctx context.Context, url string) error
}

// S3API is what S3 needs of the AWS SDK's *s3.Client.
type S3API interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, options ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, options ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// S3 reads and removes objects of a store whose bucket and prefix are those of the deployment. Nothing else is touched,
// whatever a server says.
func S3(api S3API, bucket, prefix string) Objects {
	return &store{api: api, bucket: bucket, root: "s3://" + bucket + "/" + prefix + "/", keep: len("s3://" + bucket + "/")}
}

type store struct {
	api          S3API
	bucket, root string
	keep         int // where the key begins in a URL
}

func (s *store) key(url string) (*string, error) {
	if !strings.HasPrefix(url, s.root) {
		return nil, fmt.Errorf("object %.200q lies outside the store %s", url, s.root)
	}
	key := url[s.keep:]
	return &key, nil
}

// Get opens the object.
func (s *store) Get(ctx context.Context, url string) (io.ReadCloser, error) {
	key, err := s.key(url)
	if err != nil {
		return nil, err
	}
	out, err := s.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: key})
	if err != nil {
		return nil, err
	}
	return out.Body, nil
}

// Remove removes the object.
func (s *store) Remove(ctx context.Context, url string) error {
	key, err := s.key(url)
	if err != nil {
		return err
	}
	_, err = s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: key})
	return err
}

// reference is how an answer refers to the object that holds it: the protocol's binary form, whose JSON has Header bytes.
type reference struct {
	URL    string `json:"ref"`
	Bytes  int64  `json:"ref_bytes"`
	SHA256 string `json:"ref_sha256"`
	Header int64  `json:"ref_header_bytes"`
}

// referred finds the reference in an answer; nil when the answer holds its outputs itself.
func referred(header http.Header, body []byte) *reference {
	if header.Get(lengthHeader) != "" {
		return nil
	}
	var doc struct {
		Parameters reference `json:"parameters"`
	}
	if json.Unmarshal(body, &doc) != nil || doc.Parameters.URL == "" {
		return nil
	}
	return &doc.Parameters
}

// follow reads the answer that an object holds.
func (c *Client) follow(ctx context.Context, r *reference) (http.Header, []byte, error) {
	if c.objects == nil {
		return nil, nil, fmt.Errorf("the answer of %d bytes lies in %s; set Options.Objects to follow it", r.Bytes, r.URL)
	}
	if r.Bytes < 1 || r.Bytes > c.maxObject {
		return nil, nil, fmt.Errorf("the answer in %s has %d bytes, wanted 1 to %d; raise MaxObject or ask for fewer rows", r.URL, r.Bytes, c.maxObject)
	}
	object, err := c.objects.Get(ctx, r.URL)
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer in %s: %w", r.URL, err)
	}
	data, err := io.ReadAll(io.LimitReader(object, r.Bytes+1))
	if err = errors.Join(err, object.Close()); err != nil {
		return nil, nil, fmt.Errorf("read the answer in %s: %w", r.URL, err)
	}
	sum := sha256.Sum256(data)
	if found := hex.EncodeToString(sum[:]); int64(len(data)) != r.Bytes || found != r.SHA256 {
		return nil, nil, fmt.Errorf("the answer in %s changed on the way: wanted %d bytes of sha256 %.64s, found %d of %s", r.URL, r.Bytes, r.SHA256, len(data), found)
	}
	return http.Header{lengthHeader: {strconv.FormatInt(r.Header, 10)}}, data, nil
}
