package livepage

import (
	"bytes"
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/shardwise/shardwise/internal/waterfall"
	"github.com/shardwise/shardwise/simulator"
)

//go:embed assets
var assets embed.FS

const (
	pause     = 200 * time.Millisecond // between two updates of one reader
	refresh   = time.Second            // between updates while a request is under way
	heartbeat = 15 * time.Second       // between signs of life when nothing happens
	patience  = 10 * time.Second       // for a reader to take an update
	costShare = 4                      // times what an update cost to make pass before the next
)

// policy lets the page run its own script and style and talk to its own origin, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP answers requests below simulator.PagePath.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	p.mux.ServeHTTP(w, r)
}

func (p *Page) routes() *http.ServeMux {
	mux := http.NewServeMux()
	at := func(name string) string { return "GET " + simulator.PagePath + name }
	mux.Handle(at("{$}"), asset("text/html", file("index.html")))
	mux.Handle(at("page.js"), asset("text/javascript", file("page.js")))
	mux.Handle(at("page.css"), asset("text/css", file("page.css")))
	mux.Handle(at("waterfall.js"), asset("text/javascript", []byte(waterfall.Script())))
	mux.Handle(at("waterfall.css"), asset("text/css", []byte(waterfall.Style())))
	mux.HandleFunc(at("state.json"), p.state)
	mux.HandleFunc(at("events"), p.events)
	mux.Handle("GET "+strings.TrimSuffix(simulator.PagePath, "/"), http.RedirectHandler(simulator.PagePath, http.StatusMovedPermanently))
	return mux
}

// file reads an embedded file, which is there as surely as this program.
func file(name string) []byte {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic("livepage: " + err.Error())
	}
	return text
}

func asset(contentType string, text []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType+"; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
}

// state answers with everything at once.
func (p *Page) state(w http.ResponseWriter, _ *http.Request) {
	u, err := p.update(0, 0)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, "%s\n", u.text) // a reader that has hung up is not told
}

// events sends what has changed, until the reader hangs up or does not take it. Nothing waits in a queue: each update is made
// when the reader is ready for it, of all that has changed since the last.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	select {
	case p.readers <- struct{}{}:
		defer func() { <-p.readers }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("%d readers follow the page already; close one, or read state.json", maxReaders), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	since := p.resume(r.Header.Get("Last-Event-Id"))
	for age := time.Duration(0); ; age = pause { // a new reader gets the present
		u, err := p.update(since, age)
		if err != nil || p.send(w, control, &u) != nil {
			return
		}
		since = u.seq
		if !await(r, time.After(max(pause, costShare*u.cost)), nil) {
			return
		}
		timeout := heartbeat
		if u.running {
			timeout = refresh
		}
		if !await(r, time.After(timeout), u.changed) {
			return
		}
	}
}

// resume is where a reader that comes back goes on: after the event with that id, if it was one of this page's.
func (p *Page) resume(id string) uint64 {
	instance, seq, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(seq, 10, 64)
	if instance != p.instance || err != nil {
		return 0
	}
	return n
}

func (p *Page) send(w http.ResponseWriter, control *http.ResponseController, u *update) error {
	if err := control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "id: %s-%d\ndata: %s\n\n", p.instance, u.seq, u.text); err != nil {
		return err
	}
	return control.Flush()
}

// await waits for the timer or the change; false when the reader has gone.
func await(r *http.Request, timer <-chan time.Time, changed <-chan struct{}) bool {
	select {
	case <-timer:
	case <-changed:
	case <-r.Context().Done():
		return false
	}
	return true
}
