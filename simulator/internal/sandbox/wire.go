//go:build unix

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxDrain is how much of an oversized upload is read before its connection is
// cut, so that a client that writes first and reads later sees the refusal.
const maxDrain = 64 << 20

// deliver writes an event. A failed write needs no action here: the runtime
// asks again, or its process ends, or the function's timeout passes.
func deliver(w http.ResponseWriter, c *call) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(c.inv.Payload))}
	h["Lambda-Runtime-Aws-Request-Id"] = []string{c.inv.RequestID}
	h["Lambda-Runtime-Deadline-Ms"] = []string{strconv.FormatInt(c.deadline.UnixMilli(), 10)}
	h["Lambda-Runtime-Invoked-Function-Arn"] = []string{c.inv.FunctionARN}
	h["Lambda-Runtime-Trace-Id"] = []string{c.inv.TraceID}
	if c.inv.ClientContext != "" {
		h["Lambda-Runtime-Client-Context"] = []string{c.inv.ClientContext}
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(c.inv.Payload)
}

func accept(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "{\"status\":\"OK\"}\n")
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
	// The client may have hung up; it then learns nothing, and nothing here depends on it.
	_ = json.NewEncoder(w).Encode(errorDocument{Message: message, Type: kind})
}

// refuseSize is the refusal of a body of more than limit bytes.
func refuseSize(w http.ResponseWriter, limit int64) {
	refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", limit))
}

var errTooLarge = errors.New("body exceeds its limit")

// readBody reads a whole body of at most limit bytes; guess is the size expected
// when the client does not say. Of a longer one it reads on a bounded amount and
// returns errTooLarge.
func readBody(r *http.Request, limit, guess int) ([]byte, error) {
	size := r.ContentLength
	if size > int64(limit) {
		return nil, drain(r.Body)
	}
	if size < 0 {
		size = int64(min(max(guess, 512), limit))
	}
	buf := make([]byte, 0, size+1) // one more, so that the end is found without growing
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > limit {
			return nil, drain(r.Body)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(2*cap(buf), limit+1)), buf...)
		}
	}
}

func drain(body io.Reader) error {
	if _, err := io.CopyN(io.Discard, body, maxDrain); err != nil && err != io.EOF {
		return errors.Join(errTooLarge, err)
	}
	return errTooLarge
}
