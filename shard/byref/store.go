// Package byref keeps the frames that are too large for a message as objects of the deployment's store, and reads them
// back (docs/decisions/0008-payloads-by-reference.md).
//
// It is the one place that decides which keys may be touched: those of one model below the store's prefix. Size and
// SHA-256 are compared before a byte is used. It knows nothing of requests, attempts or retries.
package byref

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/shardwise/shardwise/internal/objects"
	"github.com/shardwise/shardwise/shard/wire"
)

// Store is the part of a deployment's store that belongs to one model. A nil Store is none: every use of it is a
// *NoStoreError. It is safe for concurrent use.
type Store struct {
	objects objects.Store
	bucket  string
	root    string
}

// Where is a store without its model: the bucket's objects, the bucket's name, for telling outsiders, and the prefix below
// which everything lies. The zero value is no store.
type Where struct {
	Objects objects.Store
	Bucket  string
	Prefix  string
}

// Of is the model's part; nil when w is no store.
func (w Where) Of(fingerprint string) *Store {
	if w.Objects == nil {
		return nil
	}
	return &Store{objects: w.Objects, bucket: w.Bucket, root: w.Prefix + "/" + fingerprint[:12] + "/"}
}

// NoStoreError says that something goes by reference and there is no store.
type NoStoreError struct{ What string }

// Error says what needs the store and how to get one.
func (e *NoStoreError) Error() string {
	return e.What + " goes by reference, and this function has no store; name bucket and prefix as store in deployment.json and deploy again"
}

// Bucket is the bucket's name.
func (s *Store) Bucket() string { return s.bucket }

var plain = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Key is the key of these parts below the model's root. The first, a request's id, may be any text; the others must be of
// what keys allow.
func (s *Store) Key(request string, parts ...string) string {
	if !plain.MatchString(request) {
		sum := sha256.Sum256([]byte(request))
		request = "x" + hex.EncodeToString(sum[:16])
	}
	return s.root + request + "/" + strings.Join(parts, "/")
}

// Check refuses keys of another model or outside the store's prefix.
func (s *Store) Check(key string) error {
	if s == nil {
		return &NoStoreError{What: "a payload"}
	}
	if !strings.HasPrefix(key, s.root) || len(key) == len(s.root) {
		return &wire.MismatchError{Field: "object's key", Want: s.root + "...", Found: key}
	}
	return nil
}

// Put keeps a frame under key and returns what a message needs to refer to it. Errors are *objects.Error,
// *wire.MismatchError and *NoStoreError.
func (s *Store) Put(ctx context.Context, key string, frame []byte) (*wire.Ref, error) {
	if err := s.Check(key); err != nil {
		return nil, err
	}
	ref := wire.RefTo(key, frame)
	if ref.Bytes > wire.MaxObject {
		return nil, &wire.TooLargeError{What: "object", Bytes: int(ref.Bytes), Limit: wire.MaxObject}
	}
	return ref, s.objects.Put(ctx, key, frame)
}

// Get reads the frame that a message refers to, into a buffer of its own that is aligned to 8 bytes. Errors are those of
// Put, and *wire.ChecksumError for bytes that are not the ones meant.
func (s *Store) Get(ctx context.Context, ref *wire.Ref) ([]byte, error) {
	if err := s.Check(ref.Key); err != nil {
		return nil, err
	}
	frame, err := s.objects.Get(ctx, ref.Key, ref.Bytes)
	if err != nil {
		return nil, err
	}
	return frame, ref.Verify(frame)
}

// Remove removes an object.
func (s *Store) Remove(ctx context.Context, key string) error {
	if err := s.Check(key); err != nil {
		return err
	}
	return s.objects.Delete(ctx, key)
}
