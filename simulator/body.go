//go:build unix

package simulator

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// bodyPart is how much of a request's body must come in within Config.BodyTimeout.
const bodyPart = 1 << 20

// timelyBody reads a request's body under a deadline of the connection, which moves on with every part of the body and is
// taken back at its end: an invocation may run longer, and what follows on the connection may come later. A body that is
// not read keeps its deadline, which then bounds what net/http reads of it before it answers.
type timelyBody struct {
	io.ReadCloser
	control  *http.ResponseController
	patience time.Duration
	left     int // bytes until the deadline moves on
}

// timely returns r with a body whose time is bounded; w is the connection's own. It is a copy: net/http looks at the body of
// its own request to learn whether the connection can be used again.
func timely(w http.ResponseWriter, r *http.Request, patience time.Duration) (*http.Request, error) {
	if r.Body == http.NoBody {
		return r, nil
	}
	b := &timelyBody{ReadCloser: r.Body, control: http.NewResponseController(w), patience: patience}
	bounded := *r
	bounded.Body = b
	return &bounded, b.extend()
}

// extend gives the next part its time.
func (b *timelyBody) extend() error {
	b.left = bodyPart
	return b.control.SetReadDeadline(time.Now().Add(b.patience))
}

// Read reads on while the body comes in.
func (b *timelyBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, fmt.Errorf("each MiB of it must come in within %v: %w", b.patience, err)
	case err == io.EOF:
		if fault := b.control.SetReadDeadline(time.Time{}); fault != nil {
			return n, fault
		}
	case err == nil && b.left <= 0:
		err = b.extend()
	}
	return n, err
}
