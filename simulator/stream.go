//go:build unix

package simulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/shardwise/shardwise/simulator/internal/sandbox"
)

// invokeStream serves InvokeWithResponseStream.
func (s *Simulator) invokeStream(w http.ResponseWriter, r *http.Request, id, name string) *apiError {
	if mode := r.Header.Get("X-Amz-Invocation-Type"); mode == "Event" {
		return validationError("1 validation error detected: Value '%s' at 'invocationType' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [RequestResponse, DryRun]", mode)
	}
	t, failed := s.target(r, id, name)
	if failed != nil {
		return failed
	}
	if t.mode == "DryRun" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	stream := &streamWriter{w: w, control: http.NewResponseController(w), encoder: eventstream.NewEncoder(), rate: s.cfg.StreamRate,
		free: streamFree, executed: t.version.Number, trace: t.inv.TraceID, ended: make(chan struct{})}
	defer stream.stop()
	t.inv.Stream, t.inv.StreamLimit = stream, MaxStream
	result, failed := s.run(t.function, t.version, t.inv)
	if failed != nil {
		return failed
	}
	if err := stream.finish(result); err != nil {
		return serviceError(err)
	}
	return nil
}

// streamPatience is how long a client that does not read is waited for.
const streamPatience = time.Minute

// streamWriter turns the parts of a response into messages of an event stream.
// The head goes out with the first of them, so that a refusal before it still
// has a status of its own.
type streamWriter struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	encoder  *eventstream.Encoder
	executed string
	trace    string
	rate     int           // bytes a second once free is used up
	ended    chan struct{} // closed by stop

	once  sync.Once
	mu    sync.Mutex
	begun bool
	over  bool
	free  int       // bytes that may yet go at once
	next  time.Time // when the next byte beyond these may go
}

// Write sends a part on, not faster than Lambda does. What comes after the end
// is dropped, and so is what a client that has hung up does not take.
func (s *streamWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return len(p), nil
	}
	s.pace(len(p))
	return len(p), s.send("PayloadChunk", "application/octet-stream", p)
}

// pace waits until n bytes may go; s.mu is held.
func (s *streamWriter) pace(n int) {
	fast := min(n, s.free)
	if s.free -= fast; n == fast {
		return
	}
	now := time.Now()
	if s.next.Before(now) {
		s.next = now
	}
	s.next = s.next.Add(time.Duration(n-fast) * time.Second / time.Duration(s.rate))
	timer := time.NewTimer(s.next.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ended:
	}
}

// send writes one message; s.mu is held.
func (s *streamWriter) send(kind, contentType string, payload []byte) error {
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h["Content-Type"] = []string{"application/vnd.amazon.eventstream"}
		h["X-Amz-Executed-Version"] = []string{s.executed}
		h["X-Amzn-Trace-Id"] = []string{s.trace}
		s.w.WriteHeader(http.StatusOK)
	}
	if err := s.control.SetWriteDeadline(time.Now().Add(streamPatience)); err != nil {
		return err
	}
	err := s.encoder.Encode(s.w, eventstream.Message{Payload: payload, Headers: eventstream.Headers{
		{Name: ":event-type", Value: eventstream.StringValue(kind)},
		{Name: ":content-type", Value: eventstream.StringValue(contentType)},
		{Name: ":message-type", Value: eventstream.StringValue("event")},
	}})
	if err != nil {
		return err
	}
	return s.control.Flush()
}

// stop makes every Write from now on do nothing, for what it writes to goes with
// the request. It is called again without harm.
func (s *streamWriter) stop() {
	s.once.Do(func() { close(s.ended) }) // frees a Write that waits
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// finish ends the stream with InvokeComplete. Its error is that the message
// could not be made; a client that has hung up is not told.
func (s *streamWriter) finish(r *sandbox.Result) error {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	complete := struct {
		ErrorCode    string `json:",omitempty"`
		ErrorDetails string `json:",omitempty"`
		LogResult    string `json:",omitempty"`
	}{LogResult: base64.StdEncoding.EncodeToString(r.LogTail)}
	if r.Failed {
		complete.ErrorCode, complete.ErrorDetails = "Unhandled", string(r.Body)
	}
	p, err := json.Marshal(complete)
	if err != nil {
		return err
	}
	if s.send("InvokeComplete", "application/json", p) != nil {
		return nil
	}
	_ = s.control.SetWriteDeadline(time.Time{}) // the connection may serve other requests
	return nil
}
