//go:build unix

package sandbox

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"slices"
)

// maxTrailers bounds what follows a chunked body: an error document of a broken stream in base64, with room for its type. net/http allows no more than
// its buffer holds, 4 KB, which a message with a stack trace exceeds.
var maxTrailers = int64(base64.StdEncoding.EncodedLen(maxErrorBody) + 64<<10)

// withTrailers gives a chunked request a body that puts its trailers, of up to maxTrailers, into r.Trailer when it ends.
// in reads from bounded, and what of r.Body net/http made was not used.
func withTrailers(r *http.Request, in *bufio.Reader, bounded *io.LimitedReader) {
	if slices.Equal(r.TransferEncoding, []string{"chunked"}) {
		r.Body = &chunkedBody{request: r, in: in, bounded: bounded, chunks: httputil.NewChunkedReader(in)}
	}
}

// chunkedBody is the body of one request. It is not safe for concurrent use.
type chunkedBody struct {
	request *http.Request
	in      *bufio.Reader
	bounded *io.LimitedReader
	chunks  io.Reader
	err     error // how it ended
}

// Read reads the body; at its end the trailers have been read.
func (b *chunkedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.chunks.Read(p)
	if err == io.EOF {
		err = b.trailers()
	}
	b.err = err
	return n, err
}

// Close does nothing: the server reads what is left.
func (b *chunkedBody) Close() error { return nil }

func (b *chunkedBody) trailers() error {
	b.bounded.N = maxTrailers
	found, err := textproto.NewReader(b.in).ReadMIMEHeader()
	left := b.bounded.N
	b.bounded.N = math.MaxInt64
	switch {
	case err != nil && left <= 0:
		return fmt.Errorf("%w: trailers of more than %d bytes", errTooLarge, maxTrailers)
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return fmt.Errorf("read trailers: %w", err)
	}
	if b.request.Trailer == nil {
		b.request.Trailer = http.Header{}
	}
	maps.Copy(b.request.Trailer, http.Header(found))
	return io.EOF
}
