//go:build unix

package sandbox

import (
	"errors"
	"io"
	"net/http"
)

// stream passes a response on while it comes in.
func (a *api) stream(w http.ResponseWriter, r *http.Request, c *call) {
	err := forward(c.inv.Stream, r.Body, c.inv.StreamLimit)
	if errors.Is(err, errTooLarge) || err == nil && c.inv.Fault.Kind == FaultOversize {
		a.settleTooLarge(w, c, c.inv.StreamLimit)
		return
	}
	if err != nil {
		// What was sent on cannot be taken back, so there is no second answer: the
		// call ends with the process or with its time.
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return
	}
	a.complete(w, r, c, nil)
}

// streamPart is the most that is sent on at once.
const streamPart = 64 << 10

// forward sends a body on as it comes. Of one that is longer than limit it sends
// on that much, reads on a bounded amount and returns errTooLarge.
func forward(to io.Writer, body io.Reader, limit int64) error {
	buf := make([]byte, streamPart)
	for {
		n, err := body.Read(buf)
		if part := buf[:min(int64(n), limit)]; len(part) > 0 {
			_, _ = to.Write(part) // the function finishes even when no one listens
		}
		if limit -= int64(n); limit < 0 {
			return drain(body)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
