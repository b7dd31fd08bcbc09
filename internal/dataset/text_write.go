package dataset

import (
	"bufio"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/shardwise/shardwise/internal/tensor"
)

// appender appends elements of a numeric tensor, by index, as text: floats in the shortest form that reads back as the same bits,
// at their own precision; NaN as nothing.
func appender(t *tensor.Tensor) func(dst []byte, i int) []byte {
	switch t.DType() {
	case tensor.F64:
		v := tensor.Of[float64](t)
		return func(dst []byte, i int) []byte { return appendFloat(dst, v[i], 64) }
	case tensor.F32:
		v := tensor.Of[float32](t)
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(v[i]), 32) }
	case tensor.F16:
		v := tensor.Of[uint16](t)
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(tensor.F16ToF32(v[i])), 32) }
	case tensor.BF16:
		v := tensor.Of[uint16](t)
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(tensor.BF16ToF32(v[i])), 32) }
	case tensor.I8:
		return signedAppender(tensor.Of[int8](t))
	case tensor.I16:
		return signedAppender(tensor.Of[int16](t))
	case tensor.I32:
		return signedAppender(tensor.Of[int32](t))
	case tensor.I64:
		return signedAppender(tensor.Of[int64](t))
	case tensor.U16:
		return unsignedAppender(tensor.Of[uint16](t))
	case tensor.U32:
		return unsignedAppender(tensor.Of[uint32](t))
	case tensor.U64:
		return unsignedAppender(tensor.Of[uint64](t))
	case tensor.Bool:
		v := t.Bytes()
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, v[i] != 0) }
	}
	return unsignedAppender(t.Bytes()) // U8
}

func signedAppender[T int8 | int16 | int32 | int64](v []T) func([]byte, int) []byte {
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(v[i]), 10) }
}

func unsignedAppender[T uint8 | uint16 | uint32 | uint64](v []T) func([]byte, int) []byte {
	return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, uint64(v[i]), 10) }
}

func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case v != v:
		return dst
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

// rowsOf is the outputs of a batch, ready to be written row by row.
type rowsOf struct {
	t     *tensor.Tensor
	text  func([]byte, int) []byte // nil for strings
	width int
}

func rowReaders(outputs []outputColumn, n tensor.Named) ([]rowsOf, int) {
	r := make([]rowsOf, len(outputs))
	rows := 0
	for i := range outputs {
		t := n[outputs[i].name]
		rows = t.Dim(0)
		r[i] = rowsOf{t: t}
		if rows > 0 {
			r[i].width = t.Len() / rows
		}
		if t.DType() != tensor.String {
			r[i].text = appender(t)
		}
	}
	return r, rows
}

// csvSink writes a header row and a row per element of the batch.
type csvSink struct {
	out     *bufio.Writer
	outputs []outputColumn
	line    []byte
	columns int // 0 before the header
}

func (c *csvSink) header() error {
	seen := map[string]bool{}
	for i := range c.outputs {
		o := &c.outputs[i]
		f := field{name: o.name, row: o.shape[1:]}
		n, err := f.row.Elements()
		if err != nil {
			return err
		}
		for at := range n {
			name := f.columnName(at)
			if seen[name] {
				return errors.New("two outputs would have a column " + strconv.Quote(name) + ": use npz or safetensors")
			}
			seen[name] = true
			c.line = appendCSV(append(c.line, ','), name, c.columns == 0)
			c.columns++
		}
	}
	if c.columns == 0 {
		return errors.New("the outputs have no elements to write")
	}
	return c.flush()
}

// flush writes the line, which begins with a comma too many.
func (c *csvSink) flush() error {
	line := c.line[1:]
	if len(line) == 0 {
		line = append(line, `""`...) // an empty line would be no row
	}
	_, err := c.out.Write(append(line, '\n'))
	c.line = c.line[:0]
	return err
}

func (c *csvSink) write(n tensor.Named) error {
	if c.columns == 0 {
		if err := c.header(); err != nil {
			return err
		}
	}
	readers, rows := rowReaders(c.outputs, n)
	for row := range rows {
		for _, r := range readers {
			for i := row * r.width; i < (row+1)*r.width; i++ {
				c.line = append(c.line, ',')
				if r.text != nil {
					c.line = r.text(c.line, i)
				} else {
					c.line = appendCSV(c.line, r.t.StringAt(i), false)
				}
			}
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	return nil
}

// appendCSV appends a text field, in quotes where it needs them.
func appendCSV(dst []byte, v string, first bool) []byte {
	if !strings.ContainsAny(v, "\",\r\n") && !strings.HasPrefix(v, " ") && !(first && strings.HasPrefix(v, "\ufeff")) {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(v, `"`, `""`)...)
	return append(dst, '"')
}

func (c *csvSink) close() error {
	if c.columns == 0 {
		return c.header()
	}
	return nil
}

func (c *csvSink) abort() {}

// jsonSink writes an object a row: one a line, or as the elements of one array.
type jsonSink struct {
	out     *bufio.Writer
	outputs []outputColumn
	array   bool
	rows    int
	line    []byte
}

func (j *jsonSink) write(n tensor.Named) error {
	readers, rows := rowReaders(j.outputs, n)
	for row := range rows {
		j.line = j.line[:0]
		if j.array {
			j.line = append(j.line, ",\n"...)
			if j.rows == 0 {
				j.line = append(j.line[:0], "[\n"...)
			}
		}
		j.rows++
		for i := range readers {
			j.line = append(j.line, ',')
			if i == 0 {
				j.line[len(j.line)-1] = '{'
			}
			j.line = append(appendJSON(j.line, j.outputs[i].name), ':')
			at := row * readers[i].width
			if err := j.nested(&readers[i], readers[i].t.Shape()[1:], &at); err != nil {
				return errors.New("row " + strconv.Itoa(j.rows) + ", output " + strconv.Quote(j.outputs[i].name) + ": " + err.Error())
			}
		}
		j.line = append(j.line, '}')
		if !j.array {
			j.line = append(j.line, '\n')
		}
		if _, err := j.out.Write(j.line); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonSink) nested(r *rowsOf, dims tensor.Shape, at *int) error {
	if len(dims) == 0 {
		i := *at
		*at++
		return j.value(r, i)
	}
	j.line = append(j.line, '[')
	for i := range dims[0] {
		if i > 0 {
			j.line = append(j.line, ',')
		}
		if err := j.nested(r, dims[1:], at); err != nil {
			return err
		}
	}
	j.line = append(j.line, ']')
	return nil
}

func (j *jsonSink) value(r *rowsOf, i int) error {
	if r.text == nil {
		v := r.t.StringAt(i)
		if !utf8.ValidString(v) {
			return errors.New("JSON cannot express bytes that are not UTF-8: use csv or safetensors")
		}
		j.line = appendJSON(j.line, v)
		return nil
	}
	from := len(j.line)
	j.line = r.text(j.line, i)
	switch text := string(j.line[from:]); text {
	case "":
		j.line = append(j.line, "null"...)
	case "inf", "-inf":
		return errors.New("JSON cannot express " + text + ": use csv, npz or safetensors")
	}
	return nil
}

func (j *jsonSink) close() error {
	text := ""
	switch {
	case j.array && j.rows == 0:
		text = "[]\n"
	case j.array:
		text = "\n]\n"
	}
	_, err := j.out.WriteString(text)
	return err
}

func (j *jsonSink) abort() {}

// appendJSON appends v, which is valid UTF-8, as a JSON string.
func appendJSON(dst []byte, v string) []byte {
	dst = append(dst, '"')
	for _, r := range v {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
