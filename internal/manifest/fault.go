package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong in a document. Path is a JSON pointer (RFC 6901) to it.
type Fault struct{ Path, Problem string }

// InvalidError lists everything that is wrong in a document, in document order as far as checks allow.
type InvalidError struct {
	Document string // "manifest" or "deployment"
	Faults   []Fault
}

// shownFaults bounds how many faults the error's text spells out; the list has them all.
const shownFaults = 20

// Error has one line per fault: path and problem.
func (e *InvalidError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the %s has %d fault(s):", e.Document, len(e.Faults))
	for i, f := range e.Faults {
		if i == shownFaults {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Faults)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s: %s", f.Path, f.Problem)
	}
	return b.String()
}

// at is a JSON pointer under construction.
type at string

func (p at) key(name string) at {
	if !strings.ContainsAny(name, "~/") {
		return p + "/" + at(name)
	}
	return p + "/" + at(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

func (p at) index(i int) at { return p + "/" + at(strconv.Itoa(i)) }

// checker collects faults. One that is found again, in another numeric mode for example, is kept once.
type checker struct {
	faults []Fault
	seen   map[Fault]bool
}

func (c *checker) fail(path at, format string, args ...any) {
	f := Fault{Path: string(path), Problem: fmt.Sprintf(format, args...)}
	if c.seen[f] {
		return
	}
	if c.seen == nil {
		c.seen = map[Fault]bool{}
	}
	c.seen[f] = true
	c.faults = append(c.faults, f)
}

func (c *checker) err(document string) error {
	if len(c.faults) == 0 {
		return nil
	}
	return &InvalidError{Document: document, Faults: c.faults}
}
