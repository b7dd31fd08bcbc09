package cli

import (
	"fmt"
	"strings"

	"github.com/shardwise/shardwise/internal/cli/compare"
)

// verdict tells people of one comparison.
func (a *App) verdict(c *comparison) {
	a.say("")
	for _, line := range wrap("compared with "+c.With+" (mode "+c.Mode+")", a.Width, 2) {
		a.say("%s", a.paint(bold, line))
	}
	lines, below := a.verdictTable(c)
	for i, line := range lines {
		switch {
		case i == 0:
			line = a.paint(dimmed, line)
		case c.Results[i-1].Within:
			line = strings.TrimSuffix(line, verdictText(true)) + a.paint(green, verdictText(true))
		default:
			line = strings.TrimSuffix(line, verdictText(false)) + a.paint(red, verdictText(false))
		}
		a.say("%s", line)
		if i > 0 && below[i-1] != "" {
			a.sayWrapped(below[i-1])
		}
	}
	for _, r := range c.Results {
		if !r.Within && r.Worst != nil {
			a.sayWrapped(fmt.Sprintf("  %s: farthest off in row %s, column %s (from 1): found %s, the reference has %s",
				r.Output, grouped(r.Worst.Row+1), grouped(int64(r.Worst.Column)+1), r.Worst.Got, r.Worst.Want))
		}
	}
}

// verdictTable lays out the results, one a line below the names of the columns. Where the terminal is too narrow, counts are
// left out, then rule and difference go to lines below, one for each result.
func (a *App) verdictTable(c *comparison) (lines, below []string) {
	below = make([]string, len(c.Results))
	for level := range 4 {
		head := []string{"output"}
		if level == 0 {
			head = append(head, "rows", "columns")
		}
		head = append(head, "equal bits")
		if level < 3 {
			head = append(head, "largest difference")
		}
		if level < 2 {
			head = append(head, "rule")
		}
		rows := [][]string{append(head, "verdict")}
		for i, r := range c.Results {
			row := []string{r.Output}
			if level == 0 {
				row = append(row, grouped(r.Rows), grouped(int64(r.Columns)))
			}
			row = append(row, share(r.BitEqual, r.Values))
			if level < 3 {
				row = append(row, difference(r))
			}
			switch level {
			case 0, 1:
				row = append(row, r.Rule)
			case 2:
				below[i] = "    rule: " + r.Rule
			case 3:
				below[i] = "    largest difference: " + difference(r) + "; rule: " + r.Rule
			}
			rows = append(rows, append(row, verdictText(r.Within)))
		}
		if lines = columns(rows, "  "); widest(lines) <= a.Width {
			break
		}
	}
	return lines, below
}

func widest(lines []string) int {
	n := 0
	for _, l := range lines {
		n = max(n, len([]rune(l)))
	}
	return n
}

func verdictText(within bool) string {
	if within {
		return "ok"
	}
	return "BEYOND THE RULE"
}

func share(part, whole int64) string {
	if part == whole {
		return "all " + grouped(whole)
	}
	return grouped(part) + " of " + grouped(whole)
}

func difference(r compare.Result) string {
	switch {
	case r.Unlike > 0:
		return fmt.Sprintf("%s with NaN, infinity or text on one side only", count(r.Unlike, "value"))
	case r.BitEqual == r.Values:
		return "none"
	}
	return fmt.Sprintf("%s ULP, %.2g absolute, %.2g relative", grouped(int64(min(r.MaxULP, 1<<62))), r.MaxAbs, r.MaxRel)
}

// earlyStopping is the usual reason why the training library's own predictions differ from a tree model's.
const earlyStopping = "if training stopped early: shardwise uses all trees of the file, as Booster.predict does, but the scikit-learn wrapper " +
	"stops after best_iteration; compare with Booster.predict, or save model[:best_iteration+1] and split that"

// advice says what to look at when values that a file expects of a tree model lie beyond the rule.
func (f *runFacts) advice() string {
	trees := len(f.Model.Shards) > 0 && f.Model.Shards[0].Trees != nil
	for i := range f.Comparisons {
		c := &f.Comparisons[i]
		if trees && c.File && !c.within() {
			return earlyStopping
		}
	}
	return ""
}
