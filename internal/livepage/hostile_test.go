package livepage_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardwise/shardwise/simulator"
)

// pipes is a listener without a network, so that time in a test is the test's own.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// reader opens the event stream; what the server sends is buffered nowhere.
func (p *pipes) reader(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	near, far := net.Pipe()
	p.conns <- far
	if _, err := fmt.Fprintf(near, "GET %sevents HTTP/1.1\r\nHost: x\r\n\r\n", simulator.PagePath); err != nil {
		t.Fatal(err)
	}
	return near, bufio.NewReader(near)
}

// status reads the head of an answer.
func status(t *testing.T, in *bufio.Reader) int {
	t.Helper()
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode
}

func TestReadersThatTakeTooLittleLoseTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStory()
		listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: s.page}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		s.begin("c", "r", "1-a") // runs on, so that there is something new each second
		var drips sync.WaitGroup
		for i := range 64 {
			conn, in := listener.reader(t)
			if i%2 == 0 {
				continue // takes nothing
			}
			drips.Go(func() { // a byte a second
				defer conn.Close()
				for {
					if _, err := in.ReadByte(); err != nil {
						return
					}
					in.Discard(in.Buffered())
					time.Sleep(time.Second)
				}
			})
		}
		synctest.Wait()
		if _, in := listener.reader(t); status(t, in) != http.StatusServiceUnavailable {
			t.Error("a 65th reader was let in")
		}
		time.Sleep(time.Minute)
		conn, in := listener.reader(t)
		if code := status(t, in); code != http.StatusOK {
			t.Errorf("after a minute: status %d, the places are still taken", code)
		}
		_ = conn.Close()
		_ = server.Close()
		drips.Wait()
		if err := <-ended; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
}

func TestWhatAReaderSaysItHasSeenIsNotTrusted(t *testing.T) {
	s := newStory()
	s.begin("c", "r", "1-a")
	s.end("c", "r", "1-a", nil)
	instance := s.read(t).Instance
	server := httptest.NewServer(s.page)
	defer server.Close()
	for _, after := range []string{instance + "-18446744073709551615", instance + "-99999", instance + "--1", instance + "-99999999999999999999", "-", strings.Repeat("x", 100_000)} {
		next, stop := follow(t, server, after)
		if _, d := next(); len(d.Requests) != 1 {
			t.Errorf("after %.60s: %d requests, wanted the one that there is", after, len(d.Requests))
		}
		stop()
	}
}

// TestManyReadersDoNotSlowObservingDown has as many readers as there may be follow a page on which much happens.
func TestManyReadersDoNotSlowObservingDown(t *testing.T) {
	s := newStory()
	server := httptest.NewServer(s.page)
	defer server.Close()
	var readers sync.WaitGroup
	for range 64 {
		next, stop := follow(t, server, "")
		next()
		defer stop()
		readers.Go(func() {
			answer, err := server.Client().Get(server.URL + simulator.PagePath + "state.json")
			if err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
		})
	}
	longest := time.Duration(0)
	for i := range 40 { // requests that stay under way, each with many calls
		trace := fmt.Sprint("1-", i)
		s.begin("c", "c"+trace, trace)
		for k := range 500 {
			s.begin("s0", fmt.Sprint(trace, "/", k), trace)
		}
	}
	for start := time.Now(); time.Since(start) < time.Second; time.Sleep(time.Millisecond) {
		began := time.Now()
		s.begin("c", "another", "1-0") // beyond what is kept: only counted
		longest = max(longest, time.Since(began))
	}
	readers.Wait()
	t.Logf("the longest observation took %v", longest)
	if longest > time.Second {
		t.Errorf("an observed call waited %v for readers", longest)
	}
}
