//go:build unix

package objects

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// Names in the directory beside the buckets', which never begin with a dot.
const (
	draftsDir  = ".drafts"
	partsDir   = ".parts"
	bucketMark = ".bucket" // in each bucket: its age is the bucket's
)

// store is the directory and what memory holds of it.
type store struct {
	dir string
	now func() time.Time

	mu      sync.RWMutex // guards buckets; files are renamed and removed under it, and opened under its read half
	buckets map[string]*bucket
}

type bucket struct {
	created time.Time
	objects map[string]*object
	keys    []string // ascending; nil when objects has changed since
}

// openStore reads the directory. Drafts and parts of an earlier process are removed.
func openStore(dir string, now func() time.Time) (*store, error) {
	s := &store{dir: dir, now: now, buckets: map[string]*bucket{}}
	for _, name := range []string{draftsDir, partsDir} {
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, name)), os.Mkdir(filepath.Join(dir, name), 0o700)); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if s.buckets[e.Name()], err = readBucket(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func readBucket(dir string) (*bucket, error) {
	mark, err := os.Stat(filepath.Join(dir, bucketMark))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	b := &bucket{created: mark.ModTime(), objects: map[string]*object{}}
	for _, e := range entries {
		if e.Name() == bucketMark {
			continue
		}
		o, err := readObject(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		b.objects[o.Key] = o
	}
	return b, nil
}

// ensureBucket makes the bucket unless it is there.
func (s *store) ensureBucket(name string) error {
	err := s.createBucket(name)
	if gofakes3.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (s *store) createBucket(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] != nil {
		return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
	}
	dir := filepath.Join(s.dir, name)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, bucketMark), nil, 0o600)); err != nil {
		return err
	}
	s.buckets[name] = &bucket{created: s.now(), objects: map[string]*object{}}
	return nil
}

// deleteBucket removes a bucket; one with objects only by force.
func (s *store) deleteBucket(name string, force bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	switch {
	case b == nil:
		return gofakes3.BucketNotFound(name)
	case len(b.objects) > 0 && !force:
		return gofakes3.ResourceError(gofakes3.ErrBucketNotEmpty, name)
	}
	delete(s.buckets, name)
	return os.RemoveAll(filepath.Join(s.dir, name))
}

// find is the object, or nil.
func (s *store) find(bucket, key string) *object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[bucket]; b != nil {
		return b.objects[key]
	}
	return nil
}

// open opens the object's file. Whatever becomes of the key, the reader keeps the bytes that it found.
func (s *store) open(bucket, key string) (*object, *os.File, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, nil, gofakes3.BucketNotFound(bucket)
	}
	o := b.objects[key]
	if o == nil {
		return nil, nil, gofakes3.KeyNotFound(key)
	}
	f, err := os.Open(o.file)
	return o, f, err
}

// commit makes a draft the object of its key, if the conditions hold. The draft is used up.
func (s *store) commit(bucket, key string, d *draft, headers map[string]string, conditions *gofakes3.PutConditions) (*object, error) {
	o, err := d.finish(key, headers, s.now())
	if err != nil {
		return nil, errors.Join(err, os.Remove(d.f.Name()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		err = gofakes3.BucketNotFound(bucket)
	} else if conditions != nil {
		err = holds(conditions, b.objects[key])
	}
	if err == nil {
		o.file = filepath.Join(s.dir, bucket, fileName(key))
		err = os.Rename(d.f.Name(), o.file)
	}
	if err != nil {
		if gone := os.Remove(d.f.Name()); gone != nil {
			return nil, errors.Join(err, gone)
		}
		return nil, err // as it is: the library looks at its type
	}
	if b.objects[key] == nil {
		b.keys = nil
	}
	b.objects[key] = o
	return o, nil
}

func holds(conditions *gofakes3.PutConditions, o *object) error {
	info := &gofakes3.ConditionalObjectInfo{}
	if o != nil {
		info.Exists, info.Hash = true, o.hash()
	}
	return gofakes3.CheckPutConditions(conditions, info)
}

// remove removes an object; one that is not there is removed already, as S3 has it.
func (s *store) remove(bucket, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return gofakes3.BucketNotFound(bucket)
	}
	o := b.objects[key]
	if o == nil {
		return nil
	}
	delete(b.objects, key)
	b.keys = nil
	if err := os.Remove(o.file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// list are the bucket's objects in ascending order of their keys.
func (s *store) list(bucket string) ([]*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil, gofakes3.BucketNotFound(bucket)
	}
	if b.keys == nil {
		b.keys = make([]string, 0, len(b.objects))
		for key := range b.objects {
			b.keys = append(b.keys, key)
		}
		slices.Sort(b.keys)
	}
	list := make([]*object, len(b.keys))
	for i, key := range b.keys {
		list[i] = b.objects[key]
	}
	return list, nil
}
