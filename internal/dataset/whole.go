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

// HeadFor is the head of a file with so many rows, by the head of a file of the same columns and byte order.
func HeadFor(format Format, head []byte, rows int64) ([]byte, error) {
	if format != NPY {
		return head, nil
	}
	h, _, err := readNPYHeader(bytes.NewReader(head))
	if err != nil {
		return nil, err
	}
	if len(h.shape) == 0 || h.fortran {
		return nil, errors.New("its npy header is not one of rows in C order")
	}
	shape := h.shape.Clone()
	shape[0] = int(rows)
	head, err = appendNPYHeader(nil, h.dtype, shape, len(head))
	if h.swap {
		head = bytes.Replace(head, []byte("'<"), []byte("'>"), 1)
	}
	return head, err
}

// RowBytes tells how many rows an npy file of inputs has and how many bytes each takes, by its head and size. The error says
// what keeps the file from being the signature's one input, row behind row.
func RowBytes(head []byte, size int64, sig manifest.Signature) (rows, each int64, err error) {
	h, _, err := readNPYHeader(bytes.NewReader(head))
	if err != nil {
		return 0, 0, err
	}
	if len(h.shape) == 0 {
		return 0, 0, errors.New("it is a single value, not an array of rows")
	}
	if h.fortran {
		return 0, 0, errors.New("it is in Fortran order, in which rows do not lie together: save it with numpy.ascontiguousarray")
	}
	s, err := inputSchema(sig)
	if err == nil {
		_, err = newNPY(held{bytes.NewReader(head)}, size, s)
	}
	if err != nil {
		return 0, 0, err
	}
	n, err := h.shape[1:].Elements()
	return int64(h.shape[0]), int64(n) * int64(h.dtype.Size()), err
}

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
