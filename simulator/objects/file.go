//go:build unix

package objects

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"time"
)

// An object is one file: its bytes, then a footer that says everything else, then the footer's length and a mark. The sums
// are known only when the last byte has come, and one rename makes all of it visible at once.
const (
	footerMark = "SWO1"
	footerTail = 8 // length and mark
	maxFooter  = 64 << 10
)

// object is what memory holds of an object. It does not change.
type object struct {
	Key      string            `json:"key"`
	Size     int64             `json:"size"`
	MD5      string            `json:"md5"`   // hex; the ETag
	CRC32    []byte            `json:"crc32"` // big-endian
	Modified time.Time         `json:"modified"`
	Headers  map[string]string `json:"headers,omitempty"`

	file string
}

// fileName is a key's file: keys hold what no file name may.
func fileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// draft is a file that is being written and nobody sees yet.
type draft struct {
	f    *os.File
	md5  hash.Hash
	crc  hash.Hash32
	size int64
}

func newDraft(dir string) (*draft, error) {
	f, err := os.CreateTemp(dir, "draft-")
	if err != nil {
		return nil, err
	}
	return &draft{f: f, md5: md5.New(), crc: crc32.NewIEEE()}, nil
}

// readFrom takes all of r. Errors of r come back as they are.
func (d *draft) readFrom(r io.Reader) error {
	n, err := io.CopyBuffer(io.MultiWriter(d.f, d.md5, d.crc), r, make([]byte, 256<<10))
	d.size += n
	return err
}

// drop removes the draft.
func (d *draft) drop() error { return errors.Join(d.f.Close(), os.Remove(d.f.Name())) }

// finish writes the footer and closes the file.
func (d *draft) finish(key string, headers map[string]string, now time.Time) (*object, error) {
	o := &object{Key: key, Size: d.size, MD5: hex.EncodeToString(d.md5.Sum(nil)), CRC32: d.crc.Sum(nil), Modified: now.UTC(), Headers: headers}
	footer, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(footer)))
	if _, err := d.f.Write(append(footer, footerMark...)); err != nil {
		return nil, err
	}
	return o, d.f.Close()
}

// readObject reads what a file says of its object.
func readObject(path string) (*object, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	o, err := readFooter(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s holds no object: %w", path, err)
	}
	o.file = path
	return o, nil
}

func readFooter(f *os.File) (*object, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var tail [footerTail]byte
	if _, err := f.ReadAt(tail[:], info.Size()-footerTail); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(tail[:]))
	if string(tail[4:]) != footerMark || n > maxFooter || n > info.Size()-footerTail {
		return nil, errors.New("its end is not one")
	}
	footer := make([]byte, n)
	if _, err := f.ReadAt(footer, info.Size()-footerTail-n); err != nil {
		return nil, err
	}
	o := &object{}
	if err := json.Unmarshal(footer, o); err != nil {
		return nil, err
	}
	if o.Size != info.Size()-footerTail-n {
		return nil, fmt.Errorf("wanted %d bytes of content, found %d", o.Size, info.Size()-footerTail-n)
	}
	return o, nil
}

// section is a part of an object's file, to be closed by its reader.
type section struct {
	io.Reader
	f *os.File
}

// Close closes the file.
func (s section) Close() error { return s.f.Close() }
