package planview

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/shardwise/shardwise/splitter/plan"
)

// Plottable reports whether Plot can write a file of that name: .svg or .png.
func Plottable(name string) bool {
	return slices.Contains([]string{".svg", ".png"}, strings.ToLower(filepath.Ext(name)))
}

const (
	plotWidth, plotHeight = 9 * vg.Inch, 5.5 * vg.Inch
	maxLabels             = 9 // of the frontier's points
)

// Plot draws the cost of a survey's plans against their latency to w, in the format that the name ends with: those of the frontier joined and
// labelled, the others pale, the chosen one marked. Both axes are logarithmic.
func Plot(w io.Writer, name string, s *plan.Survey) error {
	p := plot.New()
	p.Title.Text = "Cost against latency"
	p.Title.Padding = vg.Points(8)
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		f.Variant = "Sans"
	}
	p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size, p.Legend.TextStyle.Font.Size = vg.Points(11), vg.Points(11), vg.Points(10)
	p.Legend.Padding = vg.Points(4)
	p.X.Label.Text, p.Y.Label.Text = "estimated warm latency, ms", "US dollars per million requests"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{}, ticks{}
	p.Add(plotter.NewGrid())
	fast, cheap := point(s.Frontier[0]), point(s.Frontier[len(s.Frontier)-1])
	right, top := max(1.6*fast.X, 1.3*cheap.X), max(2.5*cheap.Y, 1.5*fast.Y) // beyond, plans would only make the frontier small
	var pale plotter.XYs
	for _, c := range s.All {
		if x := point(c); !slices.Contains(s.Frontier, c) && x.X <= right && x.Y <= top {
			pale = append(pale, x)
		}
	}
	var best plotter.XYs
	for _, c := range s.Frontier {
		best = append(best, point(c))
	}
	if err := add(p, pale, best, plotter.XYs{point(s.Chosen)}); err != nil {
		return err
	}
	widen(p)
	if err := label(p, s); err != nil {
		return err
	}
	out, err := p.WriterTo(plotWidth, plotHeight, strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), "."))
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

func point(c *plan.Candidate) plotter.XY {
	return plotter.XY{X: c.Estimate.WarmMS, Y: c.Estimate.CostPerMillion}
}

// add draws the three kinds of points.
func add(p *plot.Plot, pale, best, chosen plotter.XYs) error {
	if len(pale) > 0 {
		dots, err := plotter.NewScatter(pale)
		if err != nil {
			return err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: color.RGBA{R: 203, G: 210, B: 219, A: 255}, Radius: vg.Points(1.3), Shape: draw.CircleGlyph{}}
		p.Add(dots)
		p.Legend.Add("another plan is faster and cheaper", dots)
	}
	line, dots, err := plotter.NewLinePoints(best)
	if err != nil {
		return err
	}
	blue := color.RGBA{R: 38, G: 92, B: 168, A: 255}
	line.Color, line.Width, line.StepStyle = blue, vg.Points(1.2), plotter.PreStep
	dots.GlyphStyle = draw.GlyphStyle{Color: blue, Radius: vg.Points(3.2), Shape: draw.CircleGlyph{}}
	mark, err := plotter.NewScatter(chosen)
	if err != nil {
		return err
	}
	mark.GlyphStyle = draw.GlyphStyle{Color: color.RGBA{R: 208, G: 72, B: 24, A: 255}, Radius: vg.Points(7), Shape: draw.RingGlyph{}}
	p.Add(line, dots, mark)
	p.Legend.Add("the frontier", line, dots)
	p.Legend.Add("chosen", mark)
	p.Legend.Top, p.Legend.YOffs, p.Legend.XOffs = true, -vg.Points(6), -vg.Points(6)
	return nil
}

// label names points of the frontier: the chosen one, the ends, and others that are far enough from those.
func label(p *plot.Plot, s *plan.Survey) error {
	first, last := s.Frontier[0], s.Frontier[len(s.Frontier)-1]
	order := append([]*plan.Candidate{s.Chosen, first, last}, s.Frontier...)
	spanX, spanY := math.Log(p.X.Max/p.X.Min), math.Log(p.Y.Max/p.Y.Min)
	var named []*plan.Candidate
	for _, c := range order {
		near := func(o *plan.Candidate) bool {
			dx, dy := math.Log(c.Estimate.WarmMS/o.Estimate.WarmMS)/spanX, math.Log(c.Estimate.CostPerMillion/o.Estimate.CostPerMillion)/spanY
			return math.Abs(dx) < 0.32 && math.Abs(dy) < 0.045
		}
		if len(named) < maxLabels && !slices.ContainsFunc(named, near) {
			named = append(named, c)
		}
	}
	var l plotter.XYLabels
	for _, c := range named {
		l.XYs = append(l.XYs, point(c))
		l.Labels = append(l.Labels, fmt.Sprintf("%d × %d + %d MB, %s", c.Plan.Shards, c.Size.ShardMB, c.Size.CoordinatorMB, c.Kind))
	}
	labels, err := plotter.NewLabels(l)
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].Font.Size, labels.TextStyle[i].Font.Variant = vg.Points(9), "Sans"
		labels.TextStyle[i].YAlign = text.YBottom
	}
	labels.Offset = vg.Point{X: vg.Points(7), Y: vg.Points(4)}
	p.Add(labels)
	return nil
}

// widen leaves room for labels at the right and for the legend above.
func widen(p *plot.Plot) {
	x := p.X.Max / p.X.Min
	p.X.Min, p.X.Max = p.X.Min/math.Pow(x, 0.04)/1.02, p.X.Max*math.Pow(x, 0.35)*1.1
	y := p.Y.Max / p.Y.Min
	p.Y.Min, p.Y.Max = p.Y.Min/math.Pow(y, 0.06)/1.05, p.Y.Max*math.Pow(y, 0.2)*1.3
}

// ticks are at 1, 2 and 5 times powers of ten.
type ticks struct{}

// Ticks returns the marks of an axis between two positive values, all labelled.
func (ticks) Ticks(least, most float64) []plot.Tick {
	var out []plot.Tick
	steps := []float64{1, 2, 5}
	if most/least < 6 {
		steps = []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9}
	}
	for e := math.Floor(math.Log10(least)); e <= math.Ceil(math.Log10(most)); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= least && v <= most {
				out = append(out, plot.Tick{Value: v, Label: fmt.Sprintf("%.6g", v)})
			}
		}
	}
	return out
}
