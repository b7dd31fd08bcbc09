//go:build unix

package sandbox

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// echoServer answers with method, body and the trailer T; the path chooses how.
func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ignore":
			w.WriteHeader(http.StatusAccepted)
			return
		case "/inject":
			w.Header().Set("X-Value", "a\r\nX-Injected: b")
			return
		case "/parts":
			w.Header().Set("Content-Length", "6")
			for _, part := range []string{"ab", "cd", "ef"} {
				_, _ = io.WriteString(w, part)
			}
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.Trailer.Get("T"), body)
	}))
	t.Cleanup(func() {
		s.cut()
		s.wait()
	})
	return listener.Addr().String()
}

// dial opens a connection that cannot wait for ever.
func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func read(t *testing.T, in *bufio.Reader) (int, http.Header, string) {
	t.Helper()
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(body)
}

func TestTheServerKeepsAConnectionAndTakesEveryKindOfBody(t *testing.T) {
	conn, in := dial(t, echoServer(t))
	long := strings.Repeat("x", 100_000) // beyond any buffer
	for _, tc := range []struct{ request, want string }{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET  "},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "POST  abc"},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n", "POST v abc"},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "POST  ab"},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n0\r\nT: " + long + "\r\n\r\n", "POST " + long + " "},
		{"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", ""},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "POST  "},
		{"GET /parts HTTP/1.1\r\nHost: x\r\n\r\n", "abcdef"},
	} {
		if _, err := io.WriteString(conn, tc.request); err != nil {
			t.Fatal(err)
		}
		status, header, body := read(t, in)
		if status/100 != 2 || body != tc.want || header.Get("Date") == "" {
			t.Errorf("%q: status %d, body %q, date %q; want %q", tc.request, status, body, header.Get("Date"), tc.want)
		}
	}
}

func TestTheServerInvitesABodyThatWaits(t *testing.T) {
	conn, in := dial(t, echoServer(t))
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := read(t, in); status != 100 {
		t.Fatalf("status %d, want 100", status)
	}
	if _, err := io.WriteString(conn, "abc"); err != nil {
		t.Fatal(err)
	}
	if status, _, body := read(t, in); status != 200 || body != "POST  abc" {
		t.Errorf("status %d, body %q", status, body)
	}
}

func TestTheServerClosesWhenAskedAndWhenItDoesNotUnderstand(t *testing.T) {
	addr := echoServer(t)
	for request, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                            200,
		"GET / HTTP/1.0\r\n\r\n":                                                            200,
		"nonsense\r\n\r\n":                                                                  400,
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n":                          400,
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":            400,
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", maxHead+4096) + "\r\n\r\n": 0,
	} {
		conn, in := dial(t, addr)
		_, werr := io.WriteString(conn, request)
		if want == 0 { // cut off, whether in the middle of writing or after
			if werr == nil {
				_, _ = io.Copy(io.Discard, in)
			}
			continue
		}
		if werr != nil {
			t.Fatal(werr)
		}
		if status, _, _ := read(t, in); status != want {
			t.Errorf("%.60q: status %d, want %d", request, status, want)
		}
		if _, err := in.ReadByte(); err == nil {
			t.Errorf("%.60q: the connection stays open", request)
		}
	}
}

func TestAHeaderValueCannotBeginAnotherHeader(t *testing.T) {
	conn, in := dial(t, echoServer(t))
	if _, err := io.WriteString(conn, "GET /inject HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, header, _ := read(t, in); header.Get("X-Injected") != "" || header.Get("X-Value") != "aX-Injected: b" {
		t.Errorf("header %v", header)
	}
}

func TestTheServerSpeaksWithGosOwnClient(t *testing.T) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	url := "http://" + echoServer(t)
	for _, size := range []int{0, 1, 4096, 1 << 20} {
		body := bytes.Repeat([]byte("z"), size)
		for _, reader := range []io.Reader{bytes.NewReader(body), io.MultiReader(bytes.NewReader(body))} {
			r, err := client.Post(url, "", reader)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err != nil || string(got) != "POST  "+string(body) {
				t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
			}
		}
	}
}
