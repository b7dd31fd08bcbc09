package waterfall_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shardwise/shardwise/internal/waterfall"
)

const ms = time.Millisecond

// span is a call that ends with work of that length.
func span(start, end, work time.Duration) waterfall.Span {
	return waterfall.Span{Start: start, End: end, Parts: []waterfall.Part{{Kind: waterfall.Working, Start: end - work, End: end}}}
}

func TestBarsShowWhenAndHowLong(t *testing.T) {
	lines := waterfall.Lines([]waterfall.Lane{
		{Label: "a", Spans: []waterfall.Span{span(0, 5*ms, 5*ms)}},
		{Label: "b", Spans: []waterfall.Span{span(5*ms, 10*ms, 2*ms)}},
		{Label: "c", Spans: []waterfall.Span{{Start: 0, End: 3 * ms, Failed: true}, span(4*ms, 10*ms, ms)}},
	}, 10*ms, 17)
	want := []string{
		"  a █████",
		"  b      ░░░██",
		"  c ××× ░░░░░█",
	}
	if len(lines) != 4 {
		t.Fatalf("got %d lines, wanted an axis and 3 lanes", len(lines))
	}
	for i, w := range want {
		if lines[i+1] != w {
			t.Errorf("lane %d:\n got %q\nwant %q", i, lines[i+1], w)
		}
	}
	if !strings.HasSuffix(lines[0], waterfall.Duration(10*ms)) || !strings.Contains(lines[0], " 0 ") {
		t.Errorf("axis %q does not run from 0 to the total", lines[0])
	}
}

func TestTheShortestCallIsVisible(t *testing.T) {
	lines := waterfall.Lines([]waterfall.Lane{{Label: "x", Spans: []waterfall.Span{{Start: time.Second, End: time.Second, Parts: []waterfall.Part{{Start: time.Second - 1, End: time.Second}}}}}}, time.Second, 40)
	if !strings.ContainsRune(lines[1], '█') {
		t.Errorf("a call without length at the very end left no mark: %q", lines[1])
	}
}

func TestLinesKeepToTheWidth(t *testing.T) {
	lane := waterfall.Lane{Label: strings.Repeat("long", 20), Note: "12.3 ms", Spans: []waterfall.Span{{End: ms}}}
	for _, width := range []int{40, 80, 100, 120} {
		lane.Note = strings.Repeat("12.3 ms ", width/10)
		for _, l := range waterfall.Legend(width) {
			if n := utf8.RuneCountInString(l); n > width {
				t.Errorf("width %d: legend of %d columns: %q", width, n, l)
			}
		}
		for _, l := range waterfall.Lines([]waterfall.Lane{lane}, ms, width) {
			if n := utf8.RuneCountInString(l); n > width {
				t.Errorf("width %d: line of %d columns: %q", width, n, l)
			}
		}
	}
}

func TestDurationsReadWell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 µs", 1500: "1.5 µs", 250 * time.Microsecond: "250 µs", 1234 * time.Microsecond: "1.23 ms",
		45678 * time.Microsecond: "45.7 ms", 456 * ms: "456 ms", 1500 * ms: "1.50 s", 125 * time.Second: "2m5s",
		-2 * ms: "-2.00 ms",
	} {
		if got := waterfall.Duration(d); got != want {
			t.Errorf("%d ns: got %q, wanted %q", d, got, want)
		}
	}
}
