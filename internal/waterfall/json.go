package waterfall

import (
	"encoding/json"
	"time"
)

// The JSON form of a chart, times in microseconds.
type (
	chartForm struct {
		Title   string     `json:"title"`
		Facts   []Fact     `json:"facts,omitempty"`
		Start   time.Time  `json:"start"`
		Total   int64      `json:"total_us"`
		Lanes   []laneForm `json:"lanes"`
		Omitted int        `json:"omitted,omitempty"`
	}
	laneForm struct {
		Group string     `json:"group,omitempty"`
		Label string     `json:"label"`
		Note  string     `json:"note,omitempty"`
		Spans []spanForm `json:"spans"`
	}
	spanForm struct {
		Name    string     `json:"name"`
		Start   int64      `json:"start_us"`
		End     int64      `json:"end_us"`
		Parts   []partForm `json:"parts,omitempty"`
		Cold    bool       `json:"cold,omitempty"`
		Failed  bool       `json:"failed,omitempty"`
		Running bool       `json:"running,omitempty"`
		Details []Fact     `json:"details,omitempty"`
	}
	partForm struct {
		Kind  Kind   `json:"kind"`
		Name  string `json:"name"`
		Start int64  `json:"start_us"`
		End   int64  `json:"end_us"`
	}
)

// MarshalJSON writes the chart for programs and for the script that draws it.
func (c Chart) MarshalJSON() ([]byte, error) {
	f := chartForm{c.Title, c.Facts, c.Start, c.Total.Microseconds(), make([]laneForm, len(c.Lanes)), c.Omitted}
	for i, l := range c.Lanes {
		f.Lanes[i] = laneForm{l.Group, l.Label, l.Note, make([]spanForm, len(l.Spans))}
		for k, s := range l.Spans {
			f.Lanes[i].Spans[k] = s.form()
		}
	}
	return json.Marshal(f)
}

func (s Span) form() spanForm {
	f := spanForm{s.Name, s.Start.Microseconds(), s.End.Microseconds(), make([]partForm, len(s.Parts)), s.Cold, s.Failed, s.Running, s.Details}
	for i, p := range s.Parts {
		f.Parts[i] = partForm{p.Kind, p.Label(), p.Start.Microseconds(), p.End.Microseconds()}
	}
	return f
}
