//go:build unix

package objects

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/johannesboyne/gofakes3"
)

// backend is a store as the library wants it.
type backend struct {
	store *store
	*uploads
}

func (o *object) hash() []byte {
	sum, err := hex.DecodeString(o.MD5)
	if err != nil {
		return nil // of a footer that was edited by hand
	}
	return sum
}

// kept are the headers of a write that belong to the object.
func kept(meta map[string]string) map[string]string {
	headers := map[string]string{}
	for name, value := range meta {
		switch {
		case strings.HasPrefix(name, "X-Amz-Meta-"), name == "Content-Type", name == "Content-Disposition", name == "Content-Encoding":
			headers[name] = value
		}
	}
	return headers
}

// answer is the object as a read returns it; the checksum is the whole object's, and said only of it.
func (o *object) answer(whole bool) *gofakes3.Object {
	meta := maps.Clone(o.Headers)
	if meta == nil {
		meta = map[string]string{}
	}
	meta["Last-Modified"] = o.Modified.Format(http.TimeFormat)
	if whole {
		meta[checksumPrefix+"Crc32"] = base64.StdEncoding.EncodeToString(o.CRC32)
		meta[checksumPrefix+"Type"] = "FULL_OBJECT"
	}
	return &gofakes3.Object{Name: o.Key, Metadata: meta, Size: o.Size, Hash: o.hash(), Contents: io.NopCloser(strings.NewReader(""))}
}

// ListBuckets lists the buckets by name.
func (b *backend) ListBuckets() ([]gofakes3.BucketInfo, error) {
	b.store.mu.RLock()
	defer b.store.mu.RUnlock()
	var list []gofakes3.BucketInfo
	for _, name := range slices.Sorted(maps.Keys(b.store.buckets)) {
		list = append(list, gofakes3.BucketInfo{Name: name, CreationDate: gofakes3.NewContentTime(b.store.buckets[name].created)})
	}
	return list, nil
}

// ListBucket lists a page of keys and common prefixes, which count alike. The next page's mark is the last name of this one.
func (b *backend) ListBucket(name string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	objects, err := b.store.list(name)
	if err != nil {
		return nil, err
	}
	list := gofakes3.NewObjectList()
	last, n := "", int64(0)
	for _, o := range objects {
		entry, common := listed(o.Key, prefix)
		if entry == "" || entry == last && common || page.HasMarker && entry <= page.Marker {
			continue
		}
		if n == page.MaxKeys && page.MaxKeys > 0 {
			list.IsTruncated, list.NextMarker = true, last
			break
		}
		last, n = entry, n+1
		if common {
			list.AddPrefix(entry)
			continue
		}
		list.Add(&gofakes3.Content{Key: o.Key, Size: o.Size, LastModified: gofakes3.NewContentTime(o.Modified), ETag: `"` + o.MD5 + `"`, StorageClass: "STANDARD"})
	}
	return list, nil
}

// listed is what a key is listed as: itself, its prefix up to the delimiter (common), or "" for not at all.
func listed(key string, p *gofakes3.Prefix) (entry string, common bool) {
	if p == nil {
		return key, false
	}
	if p.HasPrefix && !strings.HasPrefix(key, p.Prefix) {
		return "", false
	}
	if p.HasDelimiter {
		if i := strings.Index(key[len(p.Prefix):], p.Delimiter); i >= 0 {
			return key[:len(p.Prefix)+i+len(p.Delimiter)], true
		}
	}
	return key, false
}

// CreateBucket makes a bucket.
func (b *backend) CreateBucket(name string) error { return b.store.createBucket(name) }

// BucketExists looks for a bucket.
func (b *backend) BucketExists(name string) (bool, error) {
	b.store.mu.RLock()
	defer b.store.mu.RUnlock()
	return b.store.buckets[name] != nil, nil
}

// DeleteBucket removes an empty bucket.
func (b *backend) DeleteBucket(name string) error { return b.store.deleteBucket(name, false) }

// ForceDeleteBucket removes a bucket with its objects.
func (b *backend) ForceDeleteBucket(name string) error { return b.store.deleteBucket(name, true) }

// GetObject opens an object or a range of it.
func (b *backend) GetObject(bucket, key string, asked *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	o, f, err := b.store.open(bucket, key)
	if err != nil {
		return nil, err
	}
	if asked != nil && asked.FromEnd {
		asked.End = min(asked.End, o.Size) // more than there is means all of it
	}
	span, err := asked.Range(o.Size)
	if err != nil {
		if closed := f.Close(); closed != nil {
			return nil, closed
		}
		return nil, err
	}
	answer := o.answer(span == nil)
	from, size := int64(0), o.Size
	if span != nil {
		from, size = span.Start, span.Length
	}
	answer.Range, answer.Contents = span, section{io.NewSectionReader(f, from, size), f}
	return answer, nil
}

// HeadObject describes an object.
func (b *backend) HeadObject(bucket, key string) (*gofakes3.Object, error) {
	o := b.store.find(bucket, key)
	if o == nil {
		return nil, gofakes3.KeyNotFound(key)
	}
	return o.answer(true), nil
}

// PutObject writes an object whole, or not at all.
func (b *backend) PutObject(bucket, key string, meta map[string]string, input io.Reader, size int64, conditions *gofakes3.PutConditions) (gofakes3.PutObjectResult, error) {
	var none gofakes3.PutObjectResult
	d, err := b.store.draft(input, size)
	if err != nil {
		return none, err
	}
	_, err = b.store.commit(bucket, key, d, kept(meta), conditions)
	return none, err
}

// draft takes size bytes of input.
func (s *store) draft(input io.Reader, size int64) (*draft, error) {
	d, err := newDraft(s.dir + string(os.PathSeparator) + draftsDir)
	if err != nil {
		return nil, err
	}
	err = d.readFrom(input)
	if late := errors.Is(err, os.ErrDeadlineExceeded); err == nil && d.size != size || err == io.ErrUnexpectedEOF || late {
		err = gofakes3.ErrorMessagef(gofakes3.ErrIncompleteBody, "wanted %d bytes, found %d", size, d.size)
	}
	if err != nil {
		if gone := d.drop(); gone != nil {
			return nil, fmt.Errorf("%w; %w", err, gone)
		}
		return nil, err
	}
	return d, nil
}

// DeleteObject removes an object.
func (b *backend) DeleteObject(bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	return gofakes3.ObjectDeleteResult{}, b.store.remove(bucket, key)
}

// DeleteMulti removes objects, and says which could not be.
func (b *backend) DeleteMulti(bucket string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	var result gofakes3.MultiDeleteResult
	for _, key := range keys {
		if err := b.store.remove(bucket, key); err != nil {
			failed := gofakes3.ErrorResultFromError(err)
			failed.Key = key
			result.Error = append(result.Error, failed)
			continue
		}
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// CopyObject copies an object with its headers, over those that the request brings.
func (b *backend) CopyObject(fromBucket, fromKey, bucket, key string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	var none gofakes3.CopyObjectResult
	o, f, err := b.store.open(fromBucket, fromKey)
	if err != nil {
		return none, err
	}
	d, err := b.store.draft(io.NewSectionReader(f, 0, o.Size), o.Size)
	if closed := f.Close(); err == nil && closed != nil {
		err = closed
	}
	if err != nil {
		return none, err
	}
	if o, err = b.store.commit(bucket, key, d, o.Headers, nil); err != nil {
		return none, err
	}
	return gofakes3.CopyObjectResult{ETag: `"` + o.MD5 + `"`, LastModified: gofakes3.NewContentTime(o.Modified)}, nil
}
