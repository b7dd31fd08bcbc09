package compare

import (
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Output compares one output with its reference, batch by batch.
type Output struct {
	rule   manifest.Rule
	result Result
	added  bool
	maxRef float64 // greatest |reference| so far, finite values only
	excess float64 // greatest amount by which a difference exceeds Abs + Rel*|reference|
	beyond int64   // values that no tolerance forgives: NaN against a number, infinities, strings
}

// Result is what a comparison found. Differences are those of values that are finite on both sides; MaxRel leaves out
// references that are 0, MaxULP is 0 for dtypes that are not floating-point.
type Result struct {
	Output    string  `json:"output"`
	Rows      int64   `json:"rows"`
	Columns   int     `json:"columns"`
	Values    int64   `json:"values"`
	BitEqual  int64   `json:"bit_equal"` // values with equal bits
	MaxAbs    float64 `json:"max_abs"`
	MaxRel    float64 `json:"max_rel"`
	MaxULP    uint64  `json:"max_ulp"`
	Unlike    int64   `json:"unlike"` // NaN or infinity on one side only, or strings that differ
	Worst     *Worst  `json:"worst,omitempty"`
	Rule      string  `json:"rule"`
	Within    bool    `json:"within"`
	Tolerance float64 `json:"tolerance"` // the rule's part that does not depend on the value: Abs + Scale*max|reference|
}

// Worst is the value that lies farthest beyond the rule, or nearest to its edge when all are within.
type Worst struct {
	Row    int64  `json:"row"` // counts from 0
	Column int    `json:"column"`
	Got    string `json:"got"`
	Want   string `json:"want"`
}

// New begins the comparison of the output of that name.
func New(output string, rule manifest.Rule) *Output {
	return &Output{rule: rule, result: Result{Output: output, Rule: RuleText(rule)}, excess: math.Inf(-1)}
}

// Add compares the next rows. Both tensors need the same dtype and shape, with rows in the first dimension; all batches
// need the same shape beyond it.
func (o *Output) Add(got, want *tensor.Tensor) error {
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return fmt.Errorf("output %s: wanted %v as in the reference, found %v", o.result.Output, want, got)
	}
	rows, columns := 1, got.Len()
	if got.Rank() > 0 {
		rows = got.Dim(0)
		columns = 1
		for _, d := range got.Shape()[1:] {
			columns *= d
		}
	}
	if o.result.Rows > 0 && columns != o.result.Columns {
		return fmt.Errorf("output %s: wanted %d values a row as in the rows before, found %d", o.result.Output, o.result.Columns, columns)
	}
	o.result.Columns = columns
	if err := o.values(got, want); err != nil {
		return err
	}
	o.added = true
	o.result.Rows += int64(rows)
	o.result.Values += int64(got.Len())
	return nil
}

// values walks both tensors element by element.
func (o *Output) values(got, want *tensor.Tensor) error {
	if got.DType() == tensor.String {
		for i := range got.Len() {
			o.text(i, got.StringAt(i), want.StringAt(i))
		}
		return nil
	}
	g, err := read(got)
	if err != nil {
		return fmt.Errorf("output %s: %w", o.result.Output, err)
	}
	w, err := read(want)
	if err != nil {
		return fmt.Errorf("output %s: %w", o.result.Output, err)
	}
	for i := range got.Len() {
		o.number(i, g(i), w(i))
	}
	return nil
}

func (o *Output) text(i int, got, want string) {
	if got == want {
		o.result.BitEqual++
		return
	}
	o.unlike(i, got, want)
}

// number enters one pair of values.
func (o *Output) number(i int, got, want value) {
	if !math.IsNaN(want.f) && !math.IsInf(want.f, 0) {
		o.maxRef = max(o.maxRef, math.Abs(want.f))
	}
	if got.key == want.key || math.IsNaN(got.f) && math.IsNaN(want.f) {
		o.result.BitEqual++
		return
	}
	if !finite(got.f) || !finite(want.f) {
		o.unlike(i, got.String(), want.String())
		return
	}
	abs := min(math.Abs(got.f-want.f), math.MaxFloat64)
	o.result.MaxAbs = max(o.result.MaxAbs, abs)
	if want.f != 0 {
		o.result.MaxRel = max(o.result.MaxRel, min(abs/math.Abs(want.f), math.MaxFloat64))
	}
	o.result.MaxULP = max(o.result.MaxULP, got.ulps(want))
	excess := abs - o.rule.Abs - o.rule.Rel*math.Abs(want.f)
	if o.rule.Exact {
		excess = abs
	}
	if excess > o.excess {
		o.excess = excess
		if o.beyond == 0 {
			o.worst(i, got.String(), want.String())
		}
	}
}

// unlike enters a pair that no tolerance forgives; the first one is the worst.
func (o *Output) unlike(i int, got, want string) {
	o.beyond++
	o.result.Unlike++
	if o.beyond == 1 {
		o.worst(i, got, want)
	}
}

func (o *Output) worst(i int, got, want string) {
	columns := max(o.result.Columns, 1)
	o.result.Worst = &Worst{Row: o.result.Rows + int64(i/columns), Column: i % columns, Got: got, Want: want}
}

// Result is the state of the comparison so far, with its verdict. Nothing compared is not within any rule; a
// tensor without elements that has the shape of its reference is.
func (o *Output) Result() Result {
	r := o.result
	r.Tolerance = o.rule.Abs + o.rule.Scale*o.maxRef
	switch {
	case !o.added || o.beyond > 0:
		r.Within = false
	case o.rule.Exact:
		r.Within = r.BitEqual == r.Values
	default: // the excess of nothing is -Inf
		r.Within = o.excess <= o.rule.Scale*o.maxRef
	}
	return r
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
