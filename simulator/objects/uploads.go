//go:build unix

package objects

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// minPart is the least size of every part but the last.
const minPart = 5 << 20

// uploads are the uploads in parts that are under way. Parts are files; the list of them is in memory only.
type uploads struct {
	store *store

	mu   sync.Mutex // guards open and what lies in it
	open map[gofakes3.UploadID]*upload
}

type upload struct {
	id          gofakes3.UploadID
	bucket, key string
	headers     map[string]string
	started     time.Time
	parts       map[int]part
}

type part struct {
	file string
	size int64
	md5  string
	at   time.Time
}

func newUploads(s *store) *uploads { return &uploads{store: s, open: map[gofakes3.UploadID]*upload{}} }

// CreateMultipartUpload begins an upload.
func (u *uploads) CreateMultipartUpload(bucket, key string, meta map[string]string) (gofakes3.UploadID, error) {
	id := gofakes3.UploadID(strings.ToLower(rand.Text()))
	if err := os.Mkdir(u.dir(id), 0o700); err != nil {
		return "", err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open[id] = &upload{id: id, bucket: bucket, key: key, headers: kept(meta), started: u.store.now(), parts: map[int]part{}}
	return id, nil
}

func (u *uploads) dir(id gofakes3.UploadID) string {
	return filepath.Join(u.store.dir, partsDir, string(id))
}

// find is the upload of an id, which names its bucket and key as well. mu must be held.
func (u *uploads) find(bucket, key string, id gofakes3.UploadID) (*upload, error) {
	up := u.open[id]
	if up == nil || up.bucket != bucket || up.key != key {
		return nil, gofakes3.ErrNoSuchUpload
	}
	return up, nil
}

// UploadPart takes a part; a later one of the same number replaces it.
func (u *uploads) UploadPart(bucket, key string, id gofakes3.UploadID, number int, size int64, input io.Reader) (string, error) {
	u.mu.Lock()
	_, err := u.find(bucket, key, id)
	u.mu.Unlock()
	if err != nil {
		return "", err
	}
	d, err := u.store.draft(input, size)
	if err != nil {
		return "", err
	}
	o, err := d.finish(key, nil, u.store.now())
	if err != nil {
		return "", errors.Join(err, os.Remove(d.f.Name()))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	up, err := u.find(bucket, key, id) // it may have ended meanwhile
	p := part{file: filepath.Join(u.dir(id), strconv.Itoa(number)), size: o.Size, md5: o.MD5, at: o.Modified}
	if err == nil {
		err = os.Rename(d.f.Name(), p.file)
	}
	if err != nil {
		if gone := os.Remove(d.f.Name()); gone != nil {
			return "", errors.Join(err, gone)
		}
		return "", err
	}
	up.parts[number] = p
	return `"` + p.md5 + `"`, nil
}

// AbortMultipartUpload drops an upload.
func (u *uploads) AbortMultipartUpload(bucket, key string, id gofakes3.UploadID) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, err := u.find(bucket, key, id); err != nil {
		return err
	}
	return u.end(id)
}

// end forgets an upload and removes its parts. mu must be held.
func (u *uploads) end(id gofakes3.UploadID) error {
	delete(u.open, id)
	return os.RemoveAll(u.dir(id))
}

// CompleteMultipartUpload puts the parts together. The upload stays when they are not what was asked for. The ETag is the
// whole object's MD5, without the number of parts.
func (u *uploads) CompleteMultipartUpload(bucket, key string, id gofakes3.UploadID, asked *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	up, err := u.find(bucket, key, id)
	if err != nil {
		return "", "", err
	}
	parts, err := up.choose(asked.Parts)
	if err != nil {
		return "", "", err
	}
	d, err := newDraft(filepath.Join(u.store.dir, draftsDir))
	if err != nil {
		return "", "", err
	}
	for _, p := range parts {
		if err := d.append(p); err != nil {
			return "", "", errors.Join(err, d.drop())
		}
	}
	o, err := u.store.commit(bucket, key, d, up.headers, nil)
	if err != nil {
		return "", "", err
	}
	return "", `"` + o.MD5 + `"`, u.end(id)
}

func (d *draft) append(p part) error {
	f, err := os.Open(p.file)
	if err != nil {
		return err
	}
	return errors.Join(d.readFrom(io.NewSectionReader(f, 0, p.size)), f.Close())
}

// choose finds the parts that were asked for.
func (up *upload) choose(asked []gofakes3.CompletedPart) ([]part, error) {
	if len(asked) == 0 {
		return nil, gofakes3.ErrMalformedXML
	}
	var parts []part
	for i, a := range asked {
		p, ok := up.parts[a.PartNumber]
		switch {
		case i > 0 && a.PartNumber <= asked[i-1].PartNumber:
			return nil, gofakes3.ErrInvalidPartOrder
		case !ok || strings.Trim(a.ETag, `"`) != p.md5:
			return nil, gofakes3.ErrorMessagef(gofakes3.ErrInvalidPart, "part %d was not uploaded with ETag %s", a.PartNumber, a.ETag)
		case p.size < minPart && i < len(asked)-1:
			// S3's own code is EntityTooSmall, which the library does not know and would answer with status 500.
			return nil, gofakes3.ErrorMessagef(gofakes3.ErrInvalidArgument, "EntityTooSmall: part %d has %d bytes, every part but the last has at least %d", a.PartNumber, p.size, minPart)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// ListMultipartUploads lists the bucket's uploads by key and age.
func (u *uploads) ListMultipartUploads(bucket string, marker *gofakes3.UploadListMarker, prefix gofakes3.Prefix, limit int64) (*gofakes3.ListMultipartUploadsResult, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var list []*upload
	for _, up := range u.open {
		after := marker == nil || up.key > marker.Object || up.key == marker.Object && marker.UploadID != "" && up.id > marker.UploadID
		if up.bucket == bucket && strings.HasPrefix(up.key, prefix.Prefix) && after {
			list = append(list, up)
		}
	}
	slices.SortFunc(list, func(a, b *upload) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id)) })
	result := &gofakes3.ListMultipartUploadsResult{Bucket: bucket, Prefix: prefix.Prefix, Delimiter: prefix.Delimiter, MaxUploads: limit}
	for i, up := range list {
		if int64(i) == limit {
			last := list[i-1]
			result.IsTruncated, result.NextKeyMarker, result.NextUploadIDMarker = true, last.key, last.id
			break
		}
		result.Uploads = append(result.Uploads, gofakes3.ListMultipartUploadItem{Key: up.key, UploadID: up.id, StorageClass: "STANDARD", Initiated: gofakes3.NewContentTime(up.started)})
	}
	return result, nil
}

// ListParts lists an upload's parts by number.
func (u *uploads) ListParts(bucket, key string, id gofakes3.UploadID, marker int, limit int64) (*gofakes3.ListMultipartUploadPartsResult, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	up, err := u.find(bucket, key, id)
	if err != nil {
		return nil, err
	}
	result := &gofakes3.ListMultipartUploadPartsResult{Bucket: bucket, Key: key, UploadID: id, StorageClass: "STANDARD", PartNumberMarker: marker, MaxParts: limit}
	for _, n := range slices.Sorted(maps.Keys(up.parts)) {
		if n <= marker {
			continue
		}
		if int64(len(result.Parts)) == limit {
			result.IsTruncated, result.NextPartNumberMarker = true, result.Parts[limit-1].PartNumber
			break
		}
		p := up.parts[n]
		result.Parts = append(result.Parts, gofakes3.ListMultipartUploadPartItem{PartNumber: n, ETag: `"` + p.md5 + `"`, Size: p.size, LastModified: gofakes3.NewContentTime(p.at)})
	}
	return result, nil
}
