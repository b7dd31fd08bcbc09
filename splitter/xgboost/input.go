package xgboost

import (
	"fmt"
	"io"
)

// inputBuffer is how much of the file is read at once.
const inputBuffer = 256 << 10

// input is a window of a file that moves forwards. The zero value is empty; reset aims it at bytes.
type input struct {
	r     io.ReaderAt
	buf   []byte
	at    int   // next byte in buf
	n     int   // bytes in buf
	base  int64 // file offset of buf[0]
	limit int64 // file offset at which the input ends
}

func (in *input) reset(r io.ReaderAt, from, to int64) {
	if want := int(min(inputBuffer, max(to-from, 1))); len(in.buf) < want {
		in.buf = make([]byte, want)
	}
	in.r, in.at, in.n, in.base, in.limit = r, 0, 0, from, to
}

func (in *input) offset() int64 { return in.base + int64(in.at) }

func (in *input) remaining() int64 { return in.limit - in.offset() }

func (in *input) fail(format string, args ...any) error {
	return &FormatError{Offset: in.offset(), Reason: fmt.Sprintf(format, args...)}
}

// fill reads the next part of the file when the buffer is used up. It fails at the end of the input.
func (in *input) fill() error {
	if in.at < in.n {
		return nil
	}
	in.base += int64(in.n)
	in.at, in.n = 0, 0
	want := min(int64(len(in.buf)), in.limit-in.base)
	if want <= 0 {
		return &FormatError{Offset: in.base, Reason: "the file ends here, in the middle of the document", Err: io.ErrUnexpectedEOF}
	}
	n, err := in.r.ReadAt(in.buf[:want], in.base)
	if int64(n) < want {
		return &FormatError{Offset: in.base + int64(n), Reason: "cannot read on", Err: err}
	}
	in.n = n
	return nil
}

func (in *input) byte() (byte, error) {
	if in.at == in.n {
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
	b := in.buf[in.at]
	in.at++
	return b, nil
}

// peek is the next byte, which stays.
func (in *input) peek() (byte, error) {
	if err := in.fill(); err != nil {
		return 0, err
	}
	return in.buf[in.at], nil
}

// take appends n bytes to dst. The caller has checked n against remaining.
func (in *input) take(dst []byte, n int) ([]byte, error) {
	for n > 0 {
		if err := in.fill(); err != nil {
			return dst, err
		}
		m := min(n, in.n-in.at)
		dst = append(dst, in.buf[in.at:in.at+m]...)
		in.at += m
		n -= m
	}
	return dst, nil
}

// discard passes over n bytes.
func (in *input) discard(n int64) error {
	if n < 0 || n > in.remaining() {
		return in.fail("%d bytes are announced, %d are left", n, in.remaining())
	}
	if m := int64(in.n - in.at); n <= m {
		in.at += int(n)
		return nil
	}
	in.base, in.at, in.n = in.offset()+n, 0, 0
	return nil
}
