//go:build unix

package simulator

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// deadListener fails as soon as it is asked for a connection.
type deadListener struct{ net.Listener }

func (deadListener) Accept() (net.Conn, error) { return nil, errors.New("the socket is gone") }

func TestADeadListenerEndsTheSimulation(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(context.Background(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
		t.Fatal("it is done although nothing failed")
	default:
	}
	s.serve(deadListener{listener})
	<-s.Done()
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "the socket is gone") {
		t.Errorf("closed with %v, wanted the listener's error", err)
	}
}
