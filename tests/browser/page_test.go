package browser_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/cli"
	"github.com/shardwise/shardwise/internal/livepage"
	"github.com/shardwise/shardwise/simulator"
)

// simulation is the simulate command at work, with the page that it prints.
func simulation(t *testing.T, dir string) (endpoint, page string) {
	t.Helper()
	var mu sync.Mutex
	var out strings.Builder
	ctx, interrupt := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	a := app(t, writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.Write(p)
	}))
	go func() { ended <- a.Run(ctx, []string{"simulate", dir, "--json", "--quiet"}) }()
	t.Cleanup(func() {
		interrupt()
		if status := <-ended; status != cli.StatusOK {
			t.Errorf("simulate ended with status %d", status)
		}
	})
	var facts struct{ Endpoint, Page string }
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		err := json.Unmarshal([]byte(out.String()), &facts)
		mu.Unlock()
		if err == nil {
			return facts.Endpoint, facts.Page
		}
		if time.Now().After(deadline) {
			t.Fatal("simulate printed no document")
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// question is an infer request of the digits example with so many rows.
func question(t *testing.T, rows int) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/digits-xgboost/input.csv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	data := make([]json.RawMessage, rows)
	for i := range data {
		data[i] = json.RawMessage("[" + lines[i%len(lines)] + "]")
	}
	q, err := json.Marshal(map[string]any{"inputs": []any{map[string]any{"name": "features", "datatype": "FP32", "shape": []int{rows, 64}, "data": data}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(q)
}

func TestTheLivePageShowsShardsAndEachRequest(t *testing.T) {
	b := open(t, 1280, 900)
	endpoint, page := simulation(t, split(t, "digits-xgboost/model.json", "digits", 8))
	b.visit(page)
	b.until("document.getElementById('link').dataset.state === 'live' && document.querySelectorAll('#rows tr').length === 10")
	if text := b.text("#functions"); !strings.Contains(text, "shard 7/8") || !strings.Contains(text, "digits-shard-007") || !strings.Contains(text, "digits-batch") || !strings.Contains(text, "none") {
		t.Errorf("the idle page shows\n%s", text)
	}
	if !strings.Contains(b.text("#requests"), "No request yet") || !strings.Contains(b.text("h1"), "digits") {
		t.Error("the idle page does not say that there was no request")
	}
	b.picture("idle-light")
	if status := post(t, endpoint+"/v2/models/digits/infer", question(t, 100)); status != 200 {
		t.Fatalf("the model answers with status %d", status)
	}
	b.until("document.querySelectorAll('#list li').length === 1 && document.querySelector('#list').innerText.includes('8 calls, 9 cold starts')")
	b.until("document.querySelectorAll('.env-frozen').length >= 9 + 1") // one stands in the legend
	if n := strings.Count(b.text("#chart .wf-label"), "shard "); n != 8 {
		t.Errorf("the picture has %d lanes of shards, wanted 8:\n%s", n, b.text("#chart"))
	}
	var cold int
	b.value("document.querySelectorAll('#chart .wf-start').length", &cold)
	if legend := b.text("#chart .wf-legend"); cold < 9 || !strings.Contains(legend, "starting its process") || !strings.Contains(legend, "waiting for shards") {
		t.Errorf("%d processes start in the picture, legend %q", cold, legend)
	}
	if cost := b.text("#totals"); !strings.Contains(cost, "GB-s, 9 requests") {
		t.Errorf("the totals are\n%s", cost)
	}
	for range 6 {
		post(t, endpoint+"/v2/models/digits/infer", question(t, 100))
	}
	post(t, endpoint+"/v2/models/digits/infer", `{"inputs": []}`)
	post(t, endpoint+"/v2/models/digits/infer", question(t, 100))
	b.until("document.querySelectorAll('#list li').length === 9 && !document.querySelector('#list .running')")
	b.chooses()
	b.looks("loaded")
	b.clean()
}

// chooses holds that a request and a bar can be chosen by keyboard.
func (b *browser) chooses() {
	b.t.Helper()
	var focused string
	b.value(`(() => { const all = document.querySelectorAll('#list button'); all[all.length - 1].focus(); all[all.length - 1].click(); return document.activeElement.dataset.number; })()`, &focused)
	b.until(`document.querySelector('#list [aria-current]') && document.querySelector('#list [aria-current]').dataset.number === '` + focused + `'`)
	var follow bool
	if b.value("document.getElementById('follow').checked", &follow); follow {
		b.t.Error("the page goes on showing the latest request after another was chosen")
	}
	b.value(`document.querySelector('#chart .wf-span').focus(), ''`, &focused)
	for _, event := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": event, "key": "ArrowDown", "code": "ArrowDown", "windowsVirtualKeyCode": 40}, nil)
	}
	b.until("document.querySelector('.wf-detail').innerText.includes('shard 0/8')")
	if text := b.text(".wf-detail"); !strings.Contains(text, "starting its process") || !strings.Contains(text, "billed") {
		b.t.Errorf("the bar of shard 0 tells\n%s", text)
	}
}

// looks goes through sizes and schemes.
func (b *browser) looks(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, size := range []struct {
			name          string
			width, height int
		}{{"large", 1600, 1000}, {"wide", 1280, 900}, {"laptop", 1200, 900}, {"tablet", 1000, 1100}, {"middle", 820, 1100}, {"small", 800, 1100}, {"narrow", 390, 844}} {
			b.size(size.width, size.height)
			time.Sleep(200 * time.Millisecond) // the pages draw anew a moment after a change of size
			b.fits()
			b.picture(name + "-" + scheme + "-" + size.name)
		}
	}
	b.scheme("light")
	b.size(1280, 900)
}

func TestACrashAndItsRetryShowInTheRequest(t *testing.T) {
	b := open(t, 1280, 900)
	endpoint, page := simulation(t, split(t, "digits-xgboost/model.json", "crashing", 4))
	b.visit(page)
	for range 2 {
		if status := post(t, endpoint+"/v2/models/crashing/infer", question(t, 200)); status != 200 {
			t.Fatalf("the model answers with status %d, wanted an answer after a retry", status)
		}
	}
	b.until("document.querySelectorAll('#list li').length === 2 && !document.querySelector('#list .running')")
	var text string
	b.value("[...document.querySelectorAll('#problems .plain')].pop().click(), document.querySelector('#list [aria-current]').innerText", &text)
	if !strings.Contains(text, "5 calls") || !strings.Contains(text, "1 error") || strings.Contains(text, "failed") {
		t.Errorf("the request with a retry is listed as %q", text)
	}
	var failed int
	b.value("document.querySelectorAll('#chart .wf-span.wf-failed').length", &failed)
	if note := b.text("#chart .wf-note"); failed != 1 || !strings.Contains(note, "2 calls") || !strings.Contains(note, "1 failed") {
		t.Errorf("%d failed calls in the picture, notes %q", failed, note)
	}
	if problems := b.text("#problems"); !strings.Contains(problems, "shard 2/4") || !strings.Contains(problems, "Runtime.ExitError") {
		t.Errorf("the list of errors shows\n%s", problems)
	}
	b.value("document.querySelector('#chart .wf-failed').click(), window.scrollTo(0, 0), ''", &text)
	if detail := b.text(".wf-detail"); !strings.Contains(detail, "exit status 7") {
		t.Errorf("the failed call tells\n%s", detail)
	}
	b.looks("crash")
	b.clean()
}

func TestErrorsThrottlesAndBusyEnvironmentsShow(t *testing.T) {
	sim := misbehaving(t)
	b := open(t, 1280, 900)
	b.visit(sim.Endpoint() + simulator.PagePath)
	b.until("document.getElementById('link').dataset.state === 'live'")
	post(t, invocations(sim, "worker"), `{"do": "fail"}`)
	post(t, invocations(sim, "worker"), `{"do": "exit"}`)
	if status := post(t, invocations(sim, "reserved"), `{}`); status != 429 {
		t.Fatalf("a function with nothing reserved answers with status %d", status)
	}
	b.until("document.querySelectorAll('#problems li').length === 3")
	if text := b.text("#problems"); !strings.Contains(text, "errorString "+markup) || !strings.Contains(text, "Runtime.ExitError") ||
		!strings.Contains(text, "ReservedFunctionConcurrentInvocationLimitExceeded") {
		t.Errorf("the list of errors shows\n%s", text)
	}
	if list := b.text("#list"); !strings.Contains(list, "failed") || !strings.Contains(list, "throttled") {
		t.Errorf("the list of requests shows\n%s", list)
	}
	b.until("document.querySelectorAll('#rows .env-reset').length === 1")
	done := make(chan int, 1)
	go func() { done <- post(t, invocations(sim, "worker"), `{"do": "sleep"}`) }()
	b.until("document.querySelectorAll('#rows .env-busy').length === 1 && document.querySelector('#list .running')")
	b.picture("errors-running")
	if status := <-done; status != 200 {
		t.Errorf("the long invocation answers with status %d", status)
	}
	b.until("document.querySelectorAll('#rows .env-frozen').length === 1 && !document.querySelector('#list .running')")
	b.looks("errors")
	var title string
	if b.value("document.title", &title); strings.HasPrefix(title, "taken over") || !strings.HasPrefix(title, "misbehaving") {
		t.Errorf("the title is %q: a text became markup", title)
	}
	var images int
	if b.value("document.querySelectorAll('img, main script, header script').length", &images); images != 0 {
		t.Errorf("%d elements came out of texts", images)
	}
	b.clean()
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	b.until("document.getElementById('link').dataset.state === 'lost'")
}

// TestWhatIsLongFitsEveryWidth shows names and numbers as long as they get.
func TestWhatIsLongFitsEveryWidth(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	long := strings.Repeat("a-long-name-", 6)[:64]
	var functions []livepage.Function
	for _, role := range []string{"coordinator", "shard 1023/1024", ""} {
		functions = append(functions, livepage.Function{Name: long[:63] + strconv.Itoa(len(functions)), Role: role, MemoryMB: 10240, EphemeralMB: 10240})
	}
	page := livepage.New(livepage.Config{Title: long, Functions: functions, Now: func() time.Time { return at.Add(900 * time.Second) }})
	for _, f := range functions {
		for i := range 120 {
			page.Environment(simulator.EnvironmentChange{Time: at, Function: f.Name, Stream: strconv.Itoa(i), State: simulator.EnvironmentFrozen, Memory: 10239 << 20})
		}
		for i := range 12_345 {
			c := simulator.InvocationChange{Time: at, Phase: simulator.InvocationBegun, RequestID: strconv.Itoa(i), TraceID: "Root=" + f.Name + strconv.Itoa(i), Function: f.Name}
			page.Invocation(c)
			c.Phase, c.Time, c.Cold, c.Duration, c.Billed, c.Memory = simulator.InvocationEnded, at.Add(899*time.Second), true, 899*time.Second, 899*time.Second, 10239<<20
			if i%2 == 0 {
				c.ErrorType, c.ErrorMessage = strings.Repeat("LongTypeOfAnError", 8), strings.Repeat("a-long-message-", 30)
			}
			page.Invocation(c)
		}
	}
	server := httptest.NewServer(page)
	t.Cleanup(server.Close) // after the browser, which follows its events
	b := open(t, 1280, 900)
	b.visit(server.URL + simulator.PagePath)
	b.until("document.querySelectorAll('#rows tr').length === 3 && document.querySelectorAll('#list li').length === 50")
	if text := b.text("#rows"); !strings.Contains(text, "12,345") || !strings.Contains(text, "10,240 MB") {
		t.Errorf("the table shows\n%s", text)
	}
	b.looks("long")
	b.clean()
}
