package cli

import (
	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// previewRows is how many rows a terminal shows when nobody said where answers go.
const previewRows = 5

// textSink writes answers to standard output, in the bytes of a CSV file: the first limit rows, or all when limit is
// negative.
type textSink struct {
	a       *App
	csv     *dataset.CSVStream
	outputs []manifest.Output
	limit   int64
	rows    int64
}

func newTextSink(a *App, outputs []manifest.Output, limit int64) (*textSink, error) {
	csv, err := dataset.NewCSV(a.Stdout, "standard output", outputs)
	if err != nil {
		return nil, asInput(err)
	}
	return &textSink{a: a, csv: csv, outputs: outputs, limit: limit}, nil
}

// write leaves out what was asked for only to be compared, and what lies beyond the limit.
func (s *textSink) write(out tensor.Named) error {
	wanted := tensor.Named{}
	rows := 0
	for _, o := range s.outputs {
		t := out[o.Name]
		if t != nil && t.Rank() > 0 {
			rows = t.Dim(0)
			if n := s.limit - s.rows; s.limit >= 0 && int64(rows) > n {
				var err error
				if t, err = t.Rows(0, int(max(n, 0))); err != nil {
					return err
				}
			}
		}
		wanted[o.Name] = t
	}
	shown := s.limit < 0 || s.rows < s.limit || s.rows == 0
	s.rows += int64(rows)
	if !shown {
		return nil
	}
	return stdoutError(s.csv.Write(wanted))
}

func (s *textSink) commit() error {
	if s.limit >= 0 && s.rows > s.limit {
		s.a.say("the first %d of %s; --output FILE writes all, --output - prints all", s.limit, count(s.rows, "row"))
	}
	return nil
}

func (s *textSink) discard() error { return nil }

// nothing drops answers: with --json and no file they are counted and compared only.
type nothing struct{}

func (nothing) write(tensor.Named) error { return nil }
func (nothing) commit() error            { return nil }
func (nothing) discard() error           { return nil }
