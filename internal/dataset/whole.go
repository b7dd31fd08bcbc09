package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Joinable lists the formats of which files over consecutive rows make one file: its head, and then the rows of each.
func Joinable() []Format { return []Format{CSV, JSONLines, NPY} }

// Encode writes a whole file of one batch of outputs to out: the same bytes that a Writer's file has. The format is one of
// Joinable's; name stands in errors.
func Encode(out io.Writer, name string, format Format, outputs []manifest.Output, n tensor.Named) error {
	if err := encode(out, format, outputs, n); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func encode(out io.Writer, format Format, outputs []manifest.Output, n tensor.Named) error {
	columns, err := outputColumns(outputs, format)
	if err != nil {
		return err
	}
	w := Writer{outputs: columns} // only checks the batch
	if n, err = w.lift(n); err == nil {
		err = w.check(n)
	}
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(out, readBuffer)
	switch format {
	case CSV:
		s := &csvSink{out: buf, outputs: columns}
		if err = s.write(n); err == nil {
			err = s.close()
		}
	case JSONLines:
		err = (&jsonSink{out: buf, outputs: columns}).write(n)
	case NPY:
		err = encodeNPY(buf, &columns[0], n[columns[0].name])
	default:
		err = fmt.Errorf("wanted one of %v, found %q", Joinable(), format)
	}
	if err != nil {
		return err
	}
	return buf.Flush()
}

func encodeNPY(out *bufio.Writer, o *outputColumn, t *tensor.Tensor) error {
	header, err := appendNPYHeader(nil, o.dtype, t.Shape(), npyHeaderSize)
	if err != nil {
		return err
	}
	if _, err = out.Write(header); err == nil {
		_, err = out.Write(t.Bytes())
	}
	return err
}

// HeadSize is the length of what stands before the first row of a file, by the file's beginning: at most MaxHead bytes of it
// are needed.
func HeadSize(format Format, beginning []byte) (int, error) {
	switch format {
	case JSONLines:
		return 0, nil
	case NPY:
		_, n, err := readNPYHeader(bytes.NewReader(beginning))
		return n, err
	case CSV:
		for at, quoted := 0, false; at < len(beginning); at++ {
			switch {
			case beginning[at] == '"':
				quoted = !quoted
			case beginning[at] == '\n' && !quoted:
				return at + 1, nil
			}
		}
		return 0, fmt.Errorf("the row of column names does not end within %d bytes", len(beginning))
	}
	return 0, fmt.Errorf("a file of format %q has no head", format)
}

// MaxHead bounds what stands before a file's rows: 100,000 columns with names of some 40 bytes.
const MaxHead = 4 << 20

// HeadFor is the head of a file with so many rows, by the head of a file of the same columns and byte order. An array's rows lie one
// behind the other in it, however they lie in the other file.
func HeadFor(format Format, head []byte, rows int64) ([]byte, error) {
	if format != NPY {
		return head, nil
	}
	h, _, err := readNPYHeader(bytes.NewReader(head))
	if err != nil {
		return nil, err
	}
	if len(h.shape) == 0 {
		return nil, errors.New("its npy header is not one of rows")
	}
	shape := h.shape.Clone()
	shape[0] = int(rows)
	same, err := appendNPYHeader(nil, h.dtype, shape, len(head))
	if err != nil { // other writers leave less room
		same, err = appendNPYHeader(nil, h.dtype, shape, npyHeaderSize)
	}
	if h.swap {
		same = bytes.Replace(same, []byte("'<"), []byte("'>"), 1)
	}
	return same, err
}

// Layout is how the rows of an npy file of inputs lie behind its head.
type Layout struct {
	Rows    int64
	Width   int // elements of a row
	Element int // bytes of one
	// Columns is Fortran's order: place by place of a row, the elements of all rows lie together. Else row lies behind row.
	Columns bool
	shape   tensor.Shape
}

// LayoutOf reads an npy file's layout from its head and its size. The error says what keeps the file from being the signature's one
// input.
func LayoutOf(head []byte, size int64, sig manifest.Signature) (*Layout, error) {
	h, _, err := readNPYHeader(bytes.NewReader(head))
	if err != nil {
		return nil, err
	}
	if len(h.shape) == 0 {
		return nil, errors.New("it is a single value, not an array of rows")
	}
	s, err := inputSchema(sig)
	if err == nil {
		_, err = newNPY(held{bytes.NewReader(head)}, size, s)
	}
	if err != nil {
		return nil, err
	}
	n, err := h.shape[1:].Elements()
	return &Layout{Rows: int64(h.shape[0]), Width: n, Element: h.dtype.Size(), Columns: h.fortran && n > 1, shape: h.shape}, err
}

// Place is where in a row the elements belong that a file of columns has in its place j.
func (l *Layout) Place(j int) int { return fortranToC(j, l.shape) }

// Headed reports whether the first row of a CSV file is one of names, as Options decide, by a beginning of the file that
// holds it whole; names that do not suit the model are an error.
func Headed(name string, beginning []byte, sig manifest.Signature, opt Options) (bool, error) {
	s, err := inputSchema(sig)
	if err == nil {
		var c *csvSource
		if c, err = newCSV(bytes.NewReader(beginning), s, opt); err == nil {
			return c.headed, nil
		}
	}
	return false, fmt.Errorf("read %s: %w", name, err)
}
