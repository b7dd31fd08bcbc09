package recommender

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/shardwise/shardwise/internal/jsondoc"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Format is the first member of every description.
const Format = "shardwise-recommender/1"

// The ways in which features interact.
const (
	Dot = "dot" // all pairwise products of the features, and the bottom network's result
	Cat = "cat" // the features side by side
	DCN = "dcn" // cross layers of low rank over the features side by side
)

// The ways in which the rows of one sample become one row.
const (
	Sum  = "sum"
	Mean = "mean"
)

// Description is a recommender without weights.
type Description struct {
	Format      string      `json:"format"`
	Name        string      `json:"name"`
	Source      string      `json:"source,omitempty"` // where the sizes come from
	Tables      []Table     `json:"tables"`
	Dense       Dense       `json:"dense"`
	Interaction Interaction `json:"interaction"`
	Top         []int       `json:"top"` // widths of the top network's layers
}

// maxName is the most bytes of a table's name.
const maxName = 256

// Table is an embedding table of rows times dim elements. Pooling rows are looked up for each sample and become one by Mode.
type Table struct {
	Name    string `json:"name"`
	Rows    int    `json:"rows"`
	Dim     int    `json:"dim"`
	Pooling int    `json:"pooling,omitempty"` // default 1
	Mode    string `json:"mode,omitempty"`    // default sum
	DType   string `json:"dtype,omitempty"`   // F32 (default), F16, BF16 or F64
}

// Dense are the dense features and the widths of the bottom network's layers. Without features there is no bottom network.
type Dense struct {
	Features int   `json:"features"`
	Bottom   []int `json:"bottom,omitempty"`
}

// Interaction says how features interact; Layers and Rank are those of dcn.
type Interaction struct {
	Kind   string `json:"kind"`
	Layers int    `json:"layers,omitempty"`
	Rank   int    `json:"rank,omitempty"`
}

// Parse reads a description and checks it. Unknown members are errors.
func Parse(data []byte) (*Description, error) {
	out := &Description{}
	if err := jsondoc.Decode(data, out); err != nil {
		return nil, err
	}
	for i := range out.Tables {
		t := &out.Tables[i]
		if t.Pooling == 0 {
			t.Pooling = 1
		}
		if t.Mode == "" {
			t.Mode = Sum
		}
		if t.DType == "" {
			t.DType = tensor.F32.String()
		}
	}
	return out, out.validate()
}

// validate reports all faults at once.
func (d *Description) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	size := func(n, most int, format string, args ...any) {
		if n < 1 || n > most {
			fault("%s is %d, wanted 1 to %d", fmt.Sprintf(format, args...), n, most)
		}
	}
	if d.Format != Format {
		fault("format is %q, wanted %q", d.Format, Format)
	}
	names := map[string]bool{"": true, denseInput: true}
	for i, t := range d.Tables {
		if names[t.Name] {
			fault("tables[%d]: the name %.80q is empty, taken or reserved", i, t.Name)
		}
		if len(t.Name) > maxName || strings.ContainsFunc(t.Name, unicode.IsControl) {
			fault("tables[%d]: the name %.80q has control characters or more than %d bytes", i, t.Name, maxName)
		}
		names[t.Name] = true
		size(t.Rows, math.MaxInt32, "tables[%d].rows", i)
		size(t.Dim, 1<<16, "tables[%d].dim", i)
		size(t.Pooling, 1<<16, "tables[%d].pooling", i)
		if t.Mode != Sum && t.Mode != Mean {
			fault("tables[%d].mode is %q, wanted %q or %q", i, t.Mode, Sum, Mean)
		}
		if dt, err := tensor.ParseDType(t.DType); err != nil || !dt.Float() {
			fault("tables[%d].dtype is %q, wanted F32, F16, BF16 or F64", i, t.DType)
		}
	}
	if d.Dense.Features != 0 {
		size(d.Dense.Features, 1<<20, "dense.features")
	}
	if len(d.Tables) == 0 && d.Dense.Features == 0 {
		fault("there are neither tables nor dense features")
	}
	for i, w := range d.Dense.Bottom {
		size(w, 1<<20, "dense.bottom[%d]", i)
	}
	for i, w := range d.Top {
		size(w, 1<<20, "top[%d]", i)
	}
	if len(d.Top) == 0 {
		fault("top has no layers, wanted at least one")
	}
	faults = append(faults, d.interaction()...)
	return errors.Join(faults...)
}

// interaction checks what the kind of interaction needs.
func (d *Description) interaction() []error {
	var faults []error
	switch k := d.Interaction; k.Kind {
	case Cat:
	case DCN:
		if k.Layers < 1 || k.Layers > 64 || k.Rank < 1 || k.Rank > 1<<16 {
			faults = append(faults, fmt.Errorf("interaction: dcn has %d layers of rank %d, wanted 1 to 64 of rank 1 to 65536", k.Layers, k.Rank))
		}
	case Dot:
		width := 0
		for i, t := range d.Tables {
			if width = max(width, t.Dim); t.Dim != width || i > 0 && t.Dim != d.Tables[0].Dim {
				faults = append(faults, fmt.Errorf("interaction: dot wants tables of one dim, tables[%d] has %d and tables[0] %d", i, t.Dim, d.Tables[0].Dim))
			}
		}
		if b := d.Dense.Bottom; d.Dense.Features > 0 && (len(b) == 0 || b[len(b)-1] != width) {
			faults = append(faults, fmt.Errorf("interaction: dot wants a bottom network that ends with the tables' dim, %d; found %v", width, b))
		}
		if len(d.Tables) < 2 {
			faults = append(faults, fmt.Errorf("interaction: dot wants at least two tables, found %d", len(d.Tables)))
		}
	default:
		faults = append(faults, fmt.Errorf("interaction.kind is %q, wanted %q, %q or %q", k.Kind, Dot, Cat, DCN))
	}
	return faults
}
