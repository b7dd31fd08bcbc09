package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// listed is how many names an error shows before it only counts.
const listed = 5

// namesOf lists the columns' names.
func namesOf(list []column) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].name
	}
	return names
}

// aliasesOf finds columns by their other names.
func aliasesOf(list []column) map[string]int {
	aliases := map[string]int{}
	for i, c := range list {
		if c.alias != "" {
			aliases[c.alias] = i
		}
	}
	return aliases
}

// inOrder refuses a row of names that is to be taken by position and holds the model's names elsewhere than the model has them: the
// numbers would be taken for one another. Names that are but numbered say so little that all must be the model's.
func inOrder(found []string, want []column) error {
	index := aliasesOf(want)
	for i, c := range want {
		index[c.name] = i
	}
	first, known := -1, 0
	for i, name := range found {
		at, ok := index[name]
		if ok {
			known++
		}
		if ok && at != i && first < 0 {
			first = i
		}
	}
	if first < 0 || known < len(found) && every(namesOf(want), numbered.MatchString) {
		return nil
	}
	return fmt.Errorf("column %d is %q, and %q is the model's column %d, whose column %d is %q: by position the columns would be taken for one another; drop --by-position, so that they are matched by their names",
		first+1, clip(found[first]), clip(found[first]), index[found[first]]+1, first+1, clip(want[first].name))
}

// matchNames maps each found name to its index in want, or in aliases. All of want must be found, unless subset, each once.
func matchNames(what string, found, want []string, aliases map[string]int, subset bool) ([]int, error) {
	index := make(map[string]int, len(want))
	for i, w := range want {
		index[w] = i
	}
	to := make([]int, len(found))
	have := make([]bool, len(want))
	var unknown []string
	for i, name := range found {
		at, ok := index[name]
		if !ok {
			at, ok = aliases[name]
		}
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		if have[at] {
			return nil, fmt.Errorf("%s %q stands there twice", what, name)
		}
		have[at], to[i] = true, at
	}
	var absent []string
	for i, w := range want {
		if !have[i] && !subset {
			absent = append(absent, w)
		}
	}
	if len(unknown) == 0 && len(absent) == 0 {
		return to, nil
	}
	m := mismatch{what, found, want, unknown, absent, subset}
	return nil, fmt.Errorf("%s", m.String()+m.hint())
}

// String names what is unknown and what is missing.
func (m *mismatch) String() string {
	var parts []string
	if len(m.unknown) > 0 {
		candidates := m.absent
		if m.subset {
			candidates = m.want
		}
		parts = append(parts, quoteList(m.what, m.unknown)+" not the model's"+suggestion(m.unknown[0], candidates))
	}
	if len(m.absent) > 0 {
		parts = append(parts, quoteList(m.what, m.absent)+" missing")
	}
	return strings.Join(parts, "; ")
}

// quoteList writes names with what they are the names of in front, and with "is" or "are" behind.
func quoteList(what string, names []string) string {
	q := make([]string, 0, listed)
	for _, n := range names[:min(len(names), listed)] {
		q = append(q, strconv.Quote(clip(n)))
	}
	text := strings.Join(q, ", ")
	if more := len(names) - listed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if len(names) == 1 {
		return what + " " + text + " is"
	}
	return what + "s " + text + " are"
}

func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// suggestion names up to three candidates that are spelled alike.
func suggestion(name string, candidates []string) string {
	type scored struct {
		name string
		d    int
	}
	var near []scored
	lower := strings.ToLower(strings.TrimSpace(name))
	if len(lower) > 200 {
		return ""
	}
	for _, c := range candidates {
		if len(c) > 200 {
			continue
		}
		if d := editDistance(lower, strings.ToLower(strings.TrimSpace(c))); d <= max(1, len(c)/3) {
			near = append(near, scored{c, d})
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.SortStableFunc(near, func(a, b scored) int { return cmp.Compare(a.d, b.d) })
	var names []string
	for _, n := range near[:min(len(near), 3)] {
		names = append(names, strconv.Quote(n.name))
	}
	return " (is " + strings.Join(names, " or ") + " meant?)"
}

// editDistance counts the bytes to insert, delete or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
