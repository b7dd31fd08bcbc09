package manifest

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// maxDim bounds fixed dimensions: more elements along one dimension than a JSON number can count exactly make no tensor.
const maxDim = maxInteger

// String is the size or the symbol.
func (d Dim) String() string {
	if d.Name != "" {
		return d.Name
	}
	return strconv.Itoa(d.Size)
}

// MarshalJSON writes a number, or a string when the dimension is a symbol.
func (d Dim) MarshalJSON() ([]byte, error) {
	if d.Name != "" {
		return json.Marshal(d.Name)
	}
	if d.Size < 0 {
		return nil, fmt.Errorf("dimension %d is negative", d.Size)
	}
	return strconv.AppendInt(nil, int64(d.Size), 10), nil
}

// UnmarshalJSON reads a whole number from 0 up, or a symbol, which must not be empty.
func (d *Dim) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var name string
		if err := json.Unmarshal(data, &name); err != nil {
			return fmt.Errorf("dimension: %w", err)
		}
		if name == "" {
			return fmt.Errorf("dimension is an empty string; wanted a size or a symbol")
		}
		*d = Dim{Name: name}
		return nil
	}
	n, err := strconv.ParseUint(string(data), 10, 63)
	if err != nil || n > maxDim {
		return fmt.Errorf("dimension is %.40s; wanted a whole number from 0 to %d or a symbol", data, int64(maxDim))
	}
	*d = Dim{Size: int(n)}
	return nil
}
