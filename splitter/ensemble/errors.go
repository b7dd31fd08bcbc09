package ensemble

import "fmt"

// MemberError says that a member of an ensemble does not fit: which, of how many, what of it, and what was wanted and found.
type MemberError struct {
	Member, Of  int    // from 0; the second model of a stack is the member -1
	File        string // as the description names it
	What        string // "input x's dtype"
	Want, Found string
	Remedy      string
}

// Error names the member, the difference and, where something does, what helps.
func (e *MemberError) Error() string {
	who := fmt.Sprintf("member %d of %d", e.Member, e.Of)
	if e.Member < 0 {
		who = "the second model"
	}
	s := fmt.Sprintf("%s (%s): %s: wanted %s, found %s", who, e.File, e.What, e.Want, e.Found)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}
