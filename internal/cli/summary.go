package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardwise/shardwise/internal/waterfall"
)

// maxLanes is how many lines the picture has; what is beyond is summed up in one.
const maxLanes = 20

// summarize tells people of a run: what was served, the picture, and the comparisons.
func (a *App) summarize(f *runFacts, c *account) {
	a.say("")
	a.sayWrapped(f.Model.headline())
	a.say("")
	a.say("%s", a.paint(bold, "who did what when"))
	for _, line := range a.picture(f, c) {
		a.say("%s", line)
	}
	for _, line := range waterfall.Legend(a.Width) {
		a.say("%s", a.paint(dimmed, line))
	}
	a.say("")
	for _, line := range f.totals() {
		a.sayWrapped(line)
	}
	for _, r := range f.Faults {
		a.sayWrapped(r.line())
	}
	if f.Trace != "" {
		a.sayWrapped("the picture in full is in " + f.Trace)
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
		if text := f.advice(); text != "" {
			a.sayWrapped(text)
		}
	}
}

// picture draws the lanes of the run.
func (a *App) picture(f *runFacts, c *account) []string {
	lanes := []waterfall.Lane{c.coordinator.drawn("", "coordinator")}
	notes := [][]string{note(&c.coordinator)}
	hidden := 0
	for _, k := range c.ordered() {
		if len(lanes) >= maxLanes && k.shard >= 0 {
			hidden++
			continue
		}
		lanes = append(lanes, c.lanes[k].drawn(k.step, k.label(len(f.Model.Shards))))
		notes = append(notes, note(c.lanes[k]))
	}
	for i, text := range fittingNotes(notes, waterfall.Room(lanes, a.Width)) {
		lanes[i].Note = text
	}
	lines := waterfall.Lines(lanes, c.elapsed(), a.Width)
	if hidden > 0 {
		lines = append(lines, fmt.Sprintf("  ... and %s like these; --json lists all", count(int64(hidden), "shard")))
	}
	return lines
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

// fittingNotes lays out notes in at most room columns as long as that goes: the time of computing is left out first, then the
// cold starts, then the kinds of failures.
func fittingNotes(notes [][]string, room int) []string {
	lines := columns(notes, "")
	for _, drop := range []int{1, 2, 3} {
		if widest(lines) <= room {
			break
		}
		for _, n := range notes {
			if drop < 3 {
				n[drop] = ""
			} else {
				n[drop], _, _ = strings.Cut(n[drop], " (")
			}
		}
		lines = columns(filled(notes), "")
	}
	return lines
}

// filled leaves out the columns that have nothing in any row.
func filled(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for c := range rows[0] {
		if !slices.ContainsFunc(rows, func(r []string) bool { return r[c] != "" }) {
			continue
		}
		for i, r := range rows {
			out[i] = append(out[i], r[c])
		}
	}
	return out
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
	answered := count(f.Rows, "row")
	if f.piece {
		answered = "one piece"
	}
	lines := []string{
		fmt.Sprintf("%s in %s by %s (mode %s); the whole command took %s%s",
			answered, seconds(f.ServeSeconds), count(int64(f.Processes), "process"), f.Mode, seconds(f.Seconds), split),
		fmt.Sprintf("%s to the coordinator, %s of shards: %s, %s", count(int64(f.Requests), "request"),
			count(int64(f.Calls), "call"), count(int64(f.ColdStarts), "cold start"), retries(f.Retries)),
		fmt.Sprintf("%s to the coordinator and %s back; %s to the shards and %s back",
			size(f.Bytes.CoordinatorRequests), size(f.Bytes.CoordinatorReplies), size(f.Bytes.ShardRequests), size(f.Bytes.ShardReplies)),
	}
	if f.Spared > 0 {
		lines = append(lines, fmt.Sprintf("%s of shards spared: no row was routed to them", count(int64(f.Spared), "call")))
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
