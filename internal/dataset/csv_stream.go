package dataset

import (
	"bufio"
	"fmt"
	"io"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// CSVStream writes outputs batch by batch as CSV into a stream that others own: the same bytes that Create's CSV files
// have. It is not safe for concurrent use.
type CSVStream struct {
	name string
	buf  *bufio.Writer
	w    Writer // only checks batches
	sink *csvSink
}

// NewCSV starts a stream of the given outputs, in their order, which must be Tabular. name stands in errors.
func NewCSV(out io.Writer, name string, outputs []manifest.Output) (*CSVStream, error) {
	columns, err := outputColumns(outputs, CSV)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	buf := bufio.NewWriterSize(out, 64<<10)
	w := Writer{outputs: columns}
	return &CSVStream{name: name, buf: buf, w: w, sink: &csvSink{out: buf, outputs: columns}}, nil
}

// Write appends a batch as Writer.Write does and passes it on to the stream; before the first one goes a row of names.
func (c *CSVStream) Write(n tensor.Named) error {
	n, err := c.w.lift(n)
	if err == nil {
		err = c.w.check(n)
	}
	if err == nil {
		err = c.sink.write(n)
	}
	if err == nil {
		err = c.buf.Flush()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", c.name, err)
	}
	return nil
}
