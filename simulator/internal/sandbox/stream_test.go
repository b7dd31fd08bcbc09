//go:build unix

package sandbox

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestForwardSendsOnUpToItsLimitAndNoMore(t *testing.T) {
	for _, limit := range []int{0, 1, streamPart - 1, streamPart, streamPart + 1, 3 * streamPart} {
		for _, over := range []int{-1, 0, 1, streamPart} {
			size := max(0, limit+over)
			text := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			var got bytes.Buffer
			err := forward(&got, io.MultiReader(strings.NewReader(text)), int64(limit))
			if tooLarge := size > limit; errors.Is(err, errTooLarge) != tooLarge || got.String() != text[:min(size, limit)] || !tooLarge && err != nil {
				t.Errorf("limit %d, %d bytes: %d sent on, %v", limit, size, got.Len(), err)
			}
		}
	}
	broken := errors.New("broken")
	if err := forward(io.Discard, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), 100); !errors.Is(err, broken) {
		t.Errorf("a body that breaks off: %v", err)
	}
}
