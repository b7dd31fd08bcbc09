package cli

import (
	"bufio"
	"fmt"
	"strconv"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// previewRows is how many rows a terminal shows when nobody said where answers go.
const previewRows = 5

// textSink writes answers as CSV to standard output: the first limit rows, or all when limit is negative. Columns are named
// as in the files that predict writes: the output's name, or NAME_0, NAME_1 ... for several values a row.
type textSink struct {
	a       *App
	out     *bufio.Writer
	outputs []manifest.Output
	limit   int64
	rows    int64
	begun   bool
}

func newTextSink(a *App, outputs []manifest.Output, limit int64) *textSink {
	return &textSink{a: a, out: bufio.NewWriterSize(a.Stdout, 64<<10), outputs: outputs, limit: limit}
}

func (s *textSink) write(out tensor.Named) error {
	cells := make([]func(row int), len(s.outputs))
	rows := -1
	for i, o := range s.outputs {
		t := out[o.Name]
		n, width := 1, t.Len()
		if t.Rank() > 0 {
			n, width = t.Dim(0), t.Len()/max(t.Dim(0), 1)
		}
		if rows >= 0 && n != rows {
			return fmt.Errorf("output %s has %d rows, another has %d: write them to an npz or safetensors file", o.Name, n, rows)
		}
		rows = n
		s.header(i, o, t, width)
		format, err := formatter(t)
		if err != nil {
			return fmt.Errorf("output %s: %w", o.Name, err)
		}
		cells[i] = func(row int) {
			for c := range width {
				s.cell(i+c > 0, format(row*width+c))
			}
		}
	}
	s.endHeader()
	for row := range rows {
		if s.limit < 0 || s.rows < s.limit {
			for _, cell := range cells {
				cell(row)
			}
			_ = s.out.WriteByte('\n') // a bufio.Writer keeps its first error for Flush
		}
		s.rows++
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// header writes the column names of output i before the first row.
func (s *textSink) header(i int, o manifest.Output, t *tensor.Tensor, width int) {
	if s.begun {
		return
	}
	if t.Rank() < 2 {
		s.cell(i > 0, o.Name)
		return
	}
	for c := range width {
		s.cell(i+c > 0, o.Name+"_"+strconv.Itoa(c))
	}
}

func (s *textSink) endHeader() {
	if !s.begun {
		_ = s.out.WriteByte('\n')
		s.begun = true
	}
}

func (s *textSink) cell(comma bool, text string) {
	if comma {
		_ = s.out.WriteByte(',')
	}
	_, _ = s.out.WriteString(text)
}

func (s *textSink) commit() error {
	if s.limit >= 0 && s.rows > s.limit {
		s.a.say("the first %d of %s; --output FILE writes all, --output - prints all", s.limit, count(s.rows, "row"))
	}
	return nil
}

func (s *textSink) discard() error { return nil }

// formatter returns the text of element i: floats as the shortest text that reads back to the same bits, NaN as nothing.
func formatter(t *tensor.Tensor) (func(i int) string, error) {
	switch t.DType() {
	case tensor.String:
		return func(i int) string { return quoted(t.StringAt(i)) }, nil
	case tensor.F64:
		v := tensor.Of[float64](t)
		return func(i int) string { return float(v[i], 64) }, nil
	case tensor.F16, tensor.BF16, tensor.F32:
		wide, err := tensor.Convert(t, tensor.F32)
		if err != nil {
			return nil, err
		}
		v := tensor.Of[float32](wide)
		return func(i int) string { return float(float64(v[i]), 32) }, nil
	case tensor.U64:
		v := tensor.Of[uint64](t)
		return func(i int) string { return strconv.FormatUint(v[i], 10) }, nil
	case tensor.Bool:
		v := tensor.Of[bool](t)
		return func(i int) string { return strconv.FormatBool(v[i]) }, nil
	}
	wide, err := tensor.Convert(t, tensor.I64)
	if err != nil {
		return nil, err
	}
	v := tensor.Of[int64](wide)
	return func(i int) string { return strconv.FormatInt(v[i], 10) }, nil
}

func float(v float64, bits int) string {
	if v != v {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// quoted is a CSV field.
func quoted(s string) string {
	plain := true
	for _, c := range s {
		if c == ',' || c == '"' || c == '\n' || c == '\r' {
			plain = false
		}
	}
	if plain {
		return s
	}
	b := []byte{'"'}
	for i := range len(s) {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return string(append(b, '"'))
}

// nothing drops answers: with --json and no file they are counted and compared only.
type nothing struct{}

func (nothing) write(tensor.Named) error { return nil }
func (nothing) commit() error            { return nil }
func (nothing) discard() error           { return nil }
