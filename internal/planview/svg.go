package planview

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/shardwise/shardwise/splitter/plan"
)

// Measures of the picture in pixels.
const (
	gutter   = 92 // for the rounds' names and times
	boxWidth = 176
	gap      = 14
	margin   = 16
	header   = 92
	lane     = 46
	arrow    = 44
	line     = 15
	maxHolds = 5
)

// style has the colours of both themes. Fonts are the reader's own.
const style = `
  .bg{fill:#ffffff} .t{fill:#1f2933;font:12px system-ui,-apple-system,"Segoe UI",sans-serif} .s{font-size:11px} .m{fill:#5f6b7a}
  .h{font-size:17px;font-weight:600} .b{font-weight:600} .e{text-anchor:end} .c{text-anchor:middle}
  .lane{fill:#e8eef7;stroke:#8aa4c8} .box{fill:#f3f7f2;stroke:#7fa37a} .none{fill:none;stroke:#c5cdd6;stroke-dasharray:3 4} .stack{fill:#e3ecdf;stroke:#7fa37a}
  .a{stroke:#5f6b7a;stroke-width:1.3;fill:none} .p{fill:#5f6b7a}
  @media (prefers-color-scheme: dark){
    .bg{fill:#15191f} .t{fill:#e6eaf0} .m{fill:#9aa7b6} .lane{fill:#1e2a3d;stroke:#5878a8} .box{fill:#1d2a1f;stroke:#5f8a5a} .none{stroke:#3a444f}
    .stack{fill:#2a3a2b;stroke:#5f8a5a} .a{stroke:#9aa7b6} .p{fill:#9aa7b6}
  }
`

// drawing is an SVG in the making.
type drawing struct {
	bytes.Buffer
	c       *plan.Candidate
	stages  []Stage
	columns []column
	width   int
}

// printf adds formatted text. Writing to a buffer does not fail.
func (d *drawing) printf(format string, args ...any) { d.WriteString(fmt.Sprintf(format, args...)) }

// SVG draws the plan to w.
func SVG(w io.Writer, c *plan.Candidate) error {
	d := &drawing{c: c, stages: Describe(c)}
	d.columns = columnsOf(c, d.stages)
	d.width = max(margin+gutter+len(d.columns)*(boxWidth+gap)-gap+margin, 640)
	y := header
	for k := range d.stages {
		d.lane(y, k)
		y = d.round(y+lane, k)
	}
	d.lane(y, len(d.stages))
	body := d.String()
	d.Reset()
	height := y + lane + margin
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`, d.width, height, d.width, height, html.EscapeString(d.title()))
	d.printf("\n<style>%s</style>\n<defs><marker id=\"p\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"p\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n", style)
	d.printf("<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", d.width, height)
	d.heading()
	d.WriteString(body)
	d.WriteString("</svg>\n")
	_, err := w.Write(d.Bytes())
	return err
}

func (d *drawing) title() string {
	return fmt.Sprintf("%s: %s of %d MB, %s", d.c.Kind, count(d.c.Plan.Shards, "shard"), d.c.Size.ShardMB, count(len(d.stages), "round"))
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (d *drawing) text(x, y int, class, s string) {
	d.printf("<text x=\"%d\" y=\"%d\" class=\"t %s\">%s</text>\n", x, y, class, html.EscapeString(s))
}

func (d *drawing) heading() {
	e := d.c.Estimate
	d.text(margin, 28, "h", d.title())
	d.text(margin, 48, "m", fmt.Sprintf("estimated: warm %.1f ms, cold %.1f s, $%.2f per million requests; a shard holds at most %s", e.WarmMS, e.ColdMS/1e3, e.CostPerMillion, Size(slices.Max(e.ShardWeights))))
	for i, c := range d.columns {
		x := d.x(i) + boxWidth/2
		d.text(x, header-16, "b c", c.title())
		if note := c.note(); note != "" {
			d.text(x, header-3, "s m c", note)
		}
	}
}

func (d *drawing) x(column int) int { return margin + gutter + column*(boxWidth+gap) }

// lane draws the coordinator before round k, or at the end.
func (d *drawing) lane(y, k int) {
	d.printf("<rect class=\"lane\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>\n", margin, y+6, d.width-2*margin, lane-12)
	what := "coordinator"
	switch {
	case k == 0:
		what = "coordinator: the request arrives"
	case k == len(d.stages):
		what = "coordinator: merges and answers"
	default:
		what = "coordinator: merges, scatters again"
	}
	d.text(margin+10, y+lane/2+4, "b", what)
	if k == len(d.stages) {
		e := d.c.Estimate
		d.text(d.width-margin-10, y+lane/2+4, "s m e", fmt.Sprintf("computes %.1f ms itself in all, holds %s, %d MB", e.LocalMS, Size(e.LocalWeights), d.c.Size.CoordinatorMB))
	}
}

// round draws the boxes of a round with their arrows, and returns where it ends.
func (d *drawing) round(y, k int) int {
	st, r := &d.stages[k], &d.c.Estimate.Rounds[k]
	lines := 1
	for _, c := range d.columns {
		if at := slices.Index(st.Shards, c.shards[0]); at >= 0 {
			lines = max(lines, 2*min(len(st.Boxes[at].Holds), maxHolds)+min(len(st.Boxes[at].Holds)/(maxHolds+1), 1))
		}
	}
	height := (lines+1)*line + 14
	top := y + arrow
	d.text(margin, top+line, "b", fmt.Sprintf("round %d", k))
	d.text(margin, top+2*line, "", fmt.Sprintf("%.1f ms", r.MS))
	d.text(margin, top+3*line, "s m", fmt.Sprintf("compute %.1f", r.ComputeMS))
	for i, c := range d.columns {
		d.box(d.x(i), top, height, k, c)
	}
	return top + height + arrow
}

// box draws what a column's first shard holds for a round, and the bytes to and from it.
func (d *drawing) box(x, y, height, k int, c column) {
	st, r := &d.stages[k], &d.c.Estimate.Rounds[k]
	at := slices.Index(st.Shards, c.shards[0])
	if at < 0 {
		d.printf("<rect class=\"none\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>\n", x, y, boxWidth, height)
		d.text(x+boxWidth/2, y+height/2+4, "s m c", "idle")
		return
	}
	if len(c.shards) > 1 {
		d.printf("<rect class=\"stack\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>\n", x+5, y+5, boxWidth, height)
	}
	d.printf("<rect class=\"box\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>\n", x, y, boxWidth, height)
	middle := x + boxWidth/2
	d.printf("<path class=\"a\" marker-end=\"url(#p)\" d=\"M%d %dV%d\"/>\n<path class=\"a\" marker-end=\"url(#p)\" d=\"M%d %dV%d\"/>\n", middle, y-arrow-6, y-2, middle, y+height+2, y+height+arrow+4)
	d.text(middle+8, y-arrow/2+2, "s", Size(r.Requests[at]))
	d.text(middle+8, y+height+arrow/2+4, "s", Size(r.Replies[at]))
	ty := y + line + 2
	b := &st.Boxes[at]
	d.text(x+10, ty, "b", Size(b.Bytes))
	if len(c.shards) > 1 {
		d.text(x+boxWidth-10, ty, "s m e", "each")
	}
	for i, h := range b.Holds {
		if i == maxHolds {
			d.text(x+10, ty+line, "s m", fmt.Sprintf("and %d more", len(b.Holds)-maxHolds))
			break
		}
		d.text(x+10, ty+line, "s", short(h.Label, 26))
		share := h.Share
		if share == "" {
			share = "whole"
		}
		d.text(x+10, ty+2*line, "s m", short(fmt.Sprintf("%s, %s", share, Size(h.Bytes)), 29))
		ty += 2 * line
	}
}

// short cuts the middle out of a text that is too long for its box.
func short(s string, most int) string {
	r := []rune(strings.TrimPrefix(s, "/"))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most/2]) + "…" + string(r[len(r)-(most-most/2-1):])
}
