//go:build unix

package objects

import (
	"io"
	"net/http"
	"strings"
)

// answer mends the headers of the library's answers before they are sent.
type answer struct {
	http.ResponseWriter
	sent bool
}

// WriteHeader sends user metadata in lower case, as S3 does and botocore's users see it, and lets no web page read what it
// fetched from here: the library would let all.
func (a *answer) WriteHeader(status int) {
	if !a.sent {
		a.sent = true
		h := a.Header()
		for name := range h {
			switch {
			case strings.HasPrefix(name, "X-Amz-Meta-"):
				h[strings.ToLower(name)] = h[name]
				delete(h, name)
			case strings.HasPrefix(name, "Access-Control-"):
				delete(h, name)
			}
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write sends the headers first.
func (a *answer) Write(p []byte) (int, error) {
	if !a.sent {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}

// ReadFrom lets the server copy a file without a buffer of its own.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	if !a.sent {
		a.WriteHeader(http.StatusOK)
	}
	return io.Copy(a.ResponseWriter, r)
}
