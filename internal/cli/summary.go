package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardwise/shardwise/internal/cli/compare"
	"github.com/shardwise/shardwise/internal/cli/waterfall"
)

// maxLanes is how many lines the picture has; what is beyond is summed up in one.
const maxLanes = 20

// summarize tells people of a run: what was served, the picture, and the comparisons.
func (a *App) summarize(f *runFacts, c *account) {
	a.say("")
	a.say("%s", f.Model.headline())
	a.say("")
	a.say("%s", a.paint(bold, "who did what when"))
	for _, line := range a.picture(f, c) {
		a.say("%s", line)
	}
	a.say("%s", a.paint(dimmed, "  "+waterfall.Legend))
	a.say("")
	for _, line := range f.totals() {
		a.say("%s", line)
	}
	for i := range f.Comparisons {
		a.verdict(&f.Comparisons[i])
	}
	switch {
	case f.Within == nil:
	case *f.Within:
		a.say("\n%s", a.paint(green, "ok: every compared value keeps the model's numeric rule"))
	default:
		a.say("\n%s", a.paint(red, "NOT ok: values lie beyond the model's numeric rule"))
	}
}

// picture draws the lanes of the run.
func (a *App) picture(f *runFacts, c *account) []string {
	lanes := []waterfall.Lane{{Label: "coordinator", Spans: spans(c.coordinator.calls)}}
	notes := [][]string{note(&c.coordinator)}
	keys := c.ordered()
	step := 0
	for _, k := range keys {
		step = max(step, len([]rune(k.step)))
	}
	hidden := 0
	for _, k := range keys {
		l := c.lanes[k]
		if len(lanes) >= maxLanes && k.shard >= 0 {
			hidden++
			continue
		}
		label := fmt.Sprintf("%-*s coordinator", step, k.step)
		if k.shard >= 0 {
			label = fmt.Sprintf("%-*s shard %d/%d", step, k.step, k.shard, len(f.Model.Shards))
		}
		lanes = append(lanes, waterfall.Lane{Label: label, Spans: spans(l.calls)})
		notes = append(notes, note(l))
	}
	for i, text := range columns(notes, "") {
		lanes[i].Note = text
	}
	lines := waterfall.Lines(lanes, c.elapsed(), a.Width)
	if hidden > 0 {
		lines = append(lines, fmt.Sprintf("  ... and %s like these; --json lists all", count(int64(hidden), "shard")))
	}
	return lines
}

func spans(calls []callSpan) []waterfall.Span {
	list := make([]waterfall.Span, len(calls))
	for i, c := range calls {
		list[i] = waterfall.Span{Start: c.start, End: c.end, Work: c.work, Failed: c.failed}
	}
	return list
}

// note says after the bar how long, how often and what went wrong, in columns.
func note(l *lane) []string {
	parts := []string{waterfall.Duration(us(l.longestUS)), "", "", ""}
	if l.count > 1 {
		parts[0] = fmt.Sprintf("%d calls, ≤ %s", l.count, parts[0])
	}
	if l.computeUS > 0 {
		parts[1] = "computing " + waterfall.Duration(us(l.computeUS))
	}
	if l.cold > 0 {
		parts[2] = count(int64(l.cold), "cold start")
	}
	if l.failed > 0 {
		parts[3] = fmt.Sprintf("%d failed (%s)", l.failed, strings.Join(kinds(l.outcomes), ", "))
	}
	return parts
}

func kinds(outcomes map[string]int) []string {
	var names []string
	for k := range outcomes {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// totals sums the run up in a few lines.
func (f *runFacts) totals() []string {
	split := ""
	if f.Model.Seconds > 0 {
		split = fmt.Sprintf(", %s of it splitting", seconds(f.Model.Seconds))
	}
	lines := []string{
		fmt.Sprintf("%s in %s by %s (mode %s); the whole command took %s%s",
			count(f.Rows, "row"), seconds(f.ServeSeconds), count(int64(f.Processes), "process"), f.Mode, seconds(f.Seconds), split),
		fmt.Sprintf("%s to the coordinator, %s of shards: %s, %s", count(int64(f.Requests), "request"),
			count(int64(f.Calls), "call"), count(int64(f.ColdStarts), "cold start"), retries(f.Retries)),
		fmt.Sprintf("%s to the coordinator and %s back; %s to the shards and %s back",
			size(f.Bytes.CoordinatorRequests), size(f.Bytes.CoordinatorReplies), size(f.Bytes.ShardRequests), size(f.Bytes.ShardReplies)),
	}
	if f.Repeated > 0 {
		lines = append(lines, fmt.Sprintf("the coordinator was asked again after it broke or was not reached: %s", retries(f.Repeated)))
	}
	if f.Omitted > 0 {
		lines = append(lines, fmt.Sprintf("%s more are not in these numbers: a report lists the first ones only", count(int64(f.Omitted), "call")))
	}
	return lines
}

func retries(n int) string {
	switch n {
	case 0:
		return "no retries"
	case 1:
		return "1 retry"
	}
	return grouped(int64(n)) + " retries"
}

func seconds(s float64) string { return waterfall.Duration(time.Duration(s * float64(time.Second))) }

// verdict tells people of one comparison.
func (a *App) verdict(c *comparison) {
	a.say("")
	a.say("%s", a.paint(bold, "compared with "+c.With+" (mode "+c.Mode+")"))
	rows := [][]string{{"output", "rows", "columns", "equal bits", "largest difference", "rule", "verdict"}}
	for _, r := range c.Results {
		rows = append(rows, []string{r.Output, grouped(r.Rows), grouped(int64(r.Columns)), share(r.BitEqual, r.Values), difference(r), r.Rule, verdictText(r.Within)})
	}
	for i, line := range columns(rows, "  ") {
		switch {
		case i == 0:
			line = a.paint(dimmed, line)
		case c.Results[i-1].Within:
			line = strings.TrimSuffix(line, verdictText(true)) + a.paint(green, verdictText(true))
		default:
			line = strings.TrimSuffix(line, verdictText(false)) + a.paint(red, verdictText(false))
		}
		a.say("%s", line)
	}
	for _, r := range c.Results {
		if !r.Within && r.Worst != nil {
			a.say("  %s: farthest off in row %s, column %d: found %s, the reference has %s",
				r.Output, grouped(r.Worst.Row+1), r.Worst.Column, r.Worst.Got, r.Worst.Want)
		}
	}
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
