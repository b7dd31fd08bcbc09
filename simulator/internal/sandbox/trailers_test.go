//go:build unix

package sandbox

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
)

func TestTrailersAreBoundedAndMustBeWhole(t *testing.T) {
	for name, tc := range map[string]struct {
		tail string
		want error
	}{
		"none":      {"0\r\n\r\n", nil},
		"too long":  {"0\r\nT: " + strings.Repeat("x", int(maxTrailers)+1<<20) + "\r\n\r\n", errTooLarge},
		"cut short": {"0\r\nT: x", io.ErrUnexpectedEOF},
	} {
		bounded := &io.LimitedReader{R: strings.NewReader("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n" + tc.tail), N: math.MaxInt64}
		in := bufio.NewReader(bounded)
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Fatal(err)
		}
		withTrailers(r, in, bounded)
		if body, err := io.ReadAll(r.Body); string(body) != "ab" || !errors.Is(err, tc.want) {
			t.Errorf("%s: found %q and %v, wanted ab and %v", name, body, err, tc.want)
		}
	}
}
