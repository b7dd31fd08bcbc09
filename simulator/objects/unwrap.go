//go:build unix

package objects

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/johannesboyne/gofakes3"
)

const checksumPrefix = "X-Amz-Checksum-"

// crc64NVME is the polynomial of CRC-64/NVME, reflected, as hash/crc64 wants it.
const crc64NVME = 0x9a6c9329ac4bc9b5

// newSum makes the hash of a checksum header; nil when the header names no algorithm.
func newSum(header string) hash.Hash {
	switch strings.TrimPrefix(http.CanonicalHeaderKey(header), checksumPrefix) {
	case "Crc32":
		return crc32.NewIEEE()
	case "Crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "Crc64nvme":
		return crc64.New(crc64.MakeTable(crc64NVME))
	case "Sha1":
		return sha1.New()
	case "Sha256":
		return sha256.New()
	}
	return nil
}

// unwrap replaces the request's body by the object's own bytes: the aws-chunked framing is taken off, and every checksum
// that the client sent, in a header or behind the body, is compared when the body ends.
func unwrap(r *http.Request) error {
	framed := strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-")
	b := &body{from: r.Body, closer: r.Body, sums: map[string]hash.Hash{}, want: map[string]string{}}
	for name, values := range r.Header {
		if h := newSum(name); h != nil && strings.HasPrefix(name, checksumPrefix) && len(values) > 0 {
			b.sums[name], b.want[name] = h, values[0]
		}
	}
	if framed {
		size, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || size < 0 {
			return errors.New("wanted the body's size in x-amz-decoded-content-length")
		}
		trailer := http.CanonicalHeaderKey(r.Header.Get("X-Amz-Trailer"))
		if trailer != "" {
			h := newSum(trailer)
			if h == nil {
				return fmt.Errorf("wanted a checksum in x-amz-trailer, found %.80q", trailer)
			}
			b.sums[trailer], b.trailer = h, trailer
		}
		b.from = &chunks{r: bufio.NewReaderSize(r.Body, 64<<10), trailer: func(name, value string) {
			b.want[http.CanonicalHeaderKey(name)] = value
		}}
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") // else the library takes the framing off once more
		r.Header.Set("Content-Length", strconv.FormatInt(size, 10))
		r.ContentLength = size
		plain(r.Header)
	}
	if len(b.sums) > 0 || framed {
		r.Body = b
	}
	return nil
}

// plain takes aws-chunked out of the encodings, which is the transport's and not the object's.
func plain(h http.Header) {
	var kept []string
	for _, e := range strings.Split(h.Get("Content-Encoding"), ",") {
		if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
			kept = append(kept, e)
		}
	}
	h.Del("Content-Encoding")
	if len(kept) > 0 {
		h.Set("Content-Encoding", strings.Join(kept, ","))
	}
}

// body hands the bytes on and compares their sums at the end.
type body struct {
	from    io.Reader
	closer  io.Closer
	sums    map[string]hash.Hash
	want    map[string]string
	trailer string
}

// Read gives a *gofakes3.ErrorResponse in place of io.EOF when a checksum does not hold.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	for _, h := range b.sums {
		_, _ = h.Write(p[:n]) // a hash never fails
	}
	if err == io.EOF {
		if bad := b.compare(); bad != nil {
			err = bad
		}
	}
	return n, err
}

// Close closes the connection's body.
func (b *body) Close() error { return b.closer.Close() }

func (b *body) compare() error {
	if b.trailer != "" && b.want[b.trailer] == "" {
		return gofakes3.ErrorMessagef(gofakes3.ErrIncompleteBody, "the trailer %s did not come", b.trailer)
	}
	for name, h := range b.sums {
		found := base64.StdEncoding.EncodeToString(h.Sum(nil))
		if want := b.want[name]; want != found {
			return gofakes3.ErrorMessagef(gofakes3.ErrBadDigest, "the %s you specified did not match what was received: %s, found %s", name, want, found)
		}
	}
	return nil
}

// maxChunkLine bounds a chunk's head, which holds a size and a signature, and a trailer.
const maxChunkLine = 4 << 10

// chunks takes the aws-chunked framing off. Signatures are not checked.
type chunks struct {
	r       *bufio.Reader
	trailer func(name, value string)
	left    int64
	started bool
	done    bool
}

// Read reads the bytes of the chunks.
func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	if c.left -= int64(n); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads the head of a chunk, and the trailers behind the last one.
func (c *chunks) next() error {
	if c.started {
		if end, err := c.line(); err != nil {
			return err
		} else if len(end) > 0 {
			return gofakes3.ErrorMessage(gofakes3.ErrIncompleteBody, "a chunk does not end where its size says")
		}
	}
	c.started = true
	head, err := c.line()
	if err != nil {
		return err
	}
	size, _, _ := bytes.Cut(head, []byte(";"))
	n, err := strconv.ParseInt(string(size), 16, 64)
	if err != nil || n < 0 {
		return gofakes3.ErrorMessagef(gofakes3.ErrIncompleteBody, "wanted a chunk's size, found %.40q", head)
	}
	if c.left = n; n > 0 {
		return nil
	}
	for c.done = true; ; {
		line, err := c.line()
		if err == io.EOF || err == nil && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		name, value, _ := strings.Cut(string(line), ":")
		c.trailer(name, strings.TrimSpace(value))
	}
}

func (c *chunks) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err == io.EOF && len(line) > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && len(line) > maxChunkLine {
		err = bufio.ErrBufferFull
	}
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		err = gofakes3.ErrorMessagef(gofakes3.ErrIncompleteBody, "a chunk's head: %v", err)
	}
	return bytes.TrimRight(line, "\r\n"), err
}
