//go:build unix

package simulator

import (
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
)

// idSource makes request, trace and stream ids from one source of randomness.
type idSource struct {
	mu  sync.Mutex
	src io.Reader
}

// request returns a version 4 UUID.
func (s *idSource) request() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := uuid.NewRandomFromReader(s.src)
	if err != nil {
		return "", fmt.Errorf("make request id: %w", err)
	}
	return id.String(), nil
}

// hex returns n random bytes as 2n digits.
func (s *idSource) hex(n int) (string, error) {
	p := make([]byte, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.ReadFull(s.src, p); err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	return hex.EncodeToString(p), nil
}

// trace returns an X-Ray trace header that is not sampled.
func (s *idSource) trace(now time.Time) (string, error) {
	id, err := s.hex(20)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", uint32(now.Unix()), id[:24], id[24:]), nil
}
