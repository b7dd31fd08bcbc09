package network

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// bounds is what a number of a model may be, both ends included.
type bounds struct {
	low, high float64
	words     string
}

var (
	anyNumber = bounds{-math.MaxFloat64, math.MaxFloat64, "a finite number"}
	notBelow0 = bounds{0, math.MaxFloat64, "0 or more"}
	anyDelay  = bounds{0, float64(maxDelay / time.Millisecond), "0 to 900,000 ms, as long as a function may run"}
	anyUnit   = bounds{0, math.MaxFloat64, "bytes, 0 (for 1) or more"}
	anyRate   = bounds{0, math.MaxFloat64, "bytes a second, 0 (for no limit) or more"}
)

// check returns the fault of a value, or nil.
func (b bounds) check(name string, v float64) error {
	if v >= b.low && v <= b.high { // which not-a-number is not
		return nil
	}
	return fmt.Errorf("%s: want %s, found %v", name, b.words, v)
}

// Validate reports all faults of a model at once, or nil. The zero model has none.
func (m *Model) Validate() error {
	faults := []error{anyUnit.check("unit_bytes", m.UnitBytes), anyRate.check("request_bytes_per_second", m.RequestRate),
		anyRate.check("reply_bytes_per_second", m.ReplyRate)}
	for _, f := range []struct {
		name string
		term Term
	}{{"call", m.Call}, {"return", m.Return}, {"overlap", m.Overlap}, {"cold_start", m.ColdStart}} {
		faults = append(faults, f.term.Shape.check(f.name+".shape", notBelow0), f.term.Location.check(f.name+".loc", anyDelay),
			f.term.Scale.check(f.name+".scale", anyDelay))
	}
	return errors.Join(faults...)
}

// check returns the faults of a line whose constant has bounds; its slope may fall.
func (l Line) check(name string, constant bounds) error {
	return errors.Join(constant.check(name, l[0]), anyNumber.check("slope of "+name, l[1]))
}

// delays reports whether any draw of the model can be above zero: the overlap only takes away.
func (m *Model) delays() bool {
	return m.Call.delays() || m.Return.delays() || m.ColdStart.delays() || m.RequestRate > 0 || m.ReplyRate > 0
}

func (t Term) delays() bool {
	return max(t.Location[0], t.Location[1], t.Scale[0], t.Scale[1]) > 0
}
