//go:build unix

package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// server speaks HTTP/1.1 with the process of one instance. Requests are parsed
// by net/http; what is left out is the goroutine and the second read that
// http.Server spends on each request to notice a peer that hangs up. Here the
// peer is one local process whose end is noticed anyway, and every invocation
// crosses this server twice.
type server struct {
	listener net.Listener
	handler  http.Handler
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// maxHead bounds a request line with its headers; aws-lambda-go sends an X-Ray
// cause of up to 1 MiB in one of them.
const maxHead = 2 << 20

// lingering is how long a connection that is given up is read on.
const lingering = 500 * time.Millisecond

// serve answers on listener, which it owns, until close.
func serve(listener net.Listener, handler http.Handler) *server {
	s := &server{listener: listener, handler: handler, conns: map[net.Conn]struct{}{}}
	s.running.Go(s.accept)
	return s
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, or a peer that went away while it was accepted:
			// both pass, and the process keeps asking.
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if !s.track(conn) {
			return
		}
		s.running.Go(func() {
			defer s.untrack(conn)
			s.converse(conn)
		})
	}
}

// track takes a connection in, or closes it when the server is closed.
func (s *server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close() // nothing was said on it yet
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *server) untrack(conn net.Conn) {
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	_ = conn.Close() // what could not be sent any more concerns no one: the process decides what comes next
}

// converse answers the requests of one connection in their order.
func (s *server) converse(conn net.Conn) {
	bounded := &io.LimitedReader{R: conn}
	in := bufio.NewReader(bounded)
	for {
		bounded.N = maxHead
		r, err := http.ReadRequest(in)
		whole := bounded.N > 0
		bounded.N = math.MaxInt64 // bodies are bounded by who reads them
		switch {
		case err != nil && !whole:
			giveUp(conn, http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("431 request header fields too large: at most %d bytes are read", maxHead))
			return
		case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			giveUp(conn, http.StatusBadRequest, "400 bad request: "+err.Error())
			return
		}
		if r.Header.Get("Expect") == "100-continue" {
			if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
		}
		withTrailers(r, in, bounded)
		w := &answer{conn: conn, header: http.Header{}}
		s.handler.ServeHTTP(w, r)
		if w.finish() != nil {
			return
		}
		// What the handler left unread must go before the next request can be seen.
		if _, err := io.CopyN(io.Discard, r.Body, maxDrain); err != io.EOF || r.Close {
			return
		}
	}
}

// giveUp answers a request that could not be read. What the process still sends
// is read for a moment: a connection that is closed before would be reset, and
// the answer lost.
func giveUp(conn net.Conn, status int, text string) {
	w := &answer{conn: conn, header: http.Header{"Connection": {"close"}}}
	http.Error(w, text, status)
	if w.finish() != nil || conn.SetReadDeadline(time.Now().Add(lingering)) != nil {
		return // the connection has gone already
	}
	_, _ = io.CopyN(io.Discard, conn, maxDrain)
}

// cut closes the listener and all connections. The handler's waits must have been
// ended before.
func (s *server) cut() {
	s.mu.Lock()
	s.closed = true
	_ = s.listener.Close() // accept ends with it
	for conn := range s.conns {
		_ = conn.Close() // its converse ends with it
	}
	s.mu.Unlock()
}

// wait returns, after cut, when no request is being answered any more: at once,
// unless a part of a response is on its way to a client that does not read.
func (s *server) wait() { s.running.Wait() }

// answer is a response on its way. With a Content-Length in its header the body
// is sent as it is written, head and first part in one system call; otherwise it
// is kept until finish, which knows its length.
type answer struct {
	conn   net.Conn
	header http.Header
	status int
	body   []byte
	sent   bool
	err    error
}

// Header, WriteHeader and Write are those of http.ResponseWriter.
func (w *answer) Header() http.Header { return w.header }

// WriteHeader sets the status, once.
func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write sends or keeps a part of the body.
func (w *answer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.header["Content-Length"] == nil {
		w.body = append(w.body, p...)
		return len(p), nil
	}
	w.send(p)
	return len(p), w.err
}

// finish sends what has not been sent yet and returns the first fault.
func (w *answer) finish() error {
	w.WriteHeader(http.StatusOK)
	if w.header["Content-Length"] == nil {
		w.header["Content-Length"] = []string{strconv.Itoa(len(w.body))}
	}
	if !w.sent {
		w.send(w.body)
	}
	return w.err
}

func (w *answer) send(p []byte) {
	if w.err != nil {
		return
	}
	if w.sent {
		_, w.err = w.conn.Write(p)
		return
	}
	w.sent = true
	head := make([]byte, 0, 512)
	head = append(head, "HTTP/1.1 "...)
	head = strconv.AppendInt(head, int64(w.status), 10)
	head = append(head, ' ')
	head = append(head, http.StatusText(w.status)...)
	head = append(head, "\r\nDate: "...)
	head = time.Now().UTC().AppendFormat(head, http.TimeFormat)
	head = append(head, "\r\n"...)
	for name, values := range w.header {
		for _, v := range values {
			head = append(head, name...)
			head = append(head, ": "...)
			for i := range len(v) { // a line break in a value would begin another header
				if v[i] != '\r' && v[i] != '\n' {
					head = append(head, v[i])
				}
			}
			head = append(head, "\r\n"...)
		}
	}
	head = append(head, "\r\n"...)
	if len(p) <= 4<<10 {
		_, w.err = w.conn.Write(append(head, p...))
		return
	}
	_, w.err = (&net.Buffers{head, p}).WriteTo(w.conn)
}
