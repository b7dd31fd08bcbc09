package aggregate

import (
	"fmt"
	"strings"
)

// PartialError says that a contribution is not what the merge wants. The merge is as if it had not been added: the
// position is still open. Position is -1 when the error is not about one contribution.
type PartialError struct {
	Merge        string
	Position, Of int
	Role         string // component, "" when it is about the partial as a whole
	Want, Found  string
}

// Error names merge, shard position i/n, component, what was wanted and what was found.
func (e *PartialError) Error() string {
	what := ""
	if e.Role != "" {
		what = " component " + e.Role
	}
	return fmt.Sprintf("merge %s: shard %d/%d:%s wanted %s, found %s; split the model again if the shards do not belong together",
		e.Merge, e.Position, e.Of, what, e.Want, e.Found)
}

// DuplicateError says that a position has contributed already.
type DuplicateError struct {
	Merge        string
	Position, Of int
}

// Error names the position.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("merge %s: shard %d/%d has contributed already; each contributes once", e.Merge, e.Position, e.Of)
}

// MissingError says which positions have not contributed when the result was asked for.
type MissingError struct {
	Merge     string
	Positions []int
	Of        int
}

// shownPositions bounds how many positions the text lists.
const shownPositions = 16

// Error lists the missing positions.
func (e *MissingError) Error() string {
	var b strings.Builder
	for i, p := range e.Positions {
		if i == shownPositions {
			fmt.Fprintf(&b, " and %d more", len(e.Positions)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d/%d", p, e.Of)
	}
	return fmt.Sprintf("merge %s: no contribution from shard %s; a result needs all of them", e.Merge, b.String())
}

// MergeError says that the merge itself cannot work: its description in the manifest, its table, or what the
// contributions amount to together.
type MergeError struct {
	Merge  string
	Reason string
}

// Error names the merge and the reason.
func (e *MergeError) Error() string { return "merge " + e.Merge + ": " + e.Reason }
