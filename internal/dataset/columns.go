package dataset

import (
	"fmt"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Column is the place of a table's column in a model's inputs.
type Column struct {
	Name  string
	Input string // by signature name
	DType tensor.DType
	At    int          // element of a row of the input
	Width int          // elements of a row of the input
	Row   tensor.Shape // of the input
	// Missing says that the input allows missing values.
	Missing bool
}

// MatchColumns finds the place of each column that a table has, as CSV's columns find theirs: by name, all there and
// nothing else, or by position, which refuses the model's own names in another order.
func MatchColumns(found []string, sig manifest.Signature, byPosition bool) ([]Column, error) {
	s, err := inputSchema(sig)
	if err != nil {
		return nil, err
	}
	matched, err := s.match(found, byPosition)
	if err != nil {
		return nil, err
	}
	if byPosition {
		if err := inOrder(found, matched); err != nil {
			return nil, err
		}
	}
	list := make([]Column, len(matched))
	for i, c := range matched {
		f := s.fields[c.field]
		list[i] = Column{Name: c.name, Input: f.name, DType: f.dtype, At: c.at, Width: f.width, Row: f.row, Missing: f.missing}
	}
	return list, nil
}

// MissingFault says that a value of the column is missing, which its input does not allow.
func (c Column) MissingFault() string { return missingFault(c.Input, c.DType) }

// missingFault names the remedy where there is one: floats can say NaN, which is a number like others to a model that does not know missing
// values.
func missingFault(input string, d tensor.DType) string {
	text := fmt.Sprintf("the value is missing, which %q does not allow", input)
	if d.Float() {
		text += ": write NaN if the model itself handles missing values, as one with an imputer does"
	}
	return text
}

// Explain says what is wrong with a value of a column.
func (c Column) Explain(row int64, format string, args ...any) error {
	return fmt.Errorf("row %d, column %q: %s", row, clip(c.Name), fmt.Sprintf(format, args...))
}
