package cli

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/dataset"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// tablesSink prints outputs that do not stand side by side, such as a scalar and a table, one after the other: a line with
// the output's name and type, then its values as CSV, or at most limit rows of it (limit < 0: all).
type tablesSink struct {
	a       *App
	outputs []manifest.Output
	limit   int64
	cut     bool // something was left out
}

func (s *tablesSink) write(out tensor.Named) error {
	for _, o := range s.outputs {
		t := out[o.Name]
		if t == nil {
			return fmt.Errorf("output %q is missing from the answer", o.Name)
		}
		if _, err := fmt.Fprintf(s.a.Stdout, "%s %v\n", o.Name, t); err != nil {
			return stdoutError(err)
		}
		if t.Len() == 0 {
			continue
		}
		if t.Rank() > 0 && s.limit >= 0 && int64(t.Dim(0)) > s.limit {
			s.cut = true
			var err error
			if t, err = t.Rows(0, int(s.limit)); err != nil {
				return err
			}
		}
		o.Shape = nil
		for i, n := range t.Shape() {
			o.Shape = append(o.Shape, manifest.Dim{Size: n})
			if i == 0 {
				o.Shape[0] = manifest.Dim{Name: manifest.Batch}
			}
		}
		csv, err := dataset.NewCSV(s.a.Stdout, "standard output", []manifest.Output{o})
		if err != nil {
			return asInput(err)
		}
		if err := csv.Write(tensor.Named{o.Name: t}); err != nil {
			return stdoutError(err)
		}
	}
	return nil
}

func (s *tablesSink) commit() error {
	if s.cut {
		s.a.say("the first %d rows of each output; --output FILE writes all, --output - prints all", s.limit)
	}
	return nil
}

func (s *tablesSink) discard() error { return nil }
