//go:build unix

package objects

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/johannesboyne/gofakes3"

	"github.com/shardwise/shardwise/internal/workdir"
)

// Config says where objects lie. Dir is required: it is made if it is missing, may hold the objects of an earlier Server,
// and belongs to one Server at a time. Buckets are made if they are missing.
type Config struct {
	Dir     string
	Buckets []string
	Now     func() time.Time // nil: the machine's clock
}

// Server answers S3 requests. It implements http.Handler.
type Server struct {
	store   *store
	lock    *os.File
	handler http.Handler
}

// Open serves the directory's objects. Uploads in parts that an earlier Server left unfinished are dropped.
func Open(c Config) (_ *Server, err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := CheckBuckets(c.Buckets); err != nil {
		return nil, err
	}
	s := &Server{}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open objects: %w", err)
	}
	if s.lock, err = lock(filepath.Join(c.Dir, ".lock")); err != nil {
		return nil, fmt.Errorf("open objects in %s: %w", c.Dir, err)
	}
	if s.store, err = openStore(c.Dir, c.Now); err == nil {
		for _, name := range c.Buckets {
			err = errors.Join(err, s.store.ensureBucket(name))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open objects in %s: %w", c.Dir, err), s.Close())
	}
	fake := gofakes3.New(&backend{store: s.store, uploads: newUploads(s.store)},
		gofakes3.WithTimeSkewLimit(0), gofakes3.WithoutVersioning())
	s.handler = fake.Server()
	return s, nil
}

// CheckBuckets reports names that S3 does not allow.
func CheckBuckets(names []string) error {
	var faults []error
	for _, name := range names {
		if err := gofakes3.ValidateBucketName(name); err != nil {
			faults = append(faults, fmt.Errorf("bucket %.80q: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

func lock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	held, err := workdir.Take(f)
	if err == nil && !held {
		err = errors.New("another process serves this directory; give each its own")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close lets go of the directory. No request may be under way. The objects stay.
func (s *Server) Close() error { return s.lock.Close() }

// Serves reports whether the request is one to S3: signed for it, in a header or in the query of a presigned URL.
func Serves(r *http.Request) bool {
	if strings.Contains(r.Header.Get("Authorization"), "/s3/aws4_request") {
		return true
	}
	if !strings.Contains(r.URL.RawQuery, "Signature=") {
		return false
	}
	q := r.URL.Query()
	return strings.HasSuffix(q.Get("X-Amz-Credential"), "/s3/aws4_request") || q.Has("AWSAccessKeyId") && q.Has("Expires")
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refused := check(r); refused != nil {
		refused.write(w, r)
		return
	}
	if failed := s.precondition(r); failed != nil {
		failed.write(w, r)
		return
	}
	if r.Method == http.MethodPut && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "binary/octet-stream") // S3's own default
	}
	if err := unwrap(r); err != nil {
		(&refusal{http.StatusBadRequest, "InvalidRequest", err.Error()}).write(w, r)
		return
	}
	a := &answer{ResponseWriter: w}
	s.handler.ServeHTTP(a, r)
	if !a.sent {
		a.WriteHeader(http.StatusOK)
	}
	// What the handler did not read of a refused body would end the connection before the client has read why.
	_, _ = io.CopyN(io.Discard, r.Body, maxDiscard)
}

// maxDiscard bounds what is read of a body that nobody wants.
const maxDiscard = 16 << 20

// precondition answers If-Match of a read, which the library does not look at.
func (s *Server) precondition(r *http.Request) *refusal {
	want := r.Header.Get("If-Match")
	if want == "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	o := s.store.find(bucket, key)
	if o == nil || want == "*" || strings.Trim(want, `"`) == o.MD5 {
		return nil
	}
	return &refusal{http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"}
}
