package cli

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far a long piece of work is: a bar on a terminal, otherwise one line when it begins.
type progress struct{ bar *progressbar.ProgressBar }

// progressDelay keeps short work from flashing a bar.
const progressDelay = 300 * time.Millisecond

// begin starts a bar of that many units (bytes when inBytes), -1 when the total is not known.
func (a *App) begin(what string, total int64, inBytes bool) *progress {
	if !a.StderrTerminal {
		a.say("%s ...", what)
		return &progress{}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(&delayed{a: a, until: time.Now().Add(progressDelay)}),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionUseANSICodes(a.Colour),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionFullWidth(),
	}
	if inBytes {
		options = append(options, progressbar.OptionShowBytes(true))
	} else {
		options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"))
	}
	return &progress{bar: progressbar.NewOptions64(total, options...)}
}

// set moves the bar to done of total units. Drawing errors are the terminal's and end nothing.
func (p *progress) set(done, total int64) {
	if p.bar == nil {
		return
	}
	if total >= 0 && p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	_ = p.bar.Set64(done)
}

// describe changes what stands before the bar.
func (p *progress) describe(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// delayed swallows what is drawn before a time has come.
type delayed struct {
	a     *App
	until time.Time
	drawn bool
}

func (d *delayed) Write(b []byte) (int, error) {
	if !d.drawn && time.Now().Before(d.until) {
		return len(b), nil
	}
	d.drawn = true
	return d.a.Stderr.Write(b)
}
