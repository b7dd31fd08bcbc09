package aggregate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/tensor"
)

// Partial is one shard's contribution: its components by role (manifest.Roles lists a merge's).
type Partial = tensor.Named

// Merger folds the contributions of one stage output into its value. It is not safe for concurrent use.
type Merger interface {
	// Add takes the contribution of stage position i. Positions may come in any order, each exactly once. The partial is
	// read-only, and must not change until Result has returned. A contribution that does not fit is a *PartialError or a
	// *DuplicateError, and leaves the merger as it was. A *MergeError (an overflow, too many columns) is final.
	Add(i int, p Partial) error
	// Result is the value, after all positions have contributed; a *MissingError names the others. The tensor belongs to
	// the caller and shares no memory with the partials.
	Result() (*tensor.Tensor, error)
}

// Tables gives the coordinator's merge tables by tensor name.
type Tables interface {
	Weight(name string) (*tensor.Tensor, error)
}

// New makes the merger of m for a stage of n shards. Radix is the manifest's. Tables may be nil for merges without a
// table. It fails with a *MergeError on a merge that makes no sense, and with the error of the table.
func New(m manifest.Merge, n, radix int, t Tables) (Merger, error) {
	if n < 1 || radix < 2 {
		return nil, &MergeError{Merge: m.Kind, Reason: fmt.Sprintf("%d shards with radix %d; wanted at least 1 and 2", n, radix)}
	}
	s := stage{Merge: m, n: n, radix: radix}
	r, err := newRule(s, t)
	if err != nil {
		return nil, err
	}
	return &merger{stage: s, rule: r, roles: manifest.Roles(m.Kind), seen: make([]bool, n), left: n}, nil
}

// stage is what every rule knows: the merge, the number of contributions, the tree's width.
type stage struct {
	manifest.Merge
	n, radix int
}

// refuse is the error of contribution i, whose component is not as wanted.
func (s *stage) refuse(i int, role, want, found string) error {
	return &PartialError{Merge: s.Kind, Position: i, Of: s.n, Role: role, Want: want, Found: found}
}

func (s *stage) bad(format string, args ...any) error {
	return &MergeError{Merge: s.Kind, Reason: fmt.Sprintf(format, args...)}
}

// rule is one kind of merge. Accept checks everything about p before it changes anything; the merger has checked
// position and roles.
type rule interface {
	accept(i int, p Partial) error
	result() (*tensor.Tensor, error)
}

func newRule(s stage, t Tables) (rule, error) {
	switch s.Kind {
	case manifest.MergeConcat:
		return newConcat(s)
	case manifest.MergeSum, manifest.MergeMean:
		return newSum(s)
	case manifest.MergeOrderedSum:
		return newOrderedSum(s, t)
	case manifest.MergeWeightedMean:
		return newWeightedMean(s)
	case manifest.MergeMax, manifest.MergeMin:
		return newExtreme(s)
	case manifest.MergeMoments:
		return newMoments(s)
	case manifest.MergeTopK:
		return newTopK(s)
	case manifest.MergeLogSumExp, manifest.MergeSoftmax:
		return newSoftmax(s)
	case manifest.MergeVote:
		return newVote(s)
	case manifest.MergeScatterBack:
		return newScatterBack(s)
	}
	return nil, s.bad("is unknown; use the version that wrote the manifest")
}

// merger keeps the books for a rule.
type merger struct {
	stage
	rule  rule
	roles []string
	seen  []bool
	left  int
	err   error // from a fold: the merger is of no use any more
}

// Add implements Merger.
func (m *merger) Add(i int, p Partial) error {
	if m.err != nil {
		return m.err
	}
	if i < 0 || i >= m.n {
		return m.refuse(i, "", fmt.Sprintf("a position from 0 to %d", m.n-1), fmt.Sprint(i))
	}
	if m.seen[i] {
		return &DuplicateError{Merge: m.Kind, Position: i, Of: m.n}
	}
	for _, role := range m.roles {
		if p[role] == nil {
			return m.refuse(i, role, "a tensor", "none")
		}
	}
	if len(p) != len(m.roles) {
		return m.refuse(i, "", "components "+strings.Join(m.roles, ", "), strings.Join(p.Names(), ", "))
	}
	if err := m.rule.accept(i, p); err != nil {
		if _, refused := errors.AsType[*PartialError](err); !refused {
			m.err = err
		}
		return err
	}
	m.seen[i] = true
	m.left--
	return nil
}

// Result implements Merger.
func (m *merger) Result() (*tensor.Tensor, error) {
	if m.err != nil {
		return nil, m.err
	}
	if m.left > 0 {
		var missing []int
		for i, seen := range m.seen {
			if !seen {
				missing = append(missing, i)
			}
		}
		return nil, &MissingError{Merge: m.Kind, Positions: missing, Of: m.n}
	}
	t, err := m.rule.result()
	if err != nil {
		return nil, err
	}
	if shape := t.Shape(); m.Squeeze && len(shape) > 0 && shape[len(shape)-1] == 1 {
		return t.Reshape(slices.Clone(shape[:len(shape)-1])...)
	}
	return t, nil
}
