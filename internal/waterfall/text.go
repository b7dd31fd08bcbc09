package waterfall

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The marks of a bar.
const (
	markTravel = '░'
	markWork   = '█'
	markFailed = '×'
)

// Legend explains the marks, in lines of at most width columns where that goes.
func Legend(width int) []string {
	lines := []string{" "}
	for _, item := range []string{"█ inside the function", "░ on the way, or starting its process", "× failed attempt"} {
		last := &lines[len(lines)-1]
		switch {
		case *last == " ":
			*last += " " + item
		case utf8.RuneCountInString(*last)+3+utf8.RuneCountInString(item) > width:
			lines = append(lines, "  "+item)
		default:
			*last += "   " + item
		}
	}
	return lines
}

// labelRoom is how many columns labels may take: longer ones are cut.
func labelRoom(longest, width int) int { return min(longest, max(width/3, 8)) }

// Room is how many columns the notes of the lanes may take: a bar of less than a quarter of the width tells nothing. Longer
// notes are cut.
func Room(lanes []Lane, width int) int {
	name, _ := longest(lanes)
	return max(width-labelRoom(name, width)-width/4-6, 0)
}

// Lines draws the lanes over the time from 0 to total in width columns. Labels longer than a third of the width are cut, and
// notes that leave the bars less than a quarter.
// The first line is the axis.
func Lines(lanes []Lane, total time.Duration, width int) []string {
	label, group := longest(lanes)
	note := 0
	for _, l := range lanes {
		note = max(note, utf8.RuneCountInString(l.Note))
	}
	note = min(note, Room(lanes, width))
	label = labelRoom(label, width)
	bar := max(width-label-note-6, width/4)
	lines := make([]string, 0, len(lanes)+1)
	lines = append(lines, axis(label, bar, total))
	for _, l := range lanes {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("  %s %s %s", pad(l.name(group), label), l.bar(total, bar), pad(l.Note, note)), " "))
	}
	return lines
}

// axis is the line above the bars: zero at the left end, the total at the right.
func axis(label, bar int, total time.Duration) string {
	end := Duration(total)
	dashes := max(bar-1-utf8.RuneCountInString(end)-2, 0)
	return fmt.Sprintf("  %s 0 %s %s", pad("", label), strings.Repeat("─", dashes), end)
}

// name is what a line calls the lane, groups in a column of that width.
func (l Lane) name(groups int) string {
	if l.Group == "" {
		return l.Label
	}
	return pad(l.Group, groups) + " " + l.Label
}

// longest is the length of the longest name of the lanes, and of the longest group in it.
func longest(lanes []Lane) (name, group int) {
	for _, l := range lanes {
		group = max(group, utf8.RuneCountInString(l.Group))
	}
	for _, l := range lanes {
		name = max(name, utf8.RuneCountInString(l.name(group)))
	}
	return name, group
}

// bar draws the spans of a lane; where they overlap, the more telling mark stays: failed over work over travel.
func (l Lane) bar(total time.Duration, width int) string {
	cells := []rune(strings.Repeat(" ", width))
	for _, s := range l.Spans {
		mark(cells, s.Start, s.End, total, markTravel)
	}
	for _, s := range l.Spans {
		for _, p := range s.Parts {
			if !s.Failed && p.Kind != Starting && p.Kind != Loading && p.End > p.Start {
				mark(cells, max(p.Start, s.Start), min(p.End, s.End), total, markWork)
			}
		}
	}
	for _, s := range l.Spans {
		if s.Failed {
			mark(cells, s.Start, s.End, total, markFailed)
		}
	}
	return string(cells)
}

// mark fills the cells that the time from start to end touches, at least one.
func mark(cells []rune, start, end, total time.Duration, m rune) {
	n := len(cells)
	if n == 0 || total <= 0 {
		return
	}
	at := func(d time.Duration) float64 { return float64(d) / float64(total) * float64(n) }
	lo := min(max(int(at(start)), 0), n-1)
	hi := min(max(int(at(end)+0.999), lo+1), n)
	for i := lo; i < hi; i++ {
		cells[i] = m
	}
}

// pad cuts or fills the text to n columns.
func pad(s string, n int) string {
	r := []rune(s)
	if len(r) > n {
		return string(r[:max(n-1, 0)]) + "…"
	}
	return s + strings.Repeat(" ", n-len(r))
}

// Duration writes a time with three digits or so, in the unit that people use for it.
func Duration(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
